//! What git reads of a credential helper (git-credential(1)).

use std::time::{SystemTime, UNIX_EPOCH};

use secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};

use crate::format::{Login, Problem};

/// Returns a user's name and a password as git reads them.
pub(crate) fn git(
    login: &Login,
    expires_at: Option<SystemTime>,
) -> Result<Zeroizing<String>, Problem> {
    let mut lines = Zeroizing::new(String::new());
    attribute(&mut lines, "username", &login.name)?;
    attribute(&mut lines, "password", login.secret.expose_secret())?;
    expiry(&mut lines, expires_at)?;
    Ok(lines)
}

/// Returns a scheme and what is sent with it, which git reads from 2.46 on.
pub(crate) fn git_scheme(
    scheme: &str,
    credential: &SecretString,
    expires_at: Option<SystemTime>,
) -> Result<Zeroizing<String>, Problem> {
    let mut lines = Zeroizing::new(String::new());
    attribute(&mut lines, "capability[]", "authtype")?;
    attribute(&mut lines, "authtype", scheme)?;
    attribute(&mut lines, "credential", credential.expose_secret())?;
    // It is of use for a while; nobody is to keep it.
    attribute(&mut lines, "ephemeral", "1")?;
    expiry(&mut lines, expires_at)?;
    Ok(lines)
}

fn expiry(lines: &mut Zeroizing<String>, expires_at: Option<SystemTime>) -> Result<(), Problem> {
    let end = expires_at.and_then(|end| end.duration_since(UNIX_EPOCH).ok());
    end.map_or(Ok(()), |end| attribute(lines, "password_expiry_utc", &end.as_secs().to_string()))
}

fn attribute(lines: &mut Zeroizing<String>, key: &'static str, value: &str) -> Result<(), Problem> {
    if value.contains(['\n', '\r', '\0']) {
        return Err(Problem::Unwritable { what: key, form: "git's protocol" });
    }
    lines.extend([key, "=", value, "\n"]);
    Ok(())
}
