//! `status NAME`: the story of one credential: its token, what comes next, and what came of late.

use std::io::{self, Write};

use jiff::tz::TimeZone;
use prost_types::Timestamp;
use serde_json::{Value, json};
use tokend_proto::v1::{
    Budget, Credential, GetStatusResponse, Issuance, ListBudgetsRequest, ListIssuancesRequest,
    PendingRevocation,
};

use crate::{
    arguments::Form,
    budget, clock,
    command::{issuances, show},
    daemon::{Daemon, answer},
    facts::Facts,
    failure::Failure,
    gauge,
    health::{self, Health},
    json, life, moment, outlook,
    output::Output,
    overview, span, state,
    table::{self, Cell, Tone},
    timeline,
};

/// So many issuances tell how things go, and fit a screen.
const LATELY: u32 = 10;

/// A bar that has a line to itself.
const CELLS: usize = 20;

/// What the story is told from.
struct Story<'a> {
    credential: &'a Credential,
    budgets: Vec<Budget>,
    issuances: Vec<Issuance>,
    pending: Vec<&'a PendingRevocation>,
}

/// Tells it, and returns whether a person has to act.
pub(super) async fn run(
    daemon: &Daemon,
    name: &str,
    status: &GetStatusResponse,
    form: &Form,
    output: &mut Output<impl Write>,
) -> Result<bool, Failure> {
    let is_it = |credential: &&Credential| credential.name == name;
    let credential = match status.credentials.iter().find(is_it) {
        Some(credential) => credential,
        // Why it isn't there is the daemon's to say: it may be damaged.
        None => &show::look(daemon, name).await?,
    };
    let budgets = answer(daemon.admin().list_budgets(ListBudgetsRequest {})).await?.budgets;
    let request = ListIssuancesRequest {
        name: name.to_owned(),
        page_size: LATELY,
        page_token: String::new(),
    };
    let call = answer(daemon.credentials().list_issuances(request)).await;
    let issuances = call.map_err(Failure::about(name))?.issuances;
    let shares = |budget: &Budget| budget.credentials.iter().any(|shares| shares == name);
    let pending = status.pending_revocations.iter();
    let story = Story {
        credential,
        budgets: budgets.into_iter().filter(shares).collect(),
        issuances,
        pending: pending.filter(|one| one.credential == name).collect(),
    };
    if form.json {
        json::write(output, &json(&story))?;
    } else {
        write(output, &story, &clock::now(), &clock::zone())?;
    }
    Ok(health::is_left_to_a_person(credential))
}

fn json(story: &Story<'_>) -> Value {
    json!({
        "credential": json::credential(story.credential),
        "budgets": story.budgets.iter().map(json::budget).collect::<Vec<_>>(),
        "issuances": story.issuances.iter().map(json::issuance).collect::<Vec<_>>(),
        "pending_revocations":
            story.pending.iter().map(|one| json::revocation(one)).collect::<Vec<_>>(),
    })
}

fn write(
    output: &mut Output<impl Write>,
    story: &Story<'_>,
    now: &Timestamp,
    zone: &TimeZone,
) -> io::Result<()> {
    let Story { credential, budgets, issuances, pending } = story;
    let mut facts = Facts::default();
    facts.add("name", &credential.name);
    let (word, tone) = match output.screen() {
        Some(screen) => health::marked(credential, screen.glyphs),
        None => (state::word(credential).0.to_owned(), Health::of(credential).tone()),
    };
    facts.add("state", Cell::new(&word, tone));
    facts.add("token", token(output, credential, now));
    facts.add("next", outlook::of(credential, budgets, now, zone));
    show::trouble(&mut facts, credential, now);
    let used = overview::used(credential, now);
    facts.add("used", if used.is_empty() { "not since tokend started" } else { &used });
    if budget::of(&credential.name, budgets).next().is_none() {
        facts.add("limit", "none is known");
    }
    for limit in budget::of(&credential.name, budgets) {
        facts.add("limit", limit_of(output, limit, now, zone));
    }
    for one in pending {
        facts.add("to revoke", Cell::new(&revocation(one, now, zone), Tone::Waiting));
    }
    facts.add("provider", &credential.provider);
    if let Some(budget) = budgets.first() {
        facts.add("account", &budget.account);
    }
    show::stored(&mut facts, credential, now);
    facts.write(output)?;
    writeln!(output)?;
    if issuances.is_empty() {
        return writeln!(output, "nothing was asked of the provider lately");
    }
    if let Some(screen) = output.screen() {
        let timeline = timeline::draw(credential, issuances, now, screen.width, screen.glyphs);
        table::write_cells(output, &timeline.line)?;
        writeln!(output, "{}\n{}\n", timeline.scale, timeline::legend(screen.glyphs))?;
    }
    lately(output, credential, issuances, zone)
}

