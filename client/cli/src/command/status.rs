//! `status`: how the daemon and all credentials are, and what to do.

mod story;

use std::io::{self, Write};

use prost_types::Timestamp;
use tokend_proto::v1::{
    Budget, Credential, GetStatusRequest, GetStatusResponse, ListBudgetsRequest, Listener,
};

use super::revocations;
use crate::{
    arguments::Status,
    budget, caller, clock,
    daemon::{Daemon, answer},
    exit::Exit,
    failure::Failure,
    health, json,
    output::{Output, printable},
    overview, paragraph,
    screen::Screen,
    span, state, table,
};

/// So many refused tokens in a row can be an API's fault; of more, whoever reports
/// them should hear that it isn't the tokens.
const FEW_REPORTS: u32 = 9;

/// Reports a day apart are no row (see the contract); who reported last before that
/// has no trouble now.
const ROW: i64 = 24 * 3_600;

pub(super) async fn run(
    daemon: &Daemon,
    Status { name, check, form }: Status,
    output: &mut Output<impl Write>,
) -> Result<Exit, Failure> {
    let status = answer(daemon.admin().get_status(GetStatusRequest {})).await?;
    let needs_a_person = match &name {
        Some(name) if !status.locked => story::run(daemon, name, &status, &form, output).await?,
        _ => {
            if form.json {
                json::write(output, &json::status(&status))?;
            } else if status.locked {
                locked(output, &status, &clock::now())?;
            } else {
                let call = answer(daemon.admin().list_budgets(ListBudgetsRequest {})).await?;
                write(output, &status, &call.budgets, &clock::now())?;
            }
            health::needs_a_person(&status)
        }
    };
    output.flush()?;
    Ok(if check && needs_a_person { Exit::PersonNeeded } else { Exit::Done })
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
    let GetStatusResponse { version, pid, state_directory, .. } = status;
    let line = format!("tokend {version}, process {pid}{since}, state in {state_directory}");
    paragraph::write(output, 0, &line)?;
    if status.version != env!("CARGO_PKG_VERSION") {
        writeln!(output, "tokend-cli {}", env!("CARGO_PKG_VERSION"))?;
    }
    for problem in &status.problems {
        paragraph::write(output, 0, &format!("problem: {problem}"))?;
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
        paragraph::write(output, 0, &format!("problem: {problem}"))?;
    }
    writeln!(output)?;
    let pending = &status.pending_revocations;
    if status.credentials.is_empty() && status.problems.is_empty() && pending.is_empty() {
        writeln!(output, "no credentials yet; `tokend-cli add` stores one")?;
        return listeners(output, status);
    }
    let mut credentials: Vec<_> = status.credentials.iter().collect();
    health::urgent_first(&mut credentials);
    match output.screen() {
        Some(screen) => glance(output, &credentials, budgets, now, screen)?,
        None => plain(output, &credentials, budgets, now)?,
    }
    if !pending.is_empty() {
        writeln!(output, "\nserved to no one any more, but not revoked by the provider yet:")?;
        revocations::write(output, pending, now)?;
    }
    listeners(output, status)?;
    if credentials.is_empty() {
        return Ok(());
    }
    writeln!(output)?;
    paragraph::write(output, 0, &health::sum(&status.credentials))
}

/// Writes a table for programs, and what to do.
fn plain(
    output: &mut Output<impl Write>,
    credentials: &[&Credential],
    budgets: &[Budget],
    now: &Timestamp,
) -> io::Result<()> {
    let row = |credential: &&Credential| {
        let failure = credential.last_failure.as_ref();
        [
            (&credential.name).into(),
            state::cell(credential),
            state::expires_in(credential, now).into(),
            state::refresh_in(credential, now).into(),
            budget::left(&credential.name, budgets),
            overview::used(credential, now).into(),
            failure.map_or_else(String::new, |failure| state::failure(failure, now)).into(),
        ]
    };
    let headings =
        ["NAME", "STATE", "EXPIRES IN", "REFRESH IN", "TOKENS LEFT", "LAST USE", "LAST FAILURE"];
    table::write(output, headings, credentials.iter().map(row).collect())?;
    for (at, (credential, remedy)) in remedies(credentials).enumerate() {
        if at == 0 {
            writeln!(output, "\nwhat to do:")?;
        }
        writeln!(output, "  {}: {}", printable(&credential.name), printable(remedy))?;
    }
    Ok(())
}

/// Writes a table for a person, and what to do.
fn glance(
    output: &mut Output<impl Write>,
    credentials: &[&Credential],
    budgets: &[Budget],
    now: &Timestamp,
    screen: Screen,
) -> io::Result<()> {
    let grid = overview::fit(credentials, budgets, now, screen);
    table::write_wide(output, &grid.headings, grid.rows)?;
    for (at, (credential, remedy)) in remedies(credentials).enumerate() {
        if at == 0 {
            writeln!(output, "\nwhat to do:")?;
        }
        let failure = credential.last_failure.as_ref().filter(|_| !grid.tells_failures);
        match failure {
            Some(failure) => {
                let failure = state::failure(failure, now);
                paragraph::write(output, 2, &format!("{}: {failure}", credential.name))?;
                paragraph::write(output, 4, remedy)?;
            }
            None => paragraph::write(output, 2, &format!("{}: {remedy}", credential.name))?,
        }
    }
    Ok(())
}

/// Returns what to do about credentials whose last issuance failed.
fn remedies<'a>(
    credentials: &'a [&Credential],
) -> impl Iterator<Item = (&'a Credential, &'a String)> {
    credentials.iter().filter_map(|credential| {
        let remedy = &credential.last_failure.as_ref()?.remedy;
        (!remedy.is_empty()).then_some((*credential, remedy))
    })
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
    table::write_fitting(output, headings, listeners.iter().map(row).collect())
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
