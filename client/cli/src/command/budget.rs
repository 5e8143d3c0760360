//! `budget`: how much of the limits on issuances is used, and how long the rest
//! lasts.

mod accept;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use jiff::tz::TimeZone;
use prost_types::Timestamp;
use serde_json::Value;
use tokend_proto::v1::{Budget, ListBudgetsRequest};

use crate::{
    arguments::{self, BudgetCommand},
    clock,
    daemon::{Daemon, answer},
    failure::Failure,
    json, moment,
    output::{Output, printable},
    table::{self, Cell, Tone},
};

pub(super) async fn run(
    daemon: &Daemon,
    arguments::Budget { command, form }: arguments::Budget,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    if let Some(BudgetCommand::Accept(accept)) = command {
        return accept::run(daemon, accept, output).await;
    }
    let budgets = answer(daemon.admin().list_budgets(ListBudgetsRequest {})).await?.budgets;
    if form.json {
        let values = budgets.iter().map(json::budget).collect();
        return Ok(json::write(output, &Value::Array(values))?);
    }
    Ok(write(output, &budgets, &clock::now(), &clock::zone())?)
}

fn write(
    output: &mut Output<impl Write>,
    budgets: &[Budget],
    now: &Timestamp,
    zone: &TimeZone,
) -> io::Result<()> {
    if budgets.is_empty() {
        return writeln!(output, "no credentials yet; `tokend-cli add` stores one");
    }
    let (unlimited, limited): (Vec<_>, Vec<_>) =
        budgets.iter().partition(|budget| budget.limit.is_empty());
    if !limited.is_empty() {
        let headings = [
            "ACCOUNT",
            "LIMIT",
            "USED",
            "HELD BACK",
            "REMAINING",
            "NEXT FREE",
            "FORECAST",
            "CREDENTIALS",
        ];
        let rows = limited.into_iter().map(|budget| row(budget, now, zone)).collect();
        table::write(output, headings, rows)?;
        if !unlimited.is_empty() {
            writeln!(output)?;
        }
    }
    let unknown = budgets.iter().filter(|budget| budget.unknown);
    let unknown: BTreeSet<_> = unknown.filter_map(|budget| budget.credentials.first()).collect();
    if !unknown.is_empty() {
        writeln!(
            output,
            "\nThe store was restored from a backup. Nobody knows how many tokens were asked for \
             since, so limits\ncount as spent until their windows have passed. If you know, say \
             how many:"
        )?;
        for name in unknown {
            let name = printable(name);
            writeln!(output, "  tokend-cli budget accept --used N --credential {name}")?;
        }
    }
    for budget in &unlimited {
        let issuances = match budget.issued_last_day {
            1 => "1 issuance".to_owned(),
            count => format!("{count} issuances"),
        };
        writeln!(
            output,
            "{}: no limit is known, {issuances} in the last day ({})",
            printable(&budget.account),
            printable(&budget.credentials.join(", "))
        )?;
    }
    if !unlimited.is_empty() {
        writeln!(output, "to state a limit: tokend-cli set NAME --limit 50/12h")?;
    }
    Ok(())
}

fn row(budget: &Budget, now: &Timestamp, zone: &TimeZone) -> [Cell; 8] {
    let used = match budget.count {
        count if budget.unknown && count > 0 => format!("?/{count}"),
        0 => budget.used.to_string(),
        count => format!("{}/{count}", budget.used),
    };
    let next = budget.reset_time.map_or_else(String::new, |at| moment::ahead(now, &at, zone));
    [
        (&budget.account).into(),
        (&budget.limit).into(),
        used.into(),
        budget.reserved.to_string().into(),
        budget.remaining.to_string().into(),
        next.into(),
        forecast(budget, now, zone),
        budget.credentials.join(", ").into(),
    ]
}

/// Returns how long what is left lasts.
fn forecast(budget: &Budget, now: &Timestamp, zone: &TimeZone) -> Cell {
    if budget.remaining == 0 {
        let next = budget.reset_time.map(|at| moment::ahead(now, &at, zone));
        let spent = if budget.unknown { "counts as spent" } else { "spent" };
        let spent = next.map_or_else(|| spent.to_owned(), |next| format!("{spent}: next {next}"));
        return Cell::new(&spent, Tone::Bad);
    }
    match &budget.exhaustion_time {
        None => Cell::new("lasts", Tone::Good),
        // Refreshes ahead of expiry find nothing left already.
        Some(at) if at.seconds <= now.seconds => {
            Cell::new("spent but for what is held back", Tone::Waiting)
        }
        Some(at) => {
            let at = moment::ahead(now, at, zone);
            Cell::new(&format!("at this pace spent {at}"), Tone::Waiting)
        }
    }
}
