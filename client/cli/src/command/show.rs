//! `show`: all about a credential but its secrets.

mod declaration;

use std::io::{self, Write};

use prost_types::Timestamp;
use tokend_proto::v1::{Credential, GetCredentialRequest, RejectionReports};

use crate::{
    arguments::Form,
    caller, clock,
    daemon::{Daemon, answer},
    failure::Failure,
    json,
    output::Output,
    source, span, state,
    table::{self, Cell, Tone},
};

pub(super) async fn run(
    daemon: &Daemon,
    name: String,
    toml: bool,
    form: &Form,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let request = GetCredentialRequest { name: name.clone() };
    let call = answer(daemon.credentials().get_credential(request)).await;
    let credential = call.map_err(Failure::about(&name))?;
    if toml {
        return Ok(declaration::write(output, &credential)?);
    }
    if form.json {
        return Ok(json::write(output, &json::credential(&credential))?);
    }
    Ok(write(output, &credential, &clock::now())?)
}

fn write(
    output: &mut Output<impl Write>,
    credential: &Credential,
    now: &Timestamp,
) -> io::Result<()> {
    let mut rows: Vec<[Cell; 2]> = Vec::new();
    let mut row = |label: &str, value: Cell| rows.push([Cell::new(label, Tone::Heading), value]);
    row("name", (&credential.name).into());
    row("provider", (&credential.provider).into());
    row("state", state::cell(credential));
    if let Some(token) = &credential.token {
        row("token", (&token.token_id).into());
        row("issued", time(token.issue_time.as_ref(), now));
        row("expires", token.expire_time.as_ref().map_or("never".into(), |at| time(Some(at), now)));
        row("refresh", time(token.refresh_time.as_ref(), now));
    }
    for (name, value) in &credential.variables {
        row("variable", format!("{name} = {value}").into());
    }
    row("secrets", credential.secret_names.join(", ").into());
    for secret in &credential.secrets {
        if let Some(source) = &secret.source {
            row("source", format!("{}: {}", secret.name, source::show(source)).into());
        }
        if let Some(end) = &secret.expire_time {
            row("secret ends", secret_end(&secret.name, end, now));
        }
        if secret.unproven {
            let text = format!("{} hasn't worked yet; the one before is kept", secret.name);
            row("new secret", text.into());
        }
        for problem in &secret.problems {
            row("problem", Cell::new(problem, Tone::Bad));
        }
    }
    row("readers", credential.readers.join(", ").into());
    if !credential.submitters.is_empty() {
        row("submitters", credential.submitters.join(", ").into());
    }
    if !credential.refreshers.is_empty() {
        row("refreshers", credential.refreshers.join(", ").into());
    }
    row("policy", state::policy(credential).into());
    row("limits", credential.limits.join(", ").into());
    if !credential.declared_in.is_empty() {
        row("declared in", (&credential.declared_in).into());
    }
    row("created", time(credential.create_time.as_ref(), now));
    row("changed", time(credential.update_time.as_ref(), now));
    row("last read", time(credential.last_use_time.as_ref(), now));
    if let Some(failure) = &credential.last_failure {
        row("failure", Cell::new(&state::failure(failure, now), Tone::Bad));
        if let Some(retry) = &failure.retry_time {
            row("retry", time(Some(retry), now));
        }
        row("what to do", (&failure.remedy).into());
    }
    for reports in &credential.rejection_reports {
        row("rejections", rejections(reports, now).into());
    }
    table::align(output, &rows)
}

/// Returns who has reported tokens as refused, how often, and what it led to.
fn rejections(reports: &RejectionReports, now: &Timestamp) -> String {
    let RejectionReports { uid, count, heard, last_time } = reports;
    let last = last_time
        .map_or_else(String::new, |last| format!(", the last {} ago", span::between(&last, now)));
    format!("{}: {count} in a row, {heard} heard{last}", caller::user(*uid))
}

fn secret_end(name: &str, end: &Timestamp, now: &Timestamp) -> Cell {
    let span = span::between(now, end);
    if end.seconds > now.seconds {
        format!("{name}: in {span} ({end})").into()
    } else {
        Cell::new(&format!("{name}: ended ({end})"), Tone::Bad)
    }
}

fn time(time: Option<&Timestamp>, now: &Timestamp) -> Cell {
    match time {
        None => "".into(),
        Some(time) if time.seconds > now.seconds => {
            format!("in {} ({time})", span::between(now, time)).into()
        }
        Some(time) => format!("{} ago ({time})", span::between(time, now)).into(),
    }
}

#[cfg(test)]
mod tests;
