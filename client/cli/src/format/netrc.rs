//! An entry of a `.netrc`.

use secrecy::{ExposeSecret as _, zeroize::Zeroizing};

use crate::format::{Login, Problem};

/// Returns an entry. What isn't plain is in quotes, which curl (from 7.84 on) and Python
/// read alike.
pub(crate) fn netrc(login: &Login) -> Result<Zeroizing<String>, Problem> {
    let name = word("user's name", &login.name)?;
    let secret = word("password", login.secret.expose_secret())?;
    // Readers look for an IPv6 address as it is outside of URLs.
    let host = login.host.name().trim_matches(['[', ']']);
    Ok(Zeroizing::new(format!("machine {host} login {} password {}", *name, *secret)))
}

fn word(what: &'static str, text: &str) -> Result<Zeroizing<String>, Problem> {
    if text.contains(char::is_control) {
        return Err(Problem::Unwritable { what, form: "a netrc" });
    }
    let is_plain = |c: char| !c.is_whitespace() && !matches!(c, '"' | '\'' | '\\' | '#');
    if !text.is_empty() && text.chars().all(is_plain) {
        return Ok(Zeroizing::new(text.to_owned()));
    }
    let mut word = Zeroizing::new(String::with_capacity(text.len() + 8));
    word.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            word.push('\\');
        }
        word.push(character);
    }
    word.push('"');
    Ok(word)
}
