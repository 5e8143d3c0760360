//! `issuances`: when providers were asked for tokens, why, and what came of it.

use std::{
    io::{self, Write},
    time::Duration,
};

use jiff::tz::TimeZone;
use serde_json::Value;
use tokend_client::Error;
use tokend_proto::v1::{
    Issuance, ListIssuancesRequest, ListIssuancesResponse,
    issuance::{Cause, Outcome},
};

use crate::{
    arguments::Issuances,
    clock,
    daemon::{Daemon, answer},
    failure::Failure,
    json, moment,
    output::{Output, printable},
    span,
    table::{self, Cell, Tone},
};

/// The most that the daemon puts on a page.
const LONGEST_PAGE: u32 = 1_000;

pub(super) async fn run(
    daemon: &Daemon,
    Issuances { name, limit, form }: Issuances,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let name = name.unwrap_or_default();
    let page = async |page_size, page_token| {
        let request = ListIssuancesRequest { name: name.clone(), page_size, page_token };
        answer(daemon.credentials().list_issuances(request)).await
    };
    let issuances = latest(limit, page).await.map_err(|error| match name.as_str() {
        "" => error.into(),
        name => Failure::about(name)(error),
    })?;
    if form.json {
        let values = issuances.iter().map(json::issuance).collect();
        return Ok(json::write(output, &Value::Array(values))?);
    }
    Ok(write(output, &name, &issuances, &clock::zone())?)
}

/// Gathers so many issuances, or all if there are fewer, page by page.
async fn latest(
    limit: u32,
    page: impl AsyncFn(u32, String) -> Result<ListIssuancesResponse, Error>,
) -> Result<Vec<Issuance>, Error> {
    let mut issuances = Vec::new();
    let mut page_token = String::new();
    let mut missing = limit;
    loop {
        let mut got = page(missing.min(LONGEST_PAGE), page_token).await?;
        got.issuances.truncate(usize::try_from(missing).unwrap_or(usize::MAX));
        missing -=
            u32::try_from(got.issuances.len()).expect("it is no longer than what is missing");
        issuances.extend(got.issuances);
        page_token = got.next_page_token;
        if missing == 0 || page_token.is_empty() {
            return Ok(issuances);
        }
    }
}

pub(super) fn write(
    output: &mut Output<impl Write>,
    name: &str,
    issuances: &[Issuance],
    zone: &TimeZone,
) -> io::Result<()> {
    match (issuances, name) {
        ([], "") => writeln!(output, "no issuances yet; `tokend-cli add` makes the first"),
        ([], name) => {
            let name = printable(name);
            writeln!(output, "no issuances of {name} lately; `tokend-cli refresh {name}` makes one")
        }
        _ => {
            let headings = ["TIME", "CREDENTIAL", "CAUSE", "OUTCOME", "LATENCY", "MESSAGE"];
            table::write_fitting(
                output,
                headings,
                issuances.iter().map(|one| row(one, zone)).collect(),
            )
        }
    }
}

pub(super) fn row(issuance: &Issuance, zone: &TimeZone) -> [Cell; 6] {
    let credential = match issuance.credential.as_str() {
        "" => "(removed)",
        name => name,
    };
    let latency = issuance.latency.and_then(|span| Duration::try_from(span).ok());
    let message = match (issuance.message.as_str(), issuance.counted) {
        (message, true) => message.to_owned(),
        ("", false) => "(doesn't count)".to_owned(),
        (message, false) => format!("{message} (doesn't count)"),
    };
    [
        issuance.time.map_or_else(String::new, |time| moment::show(&time, zone)).into(),
        credential.into(),
        cause(issuance.cause()).into(),
        outcome(issuance.outcome(), issuance.cause()),
        latency.map_or_else(String::new, span::show_latency).into(),
        message.into(),
    ]
}

pub(super) fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Unspecified => "unknown",
        Cause::Absent => "absent",
        Cause::Aging => "aging",
        Cause::MinTtl => "min_ttl",
        Cause::Rejected => "rejected",
        Cause::Wanted => "wanted",
        Cause::Forced => "forced",
        Cause::Login => "login",
        Cause::KeepAlive => "keep-alive",
    }
}

fn outcome(outcome: Outcome, cause: Cause) -> Cell {
    match outcome {
        // That issues none.
        Outcome::Issued if cause == Cause::KeepAlive => Cell::new("kept alive", Tone::Good),
        Outcome::Unspecified | Outcome::Unknown => Cell::new("unknown", Tone::Plain),
        Outcome::Issued => Cell::new("issued", Tone::Good),
        Outcome::Limited => Cell::new("limited", Tone::Waiting),
        Outcome::Denied => Cell::new("denied", Tone::Bad),
        Outcome::Transient => Cell::new("transient", Tone::Waiting),
    }
}

#[cfg(test)]
mod tests;
