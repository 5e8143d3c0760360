//! Tells by a token's rules what an API's answer says of it.

use bytes::Bytes;
use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE},
    response::Parts,
};
use serde_json::Value;

use super::json;
use crate::{BodyRule, HeaderRule, Rejection, RejectionRules, RotationSource, Token, path};

/// The code by which an API says that it doesn't take a token (RFC 6750 §3.1), and we where
/// a rule says that the answer amounts to that: 403, say, doesn't by itself.
const INVALID_TOKEN: &str = "invalid_token";

/// The status that stands for `UNAUTHENTICATED` in gRPC (its `grpc-status`).
const UNAUTHENTICATED: &str = "16";

/// Tells whether what an answer says of the token can be in its body, and whether that is
/// one that ends and can be read.
pub(super) fn is_in_body(head: &Parts, token: &Token, limit: usize) -> bool {
    let is_plain = head.headers.get(CONTENT_ENCODING).is_none_or(|coding| coding == "identity");
    let length = header(&head.headers, CONTENT_LENGTH.as_str());
    let length = length.and_then(|length| length.parse::<u64>().ok()).unwrap_or(0);
    if limit == 0 || !is_plain || length > limit as u64 || is_grpc(&head.headers) {
        return false;
    }
    let kind = header(&head.headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    let rules = token.rejection();
    let (text, fields): (Vec<_>, Vec<_>) = rules
        .body
        .iter()
        .filter(|rule| is_among(head.status, &rule.statuses))
        .partition(|rule| rule.path.is_empty());
    let rotates = rotates_in_body(token);
    let may_be_json = json::is_json(kind) || is_text(kind, &["html", "event-stream"]);
    (!text.is_empty() && (json::is_json(kind) || is_text(kind, &["event-stream"])))
        || ((!fields.is_empty() || rotates) && may_be_json)
}

/// Tells whether a newer token can be in an answer's body.
pub(super) fn rotates_in_body(token: &Token) -> bool {
    token.rotations().iter().any(|rule| matches!(rule.source(), RotationSource::Body(_)))
}

/// Returns the report that an answer wants, if it says that the token was refused. The body
/// is there if it was read.
pub(super) fn refusal(head: &Parts, body: Option<&Bytes>, token: &Token) -> Option<Rejection> {
    let rules = token.rejection();
    let report = Rejection::of(token).status(head.status.as_u16());
    if is_grpc(&head.headers) {
        let unauthenticated = header(&head.headers, "grpc-status") == Some(UNAUTHENTICATED);
        let is_refused = unauthenticated && rules.statuses.contains(&401);
        return is_refused.then(|| Rejection::of(token).status(401));
    }
    if says_so(rules, head, body) {
        return Some(report.code(INVALID_TOKEN));
    }
    rules.statuses.contains(&head.status.as_u16()).then(|| match challenge(&head.headers) {
        Some(code) => report.code(code),
        None => report,
    })
}

fn says_so(rules: &RejectionRules, head: &Parts, body: Option<&Bytes>) -> bool {
    let in_header = |rule: &HeaderRule| {
        let part = rule.contains.to_lowercase();
        let mut values = head.headers.get_all(rule.name.as_str()).iter();
        is_among(head.status, &rule.statuses)
            && values.any(|value| {
                String::from_utf8_lossy(value.as_bytes()).to_lowercase().contains(&part)
            })
    };
    if rules.headers.iter().any(in_header) {
        return true;
    }
    let Some(body) = body else { return false };
    let mut rules =
        rules.body.iter().filter(|rule| is_among(head.status, &rule.statuses)).peekable();
    if rules.peek().is_none() {
        return false;
    }
    let json = serde_json::from_slice(body).unwrap_or(Value::Null);
    rules.any(|rule| {
        if rule.path.is_empty() {
            return matches(rule, &String::from_utf8_lossy(body));
        }
        path::values(&json, &rule.path)
            .into_iter()
            .filter_map(text)
            .any(|text| matches(rule, &text))
    })
}

fn matches(rule: &BodyRule, text: &str) -> bool {
    let is_one_of = |values: &[String]| values.iter().any(|value| value == text);
    let has_value = rule.values.is_empty() || is_one_of(&rule.values);
    let is_other = rule.other_than.is_empty() || !is_one_of(&rule.other_than);
    has_value && is_other && text.contains(&rule.contains)
}

/// Returns a value as text, numbers and booleans in their JSON form. Nothing else is one.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Returns the code in a challenge: `Bearer error="invalid_token"` (RFC 6750 §3).
fn challenge(headers: &HeaderMap) -> Option<String> {
    let challenges =
        headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let codes = ["insufficient_scope", INVALID_TOKEN, "invalid_request"];
    challenges
        .flat_map(|challenge| challenge.split([' ', ',']))
        .filter_map(|part| part.trim().strip_prefix("error="))
        .map(|code| code.trim_matches('"'))
        .find(|code| codes.contains(code))
        .map(str::to_owned)
}

fn is_among(status: StatusCode, statuses: &[u16]) -> bool {
    statuses.is_empty() || statuses.contains(&status.as_u16())
}

fn is_grpc(headers: &HeaderMap) -> bool {
    header(headers, CONTENT_TYPE.as_str()).is_some_and(|kind| kind.starts_with("application/grpc"))
}

/// Tells whether a content type is text, or says nothing, and isn't one of these.
fn is_text(kind: &str, but: &[&str]) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.split_once('/') {
        Some(("text", kind)) => !but.contains(&kind),
        Some(("application", kind)) => {
            matches!(kind, "javascript" | "xml") || kind.ends_with("+xml")
        }
        Some(_) => false,
        None => true,
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests;