/// Writes the latest issuances; on a terminal as much of each as a line has room for.
fn lately(
    output: &mut Output<impl Write>,
    credential: &Credential,
    all: &[Issuance],
    zone: &TimeZone,
) -> io::Result<()> {
    let Some(screen) = output.screen() else {
        return issuances::write(output, &credential.name, all, zone);
    };
    let rows = all.iter().map(|one| {
        let [time, _, cause, outcome, latency, message] = issuances::row(one, zone);
        [time, cause, outcome, latency, message]
    });
    let mut rows: Vec<_> = rows.collect();
    let headings = ["TIME", "CAUSE", "OUTCOME", "LATENCY", "MESSAGE"];
    let widest = |at: usize| {
        let cells = rows.iter().map(|row| row[at].width()).max().unwrap_or_default();
        cells.max(table::width(headings[at])) + overview::GAP
    };
    let room = screen.width.saturating_sub((0..4).map(widest).sum());
    for [.., message] in &mut rows {
        let short = table::shortened(message.text(), room, screen.glyphs);
        *message = Cell::new(&short, message.tone());
    }
    table::write(output, headings, rows)
}

/// Returns the life of the token so far.
fn token(output: &Output<impl Write>, credential: &Credential, now: &Timestamp) -> Cell {
    let Some(token) = &credential.token else { return Cell::new("none", Tone::Waiting) };
    let issued = token.issue_time.as_ref();
    let issued = issued.map_or_else(String::new, |time| span::between(time, now));
    let Some(end) = &token.expire_time else {
        return format!("without an end, issued {issued} ago").into();
    };
    let Some(life) = life::of(credential, now).filter(|life| !life.is_over()) else {
        let text = format!("ended {} ago, issued {issued} ago", span::between(end, now));
        return Cell::new(&text, Tone::Bad);
    };
    #[expect(clippy::cast_possible_truncation, reason = "a life is a number of whole seconds")]
    let whole = span::show(life.seconds as i64);
    let text = format!("{} left of {whole}, issued {issued} ago", span::between(now, end));
    let bar = output
        .screen()
        .map(|screen| gauge::life(life.left, life.left_at_refresh, CELLS, screen.glyphs));
    bar.map_or_else(|| text.as_str().into(), |bar| Cell::from(&text).behind(&bar))
}

/// Returns what is left of a limit, and when there is more.
fn limit_of(output: &Output<impl Write>, limit: &Budget, now: &Timestamp, zone: &TimeZone) -> Cell {
    let Budget { remaining, reserved, count, .. } = limit;
    let mut text = format!("left of {}", limit.limit);
    if limit.unknown {
        text.push_str(", which counts as spent since the store was restored");
    } else if *reserved > 0 {
        text = format!("{text}, {reserved} held back");
    }
    if let Some(time) = &limit.reset_time {
        text = format!("{text}, one more {}", moment::ahead(now, time, zone));
    }
    match limit.exhaustion_time.as_ref().filter(|time| *remaining > 0 && time.seconds > now.seconds)
    {
        Some(time) => {
            text = format!("{text}, at this pace spent {}", moment::ahead(now, time, zone));
        }
        None if *remaining > *reserved => text.push_str(", lasts"),
        None => {}
    }
    let mut cell = budget::remaining(limit).before(&text);
    if let (Some(screen), 1..) = (output.screen(), *count) {
        cell = cell.behind(&gauge::budget(*remaining, *reserved, *count, CELLS, screen.glyphs));
    }
    cell
}

fn revocation(pending: &PendingRevocation, now: &Timestamp, zone: &TimeZone) -> String {
    let since = pending.since.as_ref().map(|since| format!(" for {}", span::between(since, now)));
    let next = match &pending.retry_time {
        Some(time) => format!("the next attempt is {}", moment::ahead(now, time, zone)),
        None => "it is being asked".to_owned(),
    };
    let last = match pending.last_failure.as_str() {
        "" => String::new(),
        failure => format!(" ({failure})"),
    };
    format!(
        "a token that is served to no one{} and that the provider hasn't ended: {next}{last}",
        since.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests;
