//! What a JWT says.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use minijinja::Value;
use minijinja::value::Serde;

/// The filter `claims`: what a JWT says, of anything else nothing (RFC 7519 §7.2).
/// Nobody vouches for it, which matters little: whoever issues the token can also
/// say in the answer what it likes.
pub(super) fn claims(token: &Value) -> Value {
    token.as_str().and_then(read).unwrap_or(Value::UNDEFINED)
}

fn read(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let (_, payload, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    let json = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&json).ok()?;
    claims.is_object().then(|| Value::from(Serde(claims)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn whatever_a_payload_holds_does_no_harm(payload: Vec<u8>, junk: String) {
            let payload = BASE64_URL_SAFE_NO_PAD.encode(payload);
            let _ = claims(&Value::from(format!("e30.{payload}.x")));
            let _ = claims(&Value::from(junk));
        }
    }
}
