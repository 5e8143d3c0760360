//! The filters that are tokend's own, or differ from Jinja's.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use minijinja::value::{Kwargs, Serde};
use minijinja::{Error, ErrorKind, State, Value, filters};

/// The filter `int`, of nothing nothing.
pub(super) fn int(
    state: &State<'_, '_>,
    value: &Value,
    default: Option<Value>,
    options: Kwargs,
) -> Result<Value, Error> {
    if is_nothing(value, default.as_ref(), &options) {
        return Ok(Value::UNDEFINED);
    }
    filters::int(state, value, default, None, options)
}

/// The filter `float`, of nothing nothing.
pub(super) fn float(
    state: &State<'_, '_>,
    value: &Value,
    default: Option<Value>,
    options: Kwargs,
) -> Result<Value, Error> {
    if is_nothing(value, default.as_ref(), &options) {
        return Ok(Value::UNDEFINED);
    }
    filters::float(state, value, default, options)
}

/// Jinja's own filters take what isn't there for zero: as a life that would be a
/// token that has expired.
fn is_nothing(value: &Value, default: Option<&Value>, options: &Kwargs) -> bool {
    (value.is_undefined() || value.is_none()) && default.is_none() && !options.has("default")
}

/// The filter `host`: the host name of a URL.
pub(super) fn host(text: &str) -> Result<String, Error> {
    let url = url::Url::parse(text).ok();
    let host = url.as_ref().and_then(url::Url::host_str);
    host.map(str::to_owned).ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "not a URL"))
}

/// The filter `claims`: what a JWT says, of anything else nothing (RFC 7519 §7.2).
/// Nobody vouches for it, which matters little: whoever issues the token can also
/// say in the answer what it likes.
pub(super) fn claims(token: &Value) -> Value {
    let read = || {
        let mut parts = token.as_str()?.split('.');
        let (_, payload, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next())
        else {
            return None;
        };
        let json = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
        let claims: serde_json::Value = serde_json::from_slice(&json).ok()?;
        claims.is_object().then(|| Value::from(Serde(claims)))
    };
    read().unwrap_or(Value::UNDEFINED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_claims_of_a_jwt_are_read_and_nothing_else_has_any() {
        // {"exp":1748779800}
        let claims = claims(&Value::from("eyJ0.eyJleHAiOjE3NDg3Nzk4MDB9.sig"));
        assert_eq!(claims.get_attr("exp").unwrap(), Value::from(1_748_779_800));
        for other in ["", "opaque", "a.b", "a.!.c", "eyJ0.WzFd.sig", "a.eyJleHAiOjF9.c.d"] {
            assert!(super::claims(&Value::from(other)).is_undefined(), "{other}");
        }
        assert!(super::claims(&Value::from(7)).is_undefined());
    }
}
