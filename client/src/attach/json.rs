//! Puts a token into fields of a JSON body.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{
    HeaderValue,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
    request::Parts,
};
use secrecy::ExposeSecret as _;
use serde_json::value::RawValue;

use super::{AttachError, place};
use crate::{Target, Token, path};

/// Tells whether a token goes into the bodies of requests like this one.
pub(super) fn concerns(parts: &Parts, token: &Token) -> bool {
    place::placements(token, &parts.method)
        .any(|placement| matches!(placement.target(), Target::Body(_)))
}

/// Returns a body with the token in it; whatever else is in it stays as it was written, but
/// for the order of names along the way. A request without a body gets one.
///
/// # Errors
/// [`AttachError::Body`] if that isn't JSON, or has no place for the token.
pub(super) fn put(parts: &mut Parts, body: &Bytes, token: &Token) -> Result<Bytes, AttachError> {
    if parts.headers.contains_key(CONTENT_ENCODING) {
        return Err(AttachError::Body("it is compressed"));
    }
    let kind = parts.headers.get(CONTENT_TYPE);
    if kind.is_some_and(|kind| !kind.to_str().is_ok_and(is_json)) {
        return Err(AttachError::Body("its content type isn't JSON"));
    }
    let body = if body.is_empty() { b"{}" } else { &body[..] };
    let mut body: Box<RawValue> = serde_json::from_slice(body).map_err(|_| NOT_JSON)?;
    for placement in place::placements(token, &parts.method) {
        if let Target::Body(path) = placement.target() {
            body = set(&body, &path::names(path), placement.value().expose_secret())?;
        }
    }
    let body = Bytes::from(body.get().to_owned());
    parts.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    if parts.headers.contains_key(CONTENT_LENGTH) {
        parts.headers.insert(CONTENT_LENGTH, body.len().into());
    }
    Ok(body)
}

const NOT_JSON: AttachError = AttachError::Body("it isn't JSON");

/// Tells whether a content type is JSON as a whole, no stream of it (RFC 6839 §3.1).
pub(super) fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_stream = matches!(&*kind, "application/stream+json");
    matches!(&*kind, "application/json" | "text/json") || kind.ends_with("+json") && !is_stream
}

/// Returns a value in which a text stands where the names lead.
fn set(value: &RawValue, names: &[String], text: &str) -> Result<Box<RawValue>, AttachError> {
    let Some((name, rest)) = names.split_first() else {
        return serde_json::value::to_raw_value(text).map_err(|_| NOT_JSON);
    };
    let nothing = || RawValue::from_string("{}".to_owned()).map_err(|_| NOT_JSON);
    let raw = if value.get() == "null" { &nothing()? } else { value };
    if raw.get().starts_with('[') {
        let mut items: Vec<Box<RawValue>> =
            serde_json::from_str(raw.get()).map_err(|_| NOT_JSON)?;
        let item = name.parse::<usize>().ok().and_then(|position| items.get_mut(position));
        let item = item.ok_or(AttachError::Body("an array in it ends before the token's place"))?;
        *item = set(item, rest, text)?;
        return serde_json::value::to_raw_value(&items).map_err(|_| NOT_JSON);
    }
    if !raw.get().starts_with('{') {
        return Err(AttachError::Body("something else stands in the token's way"));
    }
    let mut fields: BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(raw.get()).map_err(|_| NOT_JSON)?;
    let field = match fields.remove(name) {
        Some(field) => field,
        None => nothing()?,
    };
    fields.insert(name.clone(), set(&field, rest, text)?);
    serde_json::value::to_raw_value(&fields).map_err(|_| NOT_JSON)
}

#[cfg(test)]
mod tests {
    use tokend_proto::v1::placement;

    use super::*;
    use crate::attach::sample;

    fn put_at(path: &str, kind: Option<&'static str>, body: &str) -> Result<String, String> {
        let token = sample::token(|token| {
            token.placements = vec![sample::put(placement::Target::Body(path.to_owned()), "t\"1")];
        });
        let (mut parts, ()) = http::Request::post("/").body(()).unwrap().into_parts();
        parts.headers.insert(CONTENT_LENGTH, body.len().into());
        parts.headers.extend(kind.map(|kind| (CONTENT_TYPE, HeaderValue::from_static(kind))));
        assert!(concerns(&parts, &token));
        let body = put(&mut parts, &Bytes::copy_from_slice(body.as_bytes()), &token)
            .map_err(|error| error.to_string())?;
        assert_eq!(parts.headers[CONTENT_LENGTH], body.len().to_string().as_str());
        assert!(is_json(parts.headers[CONTENT_TYPE].to_str().unwrap()));
        Ok(String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn a_field_is_set_and_all_else_stays_as_it_was_written() {
        let json = Some("application/json; charset=utf-8");
        for (path, body, expected) in [
            ("session", "", r#"{"session":"t\"1"}"#),
            ("session", "{}", r#"{"session":"t\"1"}"#),
            ("session", r#"{"session":"old","n":1e400}"#, r#"{"n":1e400,"session":"t\"1"}"#),
            ("a.b", r#" {"a": null } "#, r#"{"a":{"b":"t\"1"}}"#),
            (
                "a.1.b",
                r#"{"a":[ 0,{"c" : 12345678901234567890123}]}"#,
                r#"{"a":[0,{"b":"t\"1","c":12345678901234567890123}]}"#,
            ),
            (r"a\.b", "{}", r#"{"a.b":"t\"1"}"#),
        ] {
            assert_eq!(put_at(path, json, body).as_deref(), Ok(expected), "{path} {body}");
            assert_eq!(put_at(path, None, body).as_deref(), Ok(expected), "{path} {body}");
        }
    }

    #[test]
    fn a_body_without_a_place_for_the_token_is_an_error_that_says_why() {
        for (path, kind, body, why) in [
            ("a", Some("application/x-www-form-urlencoded"), "a=b", "its content type isn't JSON"),
            ("a", None, "a=b", "it isn't JSON"),
            ("a", None, "{", "it isn't JSON"),
            ("a.b", None, r#"{"a":1}"#, "something else stands in the token's way"),
            ("a.1", None, r#"{"a":[0]}"#, "an array in it ends before the token's place"),
        ] {
            let error = put_at(path, kind, body).unwrap_err();
            assert!(error.ends_with(why), "{error}");
        }
    }

    #[test]
    fn streams_of_json_are_no_json() {
        for kind in ["application/json", "text/json", "application/problem+json; a=b"] {
            assert!(is_json(kind), "{kind}");
        }
        for kind in ["application/x-ndjson", "application/json-seq", "application/stream+json", ""]
        {
            assert!(!is_json(kind), "{kind}");
        }
    }
}
