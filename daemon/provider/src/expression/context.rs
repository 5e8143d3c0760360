//! The values behind the names of an expression.

use std::collections::BTreeMap;

use http::{HeaderMap, StatusCode};
use minijinja::{Value, context};
use secrecy::{ExposeSecret, SecretString};

/// `var.X` and `secret.X`.
pub(crate) fn request(var: &Value, secrets: &BTreeMap<String, SecretString>) -> Value {
    context! { var => var, secret => exposed(secrets) }
}

/// `var.X` alone.
pub(crate) fn public(var: &Value) -> Value {
    context! { var => var }
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
