//! What docker reads of a credential helper (github.com/docker/docker-credential-helpers).

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::format::Login;

/// Returns what docker is told of a host. It is asked for each time, and told no end.
pub(crate) fn docker(login: &Login) -> Value {
    json!({
        "ServerURL": login.host.text(),
        "Username": login.name,
        "Secret": login.secret.expose_secret(),
    })
}
