//! An event in a line.

use std::{
    borrow::Cow,
    io::{self, Write},
    time::Duration,
};

use jiff::tz::TimeZone;
use prost_types::Timestamp;
use tokend_proto::v1::{Event, event::Kind, issuance::Cause, report_rejection_response::Outcome};

use crate::{
    command::issuances,
    moment,
    output::{Output, printable},
    span,
    table::Tone,
};

/// Most names are shorter; lines aren't held back until the longest is known.
const NAME: usize = 16;

/// The longest word for what happened.
const KIND: usize = "revocation failed".len();

pub(super) fn write(
    output: &mut Output<impl Write>,
    event: &Event,
    zone: &TimeZone,
) -> io::Result<()> {
    let time = event.time.map_or_else(|| " ".repeat(19), |time| moment::show(&time, zone));
    let name = match event.credential.as_str() {
        "" => Cow::Borrowed("-"),
        name => printable(name),
    };
    let (kind, tone) = kind(event);
    let text = text(event);
    let text = printable(&text);
    // Nothing is padded at the end of a line.
    let width = if text.is_empty() { 0 } else { KIND };
    write!(output, "{time}  {name:<NAME$}  ")?;
    tone.write(output, kind, width)?;
    let gap = if text.is_empty() { "" } else { "  " };
    writeln!(output, "{gap}{text}")
}

fn kind(event: &Event) -> (&'static str, Tone) {
    match event.kind() {
        Kind::Unspecified => ("another event", Tone::Plain),
        Kind::Started => ("started", Tone::Plain),
        Kind::Issued if event.cause() == Cause::KeepAlive => ("kept alive", Tone::Good),
        Kind::Issued => ("issued", Tone::Good),
        Kind::Failed if event.retry_time.is_none() => ("failed", Tone::Bad),
        Kind::Failed => ("failed", Tone::Waiting),
        Kind::Limited => ("limited", Tone::Waiting),
        Kind::LoginNeeded => ("login needed", Tone::Bad),
        Kind::Rejected if event.ruling() == Outcome::CredentialDead => ("rejected", Tone::Bad),
        Kind::Rejected => ("rejected", Tone::Waiting),
        Kind::Submitted => ("submitted", Tone::Good),
        Kind::Expired => ("expired", Tone::Waiting),
        Kind::Created => ("created", Tone::Plain),
        Kind::Removed => ("removed", Tone::Plain),
        Kind::AccessChanged => ("access changed", Tone::Plain),
        Kind::TermsChanged => ("terms changed", Tone::Plain),
        Kind::Declared => ("declared", Tone::Plain),
        Kind::MadeAnew => ("made anew", Tone::Plain),
        Kind::SecretsReplaced => ("secrets replaced", Tone::Plain),
        Kind::Dropped => ("dropped", Tone::Plain),
        Kind::Revoked => ("revoked", Tone::Good),
        Kind::RevocationFailed if event.retry_time.is_none() => ("revocation failed", Tone::Bad),
        Kind::RevocationFailed => ("revocation failed", Tone::Waiting),
        Kind::Restored => ("restored", Tone::Bad),
        Kind::Reloaded => ("reloaded", Tone::Plain),
        Kind::ReloadFailed => ("reload failed", Tone::Bad),
        Kind::StoreFailed => ("store failed", Tone::Bad),
        Kind::StoreRecovered => ("store recovered", Tone::Good),
        Kind::Missed => ("missed", Tone::Waiting),
    }
}

/// Says what else there is to say.
fn text(event: &Event) -> String {
    let mut parts = Vec::new();
    match event.kind() {
        Kind::Issued | Kind::Failed => parts.push(issuances::cause(event.cause()).to_owned()),
        Kind::Rejected => parts.push(ruling(event.ruling()).to_owned()),
        Kind::Missed => parts.push(format!("{} events are gone that aren't here", event.missed)),
        Kind::Restored => parts.push("from a backup: tokend-cli status".to_owned()),
        _ => {}
    }
    if !event.message.is_empty() {
        parts.push(event.message.clone());
    }
    if !event.command.is_empty() {
        parts.push(format!("run {}", event.command));
    }
    if event.consecutive > 1 {
        parts.push(format!("{} in a row", event.consecutive));
    }
    let latency = event.latency.and_then(|span| Duration::try_from(span).ok());
    if let Some(latency) = latency.filter(|_| event.kind() != Kind::Failed) {
        parts.push(format!("took {}", span::show_latency(latency)));
    }
    let then = |time: &Option<Timestamp>| {
        let (now, time) = (event.time.as_ref()?, time.as_ref()?);
        // A part of a second counts as one.
        let rest = i64::from(time.nanos > now.nanos);
        Some(span::show(time.seconds.saturating_sub(now.seconds).saturating_add(rest)))
    };
    if matches!(event.kind(), Kind::Issued | Kind::Submitted) {
        let life = then(&event.expire_time);
        parts.push(life.map_or_else(|| "never expires".to_owned(), |it| format!("lives {it}")));
    }
    if let Some(wait) = then(&event.retry_time) {
        parts.push(format!("again in {wait}"));
    } else if event.kind() == Kind::Failed && event.cause() != Cause::Login {
        parts.push(format!("see tokend-cli show {}", event.credential));
    } else if event.kind() == Kind::RevocationFailed {
        parts.push("given up".to_owned());
    }
    if let Some(uid) = event.uid {
        parts.push(format!("by uid {uid}"));
    }
    parts.join(", ")
}

fn ruling(ruling: Outcome) -> &'static str {
    match ruling {
        Outcome::Unspecified | Outcome::InFlight => "no word yet",
        Outcome::Superseded => "another token was there already",
        Outcome::Refreshed => "a new token was issued",
        Outcome::Suppressed => "no new token for now",
        Outcome::NotATokenProblem => "it isn't the token",
        Outcome::CredentialDead => "no other token can be had",
    }
}

#[cfg(test)]
mod tests;
