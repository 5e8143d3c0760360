//! The contract's messages as JSON: its own field names, times as in RFC 3339,
//! `null` for what isn't there.

mod event;
mod ledger;
mod ruling;
mod secret;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Write},
};

use prost_types::Timestamp;
use secrecy::{ExposeSecret as _, zeroize::Zeroizing};
use serde_json::{Value, json};
use tokend_client::{Listed, RotationSource, Target, Token};
use tokend_proto::v1::{
    self, Credential, ExplainAccessResponse, GetStatusResponse, Mistake, Provider, ProviderInput,
    RemoteOperation,
};

pub(crate) use crate::json::{
    event::event,
    ledger::{budget, issuance, revocation},
    ruling::ruling,
};
use crate::output::{Output, is_unsafe};

/// Writes a value and a line break.
pub(crate) fn write(output: &mut Output<impl Write>, value: &Value) -> io::Result<()> {
    output.write_all(escaped(format!("{value:#}")).as_bytes())
}

/// Returns a value in one line, and a line break.
pub(crate) fn line(value: &Value) -> Zeroizing<String> {
    escaped(value.to_string())
}

/// Escapes what could steer a terminal.
fn escaped(plain: String) -> Zeroizing<String> {
    let plain = Zeroizing::new(plain);
    let mut shown = Zeroizing::new(String::with_capacity(plain.len() + 1));
    for character in plain.chars() {
        // Control characters up to U+001F are escaped already; what is left of
        // the others stands in strings, where each may be escaped.
        if character != '\n' && is_unsafe(character) {
            write!(shown, "\\u{:04x}", u32::from(character)).expect("a string takes any text");
        } else {
            shown.push(character);
        }
    }
    shown.push('\n');
    shown
}

pub(crate) fn token(name: &str, token: &Token) -> Value {
    let placements = token.placements().iter().map(|placement| {
        let (place, name) = match placement.target() {
            Target::Header(name) => ("header", name.as_str()),
            Target::Query(name) => ("query", name.as_str()),
            Target::Cookie(name) => ("cookie", name.as_str()),
            Target::Body(path) => ("body", path.as_str()),
            _ => ("unknown", ""),
        };
        json!({
            place: name,
            "value": placement.value().expose_secret(),
            "writes_only": placement.writes_only(),
        })
    });
    let rotations = token.rotations().iter().map(|rule| {
        let (place, at) = match rule.source() {
            RotationSource::Header(name) => ("header", name.as_str()),
            RotationSource::Cookie(name) => ("cookie", name.as_str()),
            RotationSource::Body(path) => ("body", path.as_str()),
            _ => ("unknown", ""),
        };
        json!({ place: at, "strip_prefix": rule.strip_prefix(), "extra": rule.extra() })
    });
    let rejection = token.rejection();
    let body = rejection.body.iter().map(|rule| {
        json!({
            "path": rule.path,
            "values": rule.values,
            "other_than": rule.other_than,
            "contains": rule.contains,
            "statuses": rule.statuses,
        })
    });
    let headers = rejection.headers.iter().map(
        |rule| json!({ "name": rule.name, "contains": rule.contains, "statuses": rule.statuses }),
    );
    let rejection = json!({
        "statuses": rejection.statuses,
        "body": body.collect::<Vec<_>>(),
        "headers": headers.collect::<Vec<_>>(),
    });
    let extras = token.extras().iter().map(|(name, value)| (name.clone(), value.expose_secret()));
    json!({
        "name": name,
        "value": token.value().expose_secret(),
        "token_id": token.id(),
        "token_type": token.token_type(),
        "issue_time": time(token.issued_at().map(Timestamp::from)),
        "expire_time": time(token.expires_at().map(Timestamp::from)),
        "remaining_seconds": token.remaining().map(|life| life.as_secs()),
        "extras": extras.collect::<BTreeMap<_, _>>(),
        "placements": placements.collect::<Vec<_>>(),
        "base_url": token.base_url(),
        "hosts": token.hosts(),
        "rejection": rejection,
        "rotations": rotations.collect::<Vec<_>>(),
    })
}

pub(crate) fn listed(listed: &Listed) -> Value {
    let absence = listed
        .absence()
        .map(|absence| json!({ "reason": absence.reason(), "message": absence.to_string() }));
    json!({
        "name": listed.name(),
        "token_id": listed.token_id(),
        "expire_time": time(listed.expires_at().map(Timestamp::from)),
        "remaining_seconds": listed.remaining().map(|life| life.as_secs()),
        "absence": absence,
    })
}

