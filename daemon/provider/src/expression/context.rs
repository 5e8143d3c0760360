//! The values behind the names of an expression.

use std::collections::BTreeMap;

use http::{HeaderMap, StatusCode};
use minijinja::{Value, context};
use secrecy::{ExposeSecret, SecretString};

use crate::renewal::Held;

/// `var.X` and `secret.X`.
pub(crate) fn request(var: &Value, secrets: &BTreeMap<String, SecretString>) -> Value {
    context! { var => var, secret => exposed(secrets) }
}

/// `var.X` alone.
pub(crate) fn public(var: &Value) -> Value {
    context! { var => var }
}

/// Those of a request, and `refresh_token` if one is held.
pub(crate) fn issue(request: Value, held: Option<&Held>) -> Value {
    let refresh_token = held.and_then(|held| held.refresh_token.as_ref());
    match refresh_token {
        Some(token) => context! { refresh_token => token.expose_secret(), ..request },
        None => request,
    }
}

/// Those of a presentation and `refresh_token`.
pub(crate) fn renewal(request: Value, held: &Held) -> Value {
    presentation(issue(request, Some(held)), &held.value, &held.extras)
}

/// Those of a renewal before anything was issued: whatever is made of what isn't
/// there yet has some value.
pub(crate) fn rehearsal(request: Value) -> Value {
    context! { REHEARSAL => true, ..request }
}

/// Whether nothing was issued yet.
pub(crate) fn is_rehearsal(context: &Value) -> bool {
    context.get_attr("REHEARSAL").is_ok_and(|mark| mark.is_true())
}

/// A value that fits everywhere: a text, a number and a part of a URL.
pub(crate) fn any() -> Value {
    Value::from("1")
}

/// Those of a request, `status`, `headers` and `body`.
pub(crate) fn answer(
    request: Value,
    status: StatusCode,
    headers: &HeaderMap,
    body: Value,
) -> Value {
    let mut named: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in headers {
        // Bytes that aren't ASCII have no agreed meaning in a header.
        let Ok(value) = value.to_str() else { continue };
        named
            .entry(name.as_str())
            .and_modify(|values| {
                values.push_str(", ");
                values.push_str(value);
            })
            .or_insert_with(|| value.to_owned());
    }
    context! { status => status.as_u16(), headers => Value::from(named), body => body, ..request }
}

/// `var.X`, `secret.X`, `token` and `extra.X`.
pub(crate) fn presentation(
    request: Value,
    token: &SecretString,
    extras: &BTreeMap<String, SecretString>,
) -> Value {
    context! { token => token.expose_secret(), extra => exposed(extras), ..request }
}

fn exposed(secrets: &BTreeMap<String, SecretString>) -> Value {
    Value::from_pairs(secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose_secret())))
}
