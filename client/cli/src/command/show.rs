//! `show`: all about a credential but its secrets.

mod declaration;

use std::io::{self, Write};

use prost_types::Timestamp;
use tokend_proto::v1::{Credential, GetCredentialRequest, RejectionReports};

use crate::{
    arguments::Form,
    caller, clock,
    daemon::{Daemon, answer},
    facts::Facts,
    failure::Failure,
    json,
    output::Output,
    source, span, state,
    table::{Cell, Tone},
};

pub(super) async fn run(
    daemon: &Daemon,
    name: &str,
    toml: bool,
    form: &Form,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let credential = look(daemon, name).await?;
    if toml {
        return Ok(declaration::write(output, &credential)?);
    }
    if form.json {
        return Ok(json::write(output, &json::credential(&credential))?);
    }
    Ok(write(output, &credential, &clock::now())?)
}

/// Returns how one is, or why that can't be told.
pub(super) async fn look(daemon: &Daemon, name: &str) -> Result<Credential, Failure> {
    let request = GetCredentialRequest { name: name.to_owned() };
    let call = answer(daemon.credentials().get_credential(request)).await;
    call.map_err(Failure::about(name))
}

fn write(
    output: &mut Output<impl Write>,
    credential: &Credential,
    now: &Timestamp,
) -> io::Result<()> {
    let mut facts = Facts::default();
    facts.add("name", &credential.name);
    facts.add("provider", &credential.provider);
    facts.add("state", state::cell(credential));
    if let Some(token) = &credential.token {
        facts.add("token", &token.token_id);
        facts.add("issued", time(token.issue_time.as_ref(), now));
        let expires = token.expire_time.as_ref();
        facts.add("expires", expires.map_or("never".into(), |at| time(Some(at), now)));
        facts.add("refresh", time(token.refresh_time.as_ref(), now));
    }
    stored(&mut facts, credential, now);
    facts.add("last read", time(credential.last_use_time.as_ref(), now));
    trouble(&mut facts, credential, now);
    facts.write(output)
}

/// Adds what is stored of a credential beside its provider.
pub(super) fn stored(facts: &mut Facts, credential: &Credential, now: &Timestamp) {
    for (name, value) in &credential.variables {
        facts.add("variable", format!("{name} = {value}"));
    }
    facts.add("secrets", credential.secret_names.join(", "));
    for secret in &credential.secrets {
        if let Some(source) = &secret.source {
            facts.add("source", format!("{}: {}", secret.name, source::show(source)));
        }
        if let Some(end) = &secret.expire_time {
            facts.add("secret ends", secret_end(&secret.name, end, now));
        }
        if secret.unproven {
            let text = format!("{} hasn't worked yet; the one before is kept", secret.name);
            facts.add("new secret", text);
        }
        for problem in &secret.problems {
            facts.add("problem", Cell::new(problem, Tone::Bad));
        }
    }
    facts.add("readers", credential.readers.join(", "));
    if !credential.submitters.is_empty() {
        facts.add("submitters", credential.submitters.join(", "));
    }
    if !credential.refreshers.is_empty() {
        facts.add("refreshers", credential.refreshers.join(", "));
    }
    facts.add("policy", state::policy(credential));
    facts.add("limits", credential.limits.join(", "));
    if !credential.declared_in.is_empty() {
        facts.add("declared in", &credential.declared_in);
    }
    facts.add("created", time(credential.create_time.as_ref(), now));
    facts.add("changed", time(credential.update_time.as_ref(), now));
}

/// Adds what went wrong with a credential, and what to do.
pub(super) fn trouble(facts: &mut Facts, credential: &Credential, now: &Timestamp) {
    if let Some(failure) = &credential.last_failure {
        facts.add("failure", Cell::new(&state::failure(failure, now), Tone::Bad));
        if let Some(retry) = &failure.retry_time {
            facts.add("retry", time(Some(retry), now));
        }
        facts.add("what to do", &failure.remedy);
    }
    for reports in &credential.rejection_reports {
        facts.add("rejections", rejections(reports, now));
    }
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

pub(super) fn time(time: Option<&Timestamp>, now: &Timestamp) -> Cell {
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