pub(crate) fn credential(credential: &Credential) -> Value {
    json!({
        "name": credential.name,
        "provider": credential.provider,
        "state": credential.state().as_str_name(),
        "etag": credential.etag,
        "variables": credential.variables,
        "secret_names": credential.secret_names,
        "secrets": credential.secrets.iter().map(secret::info).collect::<Vec<_>>(),
        "readers": credential.readers,
        "submitters": credential.submitters,
        "refreshers": credential.refreshers,
        "create_time": time(credential.create_time),
        "update_time": time(credential.update_time),
        "last_use_time": time(credential.last_use_time),
        "token": credential.token.as_ref().map(|token| json!({
            "token_id": token.token_id,
            "issue_time": time(token.issue_time),
            "expire_time": time(token.expire_time),
            "refresh_time": time(token.refresh_time),
            "expired": token.expired,
        })),
        "last_failure": credential.last_failure.as_ref().map(|failure| json!({
            "reason": failure.reason,
            "message": failure.message,
            "time": time(failure.time),
            "retry_time": time(failure.retry_time),
            "consecutive": failure.consecutive,
            "remedy": failure.remedy,
        })),
        "refresh_policy": credential.refresh_policy().as_str_name(),
        "limits": credential.limits,
        "declared_in": Some(&credential.declared_in).filter(|file| !file.is_empty()),
        "rejection_reports": credential.rejection_reports.iter().map(|reports| json!({
            "uid": reports.uid,
            "count": reports.count,
            "heard": reports.heard,
            "last_time": time(reports.last_time),
        })).collect::<Vec<_>>(),
    })
}

pub(crate) fn status(status: &GetStatusResponse) -> Value {
    json!({
        "version": status.version,
        "pid": status.pid,
        "start_time": time(status.start_time),
        "state_directory": status.state_directory,
        "locked": status.locked,
        "key_source": status.key_source,
        "problems": status.problems,
        "needs_restart": status.needs_restart,
        "failed_reload": status.failed_reload.as_ref().map(|failed| json!({
            "time": time(failed.time),
            "mistakes": failed.mistakes.iter().map(mistake).collect::<Vec<_>>(),
        })),
        "credentials": status.credentials.iter().map(credential).collect::<Vec<_>>(),
        "pending_revocations":
            status.pending_revocations.iter().map(revocation).collect::<Vec<_>>(),
        "listeners": status.listeners.iter().map(|listener| json!({
            "name": listener.name,
            "socket": listener.socket,
            "credentials": listener.credentials,
            "anyone": listener.anyone,
            "submit": listener.submit,
        })).collect::<Vec<_>>(),
    })
}

/// Returns a mistake in a file; what isn't known is left out.
pub(crate) fn mistake(mistake: &Mistake) -> Value {
    let known = |number: u32| (number > 0).then_some(number);
    json!({
        "file": Some(&mistake.file).filter(|file| !file.is_empty()),
        "line": known(mistake.line),
        "column": known(mistake.column),
        "message": mistake.message,
    })
}

/// Returns a provider definition; its text is left out where it isn't known.
pub(crate) fn provider(provider: &Provider) -> Value {
    let mut value = json!({
        "name": provider.name,
        "title": provider.title,
        "documentation": provider.documentation,
        "source": provider.source,
        "inputs": provider.inputs.iter().map(input).collect::<Vec<_>>(),
        "operations": provider.operations.iter().map(operation).collect::<Vec<_>>(),
        "logins": provider.logins().map(|method| method.as_str_name()).collect::<Vec<_>>(),
    });
    if !provider.definition.is_empty() {
        value["definition"] = provider.definition.as_str().into();
    }
    value
}

pub(crate) fn operation(operation: &RemoteOperation) -> Value {
    json!({
        "name": operation.name,
        "description": operation.description,
        "arguments": operation.arguments.iter().map(input).collect::<Vec<_>>(),
    })
}

fn input(input: &ProviderInput) -> Value {
    json!({
        "name": input.name,
        "description": input.description,
        "secret": input.secret,
        "required": input.required,
        "default_value": input.default_value,
        "choices": input.choices,
    })
}

/// What is known of a token that a caller has had replaced; not the token itself.
pub(crate) fn refreshed(name: &str, token: &v1::Token) -> Value {
    json!({
        "name": name,
        "token_id": token.token_id,
        "issue_time": time(token.issue_time),
        "expire_time": time(token.expire_time),
        "refresh_time": time(token.refresh_time),
    })
}

pub(crate) fn access(access: &ExplainAccessResponse) -> Value {
    json!({
        "allowed": access.allowed,
        "rule": access.rule,
        "identity": access.identity,
        "socket_reachable": access.socket_reachable,
        "remedies": access.remedies,
        "may_submit": access.may_submit,
        "listeners": access.listeners.iter().map(|at| json!({
            "listener": at.listener,
            "socket": at.socket,
            "allowed": at.allowed,
            "rule": at.rule,
            "socket_reachable": at.socket_reachable,
        })).collect::<Vec<_>>(),
        "may_refresh": access.may_refresh,
        "notes": access.notes,
    })
}

fn time(time: Option<Timestamp>) -> Value {
    time.map_or(Value::Null, |time| time.to_string().into())
}

#[cfg(test)]
mod tests;
