//! What AWS's `credential_process` prints.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use tokend_client::Token;

use crate::format::{Problem, field, rfc3339};

struct Keys {
    id: SecretString,
    secret: SecretString,
    session: Option<SecretString>,
}

/// Returns the keys, in version 1 of the form (AWS SDKs and tools, "Process credential
/// provider").
pub(crate) fn aws(token: &Token) -> Result<Value, Problem> {
    let found = of_extras(token).or_else(|| of_pair(token));
    let keys = found.ok_or_else(|| Problem::NoKeys { known: field::names(token) })?;
    let mut printed = Map::new();
    printed.insert("Version".to_owned(), 1.into());
    printed.insert("AccessKeyId".to_owned(), keys.id.expose_secret().into());
    printed.insert("SecretAccessKey".to_owned(), keys.secret.expose_secret().into());
    if let Some(session) = keys.session {
        printed.insert("SessionToken".to_owned(), session.expose_secret().into());
    }
    if let Some(end) = token.expires_at().and_then(rfc3339) {
        printed.insert("Expiration".to_owned(), end.into());
    }
    Ok(printed.into())
}

/// Returns keys that are extras. One of them may be the token itself instead: the secret
/// key, else what stands for the session.
fn of_extras(token: &Token) -> Option<Keys> {
    let id = extra(token, "accesskeyid")?;
    let session = extra(token, "sessiontoken");
    let Some(secret) = extra(token, "secretaccesskey") else {
        return Some(Keys { id, secret: token.value().clone(), session });
    };
    let own = token.value().expose_secret();
    let is_other = own != id.expose_secret() && own != secret.expose_secret();
    let session = session.or_else(|| is_other.then(|| token.value().clone()));
    Some(Keys { id, secret, session })
}

/// Returns a name and a password as keys without a session.
fn of_pair(token: &Token) -> Option<Keys> {
    let [id, secret] = [field::ID, field::SECRET].map(|name| field::value(token, name));
    Some(Keys { id: id?, secret: secret?, session: None })
}

/// Returns an extra, whether its name is written as `access_key_id` or as `AccessKeyId`.
fn extra(token: &Token, name: &str) -> Option<SecretString> {
    let spelt = |text: &str| text.replace(['_', '-'], "").to_ascii_lowercase();
    let found = token.extras().iter().find(|(extra, _)| spelt(extra) == name)?;
    Some(found.1.clone())
}
