//! The values behind the names of an expression.

use std::collections::BTreeMap;

use http::{HeaderMap, StatusCode};
use minijinja::value::merge_maps;
use minijinja::{Value, context};
use secrecy::{ExposeSecret, SecretString};

use self::named::{Cookies, Headers};
use crate::ambient::Ambient;
use crate::answer::cookie;
use crate::renewal::Held;

mod named;

/// `var.X` and `secret.X`.
pub(crate) fn request(var: &Value, secrets: &BTreeMap<String, SecretString>) -> Value {
    context! { var => var, secret => exposed(secrets) }
}

/// `var.X` alone.
pub(crate) fn public(var: &Value) -> Value {
    context! { var => var }
}

/// Those of a request, with the time and what is drawn for the request of this
/// number.
pub(crate) fn at(request: Value, ambient: &Ambient, number: usize) -> Value {
    context! {
        now => ambient.now.as_second(),
        now_ms => ambient.now.as_millisecond(),
        uuid => ambient.uuid(number),
        nonce => ambient.nonce(number),
        ..request
    }
}

/// With the answers of earlier steps, `steps.X`.
pub(crate) fn after(request: Value, steps: &BTreeMap<String, Value>) -> Value {
    context! { steps => Value::from(steps.clone()), ..request }
}

/// With signatures, `sign.X`.
pub(crate) fn signed(request: Value, signatures: BTreeMap<String, Value>) -> Value {
    context! { sign => Value::from(signatures), ..request }
}

/// With the arguments of an operation, `arg.X`.
pub(crate) fn called(request: Value, arguments: &Value) -> Value {
    context! { arg => arguments, ..request }
}

/// With what is known at a stage of a login.
pub(crate) fn login(request: Value, known: &BTreeMap<&'static str, Value>) -> Value {
    let known = Value::from_pairs(known.iter().map(|(name, value)| (*name, value.clone())));
    merge_maps([request, known])
}

/// With the `refresh_token`, if there is one.
pub(crate) fn issue(request: Value, refresh_token: Option<&SecretString>) -> Value {
    match refresh_token {
        Some(token) => context! { refresh_token => token.expose_secret(), ..request },
        None => request,
    }
}

/// With all that is held.
pub(crate) fn renewal(request: Value, held: &Held) -> Value {
    presentation(issue(request, held.refresh_token.as_ref()), &held.value, &held.extras)
}

/// Those of a request in which nothing is sent: whatever is made of what isn't
/// there yet has some value.
pub(crate) fn rehearsal(request: Value) -> Value {
    context! { REHEARSAL => true, ..request }
}

/// Those of a request that is only shown: what isn't there yet has its name for a
/// value.
pub(crate) fn explanation(request: Value) -> Value {
    context! { REHEARSAL => "shown", ..request }
}

/// Whether nothing is sent.
pub(crate) fn is_rehearsal(context: &Value) -> bool {
    context.get_attr("REHEARSAL").is_ok_and(|mark| mark.is_true())
}

/// The value of an expression on what isn't there yet, if this is a rehearsal: one
/// that fits everywhere (a text, a number, a part of a URL), or what names it.
pub(crate) fn stand_in(context: &Value, expression: &str) -> Option<Value> {
    let mark = context.get_attr("REHEARSAL").ok()?;
    match mark.as_str() {
        Some(_) => {
            let words: Vec<&str> = expression.split_whitespace().collect();
            Some(Value::from(format!("<{}>", words.join(" "))))
        }
        None => mark.is_true().then(|| Value::from("1")),
    }
}

/// One answer: `status`, `headers`, `cookies` and `body`.
pub(crate) fn reply(status: StatusCode, headers: &HeaderMap, body: Value) -> Value {
    let cookies = Value::from_object(Cookies(cookie::read(headers)));
    let status = status.as_u16();
    let headers = Value::from_object(Headers::of(headers));
    context! { status, headers, cookies, body }
}

/// Those of a request, with one answer to it and what was held before as `held`.
pub(crate) fn answer(request: Value, reply: Value, held: Option<&Held>) -> Value {
    let held = held.map_or(Value::UNDEFINED, |held| renewal(context! {}, held));
    merge_maps([context! { held => held }, reply, request])
}

/// With the token that was found in an answer.
pub(crate) fn found(answer: Value, token: &SecretString) -> Value {
    context! { token => token.expose_secret(), ..answer }
}

/// With `token` and `extra.X`.
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
