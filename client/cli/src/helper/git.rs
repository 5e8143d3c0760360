//! git's protocol (gitcredentials(7), git-credential(1)).

use std::io::{self, Read, Write};

use secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};
use tokend_client::{Client, Rejection, Target, Token};

use crate::{
    arguments::Mapping,
    clock,
    failure::Failure,
    format::{self, Login, field},
    helper::{Problem, entry, request, token},
    host::Host,
    output::{Output, printable},
    ruling, secret,
};

/// The API's answer that makes git take a password for refused.
const REFUSED: u16 = 401;

/// What git tells and asks for, without what is of no use here.
#[derive(Default)]
struct Request<'a> {
    protocol: &'a str,
    host: &'a str,
    username: Option<&'a str>,
    /// What was sent: a password, or what stands behind the scheme.
    sent: Option<&'a str>,
    /// Whether git can send another scheme than Basic (from 2.46 on).
    takes_schemes: bool,
    /// The schemes that the server takes.
    schemes: Vec<&'a str>,
}

impl<'a> Request<'a> {
    /// Reads lines of `key=value`; unknown ones are left out, as git wants it. A carriage
    /// return is no end of a line, but part of a host that nobody has.
    fn read(text: &'a str) -> Self {
        let mut request = Self::default();
        for line in text.split('\n').take_while(|line| !line.is_empty()) {
            match line.split_once('=').unwrap_or_default() {
                ("protocol", value) => request.protocol = value,
                ("host", value) => request.host = value,
                ("username", value) => request.username = Some(value),
                ("password" | "credential", value) => request.sent = Some(value),
                ("capability[]", "authtype") => request.takes_schemes = true,
                ("wwwauth[]", challenge) => {
                    request.schemes.extend(challenge.split_whitespace().next());
                }
                _ => {}
            }
        }
        request
    }

    /// Returns the host, if it is asked in a way that tokens are for.
    fn host(&self) -> Option<Result<Host, Problem>> {
        let is_web = matches!(self.protocol, "http" | "https");
        let url = format!("{}://{}", self.protocol, self.host);
        (is_web && !self.host.is_empty()).then(|| {
            // git has decoded it: what is behind a slash isn't a path.
            let host = url.parse().ok().filter(|_| !self.host.contains('/'));
            host.ok_or(Problem::NoHost)
        })
    }

    /// Tells whether the server takes a scheme, and not Basic, which all git knows.
    fn wants(&self, scheme: &str) -> bool {
        let takes = |name: &str| self.schemes.iter().any(|known| known.eq_ignore_ascii_case(name));
        self.takes_schemes && takes(scheme) && !takes("Basic")
    }
}

/// Does what git wants. Whatever it may want in future is left to other helpers.
pub(super) async fn run(
    mapping: &Mapping,
    operation: &str,
    stdin: &mut impl Read,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let refuse = |problem| Failure::Helper { problem };
    let text = request(stdin).map_err(refuse)?;
    let request = Request::read(&text);
    let Some(host) = request.host().filter(|_| matches!(operation, "get" | "erase")) else {
        return Ok(());
    };
    let host = host.map_err(refuse)?;
    let Some(entry) = entry(mapping, &host).map_err(refuse)? else { return Ok(()) };
    if operation == "erase" {
        return erase(&entry.credential, &request).await;
    }
    let token = token(mapping, &entry, &host).await?;
    if let Some(lines) = answer(&request, &token, host, entry.username.as_deref()) {
        let unfit = |problem| Failure::Format { problem, credential: entry.credential.clone() };
        output.write_all(lines.map_err(unfit)?.as_bytes())?;
    }
    Ok(())
}

/// Returns what git is told: nothing, if it asks for another user's password.
fn answer(
    request: &Request<'_>,
    token: &Token,
    host: Host,
    username: Option<&str>,
) -> Option<Result<Zeroizing<String>, format::Problem>> {
    if let Some((scheme, credential)) = authorization(token).filter(|(name, _)| request.wants(name))
    {
        return Some(format::git_scheme(&scheme, &credential, token.expires_at()));
    }
    let username = username.or_else(|| request.username.filter(|_| field::pair(token).is_none()));
    let login = Login::of(token, host, username, None);
    let is_theirs = request.username.is_none_or(|asked| asked == login.name);
    is_theirs.then(|| format::git(&login, token.expires_at()))
}

/// Returns the scheme and what is behind it, of a token that is sent in `Authorization`.
fn authorization(token: &Token) -> Option<(String, SecretString)> {
    token.placements().iter().find_map(|placement| match placement.target() {
        Target::Header(name) if name.eq_ignore_ascii_case("authorization") => {
            let (scheme, credential) = placement.value().expose_secret().split_once(' ')?;
            Some((scheme.to_owned(), credential.into()))
        }
        _ => None,
    })
}

/// Reports that the server has refused what git sent. If that isn't tokend's token, the
/// report is void.
async fn erase(credential: &str, request: &Request<'_>) -> Result<(), Failure> {
    let Some(sent) = request.sent.filter(|sent| !sent.is_empty()) else { return Ok(()) };
    let report = Rejection::of_value_sha256(secret::sha256(sent)).status(REFUSED);
    let ruling = Client::builder().cache(false).build()?.report_rejection(credential, report).await;
    let ruling = ruling.map_err(Failure::about(credential))?;
    if !ruling.brought_another() {
        let told = ruling::told(credential, &ruling, &clock::now(), &clock::zone());
        let _ = writeln!(
            io::stderr(),
            "tokend-cli: the token of {} was refused; {}\nhint: {}",
            printable(credential),
            told.came_to,
            told.to_do
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
