//! The values of a token, one by one.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};
use tokend_client::{Target, Token};

/// The token's value.
const TOKEN: &str = "token";
/// The name of a name and a password ..
pub(crate) const ID: &str = "id";
/// .. and the password.
pub(crate) const SECRET: &str = "secret";

/// Returns a value by its name. A name that the definition has chosen comes first.
pub(crate) fn value(token: &Token, name: &str) -> Option<SecretString> {
    if let Some(extra) = token.extras().get(name) {
        return Some(extra.clone());
    }
    let pair = pair(token);
    let pair = pair.as_deref().and_then(|pair| pair.split_once(':'));
    match (name, pair) {
        (TOKEN, _) => Some(token.value().clone()),
        (ID, Some((id, _))) => Some(id.into()),
        (SECRET, Some((_, secret))) => Some(secret.into()),
        _ => None,
    }
}

/// Returns the names of all values.
pub(crate) fn names(token: &Token) -> Vec<String> {
    let known = [TOKEN, ID, SECRET].into_iter().filter(|name| value(token, name).is_some());
    let extras = token.extras().keys().map(String::as_str);
    let mut names: Vec<String> = known.chain(extras).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

/// Returns `id:secret` of a token that is sent by HTTP Basic (RFC 7617 §2).
pub(crate) fn pair(token: &Token) -> Option<Zeroizing<String>> {
    let sent = token.placements().iter().find_map(|placement| match placement.target() {
        Target::Header(name) if name.eq_ignore_ascii_case("authorization") => {
            let value = placement.value().expose_secret();
            let (scheme, credentials) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("basic").then(|| credentials.trim().to_owned())
        }
        _ => None,
    });
    let decoded = Zeroizing::new(STANDARD.decode(Zeroizing::new(sent?).as_bytes()).ok()?);
    let pair = std::str::from_utf8(&decoded).ok()?;
    pair.contains(':').then(|| Zeroizing::new(pair.to_owned()))
}

#[cfg(test)]
mod tests {
    use tokend_proto::v1::{self, AcquireTokenResponse, placement};

    use super::*;

    fn token(header: &str, extras: &[(&str, &str)]) -> Token {
        let extras =
            extras.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let placement = v1::Placement {
            target: Some(placement::Target::Header("Authorization".to_owned())),
            value: header.to_owned(),
            writes_only: false,
        };
        let token = v1::Token {
            value: "pa:ss".to_owned(),
            placements: vec![placement],
            extras,
            ..v1::Token::default()
        };
        let answer = AcquireTokenResponse { token: Some(token), ..AcquireTokenResponse::default() };
        Token::try_from(answer).unwrap()
    }

    fn shown(token: &Token, name: &str) -> Option<String> {
        value(token, name).map(|value| value.expose_secret().to_owned())
    }

    #[test]
    fn a_name_and_a_password_are_those_that_are_sent() {
        let basic = token(&format!("Basic {}", STANDARD.encode("ann:pa:ss")), &[]);
        assert_eq!(pair(&basic).unwrap().as_str(), "ann:pa:ss");
        assert_eq!(shown(&basic, "id").as_deref(), Some("ann"));
        assert_eq!(shown(&basic, "secret").as_deref(), Some("pa:ss"));
        assert_eq!(names(&basic), ["id", "secret", "token"]);
        for other in ["Bearer pa:ss", "Basic !", "Basic YWJj", "Basic"] {
            let other = token(other, &[]);
            assert!(pair(&other).is_none() && shown(&other, "id").is_none());
            assert_eq!(names(&other), ["token"]);
        }
    }

    #[test]
    fn extras_have_the_names_that_the_definition_gives_them() {
        let several = token("Bearer x", &[("org", "acme"), ("token", "another")]);
        assert_eq!(shown(&several, "org").as_deref(), Some("acme"));
        assert_eq!(shown(&several, "token").as_deref(), Some("another"));
        assert_eq!(names(&several), ["org", "token"]);
        assert_eq!(shown(&several, "secret"), None);
    }
}
