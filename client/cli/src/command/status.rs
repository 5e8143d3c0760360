//! `status`: how the daemon and all credentials are, and what to do.

use std::io::{self, Write};

use prost_types::Timestamp;
use tokend_proto::v1::{
    Budget, Credential, GetStatusRequest, GetStatusResponse, ListBudgetsRequest, Listener,
};

use super::revocations;
use crate::{
    arguments::Form,
    caller, clock,
    daemon::{Daemon, answer},
    failure::Failure,
    json,
    output::{Output, printable},
    span, state,
    table::{self, Cell, Tone},
};

/// So many refused tokens in a row can be an API's fault; of more, whoever reports
/// them should hear that it isn't the tokens.
const FEW_REPORTS: u32 = 9;

/// Reports a day apart are no row (see the contract); who reported last before that
/// has no trouble now.
const ROW: i64 = 24 * 3_600;

pub(super) async fn run(
    daemon: &Daemon,
    form: &Form,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let status = answer(daemon.admin().get_status(GetStatusRequest {})).await?;
    if form.json {
        return Ok(json::write(output, &json::status(&status))?);
    }
    if status.locked {
        return Ok(locked(output, &status, &clock::now())?);
    }
    let budgets = answer(daemon.admin().list_budgets(ListBudgetsRequest {})).await?.budgets;
    Ok(write(output, &status, &budgets, &clock::now())?)
}

/// Says that it is locked, and nothing of credentials: nothing is known of them.
fn locked(
    output: &mut Output<impl Write>,
    status: &GetStatusResponse,
    now: &Timestamp,
) -> io::Result<()> {
    head(output, status, now)?;
    writeln!(
        output,
        "\nlocked: nothing is served until `tokend-cli unlock` gives the passphrase of the store"
    )
}

fn head(
    output: &mut Output<impl Write>,
    status: &GetStatusResponse,
    now: &Timestamp,
) -> io::Result<()> {
    let since = status
        .start_time
        .as_ref()
        .map_or_else(String::new, |start| format!(", running for {}", span::between(start, now)));
    writeln!(
        output,
        "tokend {}, process {}{since}, state in {}",
        printable(&status.version),
        status.pid,
        printable(&status.state_directory)
    )?;
    if status.version != env!("CARGO_PKG_VERSION") {
        writeln!(output, "tokend-cli {}", env!("CARGO_PKG_VERSION"))?;
    }
    for problem in &status.problems {
        writeln!(output, "problem: {}", printable(problem))?;
    }
    Ok(())
}

fn write(
    output: &mut Output<impl Write>,
    status: &GetStatusResponse,
    budgets: &[Budget],
    now: &Timestamp,
) -> io::Result<()> {
    head(output, status, now)?;
    for problem in status.credentials.iter().flat_map(|credential| misled(credential, now)) {
        writeln!(output, "problem: {}", printable(&problem))?;
    }
    writeln!(output)?;
    let pending = &status.pending_revocations;
    if status.credentials.is_empty() && status.problems.is_empty() && pending.is_empty() {
        writeln!(output, "no credentials yet; `tokend-cli add` stores one")?;
        return listeners(output, status);
    }
    let row = |credential: &Credential| {
        let failure = credential.last_failure.as_ref();
        [
            (&credential.name).into(),
            state::cell(credential),
            state::expires_in(credential, now).into(),
            state::refresh_in(credential, now).into(),
            left(&credential.name, budgets),
            failure.map_or_else(String::new, |failure| state::failure(failure, now)).into(),
        ]
    };
    let headings = ["NAME", "STATE", "EXPIRES IN", "REFRESH IN", "TOKENS LEFT", "LAST FAILURE"];
    table::write(output, headings, status.credentials.iter().map(row).collect())?;

    let remedies = status.credentials.iter().filter_map(|credential| {
        let remedy = &credential.last_failure.as_ref()?.remedy;
        (!remedy.is_empty()).then_some((&credential.name, remedy))
    });
    for (at, (name, remedy)) in remedies.enumerate() {
        if at == 0 {
            writeln!(output, "\nwhat to do:")?;
        }
        writeln!(output, "  {}: {}", printable(name), printable(remedy))?;
    }
    if !pending.is_empty() {
        writeln!(output, "\nserved to no one any more, but not revoked by the provider yet:")?;
        revocations::write(output, pending, now)?;
    }
    listeners(output, status)
}

/// Writes which sockets there are for containers.
fn listeners(
    output: &mut Output<impl Write>,
    GetStatusResponse { listeners, credentials, .. }: &GetStatusResponse,
) -> io::Result<()> {
    if listeners.is_empty() {
        return Ok(());
    }
    let exists = |name: &String| credentials.iter().any(|credential| credential.name == *name);
    let row = |listener: &Listener| {
        let there = |name: &String| if exists(name) { "" } else { " (not there yet)" };
        let names = listener.credentials.iter().map(|name| format!("{name}{}", there(name)));
        let whom = match (listener.anyone, listener.submit) {
            (true, true) => "anyone who connects, also to submit",
            (true, false) => "anyone who connects",
            (false, true) => "their readers, also to submit",
            (false, false) => "their readers",
        };
        [
            (&listener.name).into(),
            names.collect::<Vec<_>>().join(", ").into(),
            whom.into(),
            (&listener.socket).into(),
        ]
    };
    writeln!(output)?;
    let headings = ["LISTENER", "CREDENTIALS", "FOR", "SOCKET"];
    table::write(output, headings, listeners.iter().map(row).collect())
}

/// Returns how many more tokens the tightest of a credential's limits allows.
fn left(name: &str, budgets: &[Budget]) -> Cell {
    let limits = budgets.iter().filter(|budget| {
        !budget.limit.is_empty() && budget.credentials.iter().any(|shares| shares == name)
    });
    let Some(tightest) = limits.min_by_key(|budget| budget.remaining) else {
        return "".into();
    };
    let Budget { remaining, count, reserved, .. } = tightest;
    let text = match count {
        0 => remaining.to_string(),
        count => format!("{remaining} of {count}"),
    };
    let tone = match remaining {
        0 => Tone::Bad,
        remaining if remaining <= reserved => Tone::Waiting,
        _ => Tone::Good,
    };
    Cell::new(&text, tone)
}

/// Names the users who report token after token: they are heard once an hour, so
/// that what refuses them goes on until someone looks.
fn misled(credential: &Credential, now: &Timestamp) -> impl Iterator<Item = String> {
    let is_recent = |last: &Timestamp| now.seconds.saturating_sub(last.seconds) < ROW;
    let reports = credential.rejection_reports.iter().filter(move |reports| {
        reports.count > FEW_REPORTS && reports.last_time.as_ref().is_none_or(is_recent)
    });
    reports.map(|reports| {
        let (user, name) = (caller::user(reports.uid), &credential.name);
        format!(
            "{user} has reported tokens of {name} as refused {} times in a row: most likely it \
             isn't the tokens; see what the API answers that user's programs",
            reports.count
        )
    })
}

#[cfg(test)]
mod tests;
