//! Credential helpers: git and docker ask for a host, and get what is mapped to it.

mod alias;
mod docker;
mod git;
mod map;

use std::{
    io::{self, Read, Write},
    path::PathBuf,
};

use secrecy::zeroize::Zeroizing;
use tokend_client::{Client, Token};

pub(crate) use crate::helper::alias::spelt_out;
use crate::{
    arguments::{Helper, Mapping, Protocol},
    exit::Exit,
    failure::Failure,
    helper::map::{Entry, Map},
    host::Host,
    output::Output,
};

/// More than any tool has to say of a host.
const LONGEST_REQUEST: u64 = 1024 * 1024;

/// Why a tool gets nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("can't read what is asked for from standard input")]
    Request(#[source] io::Error),
    #[error("what is asked for isn't a host")]
    NoHost,
    #[error("{0} is asked without TLS, and whoever is on the way there could read the token")]
    Exposed(String),
    #[error("the token of {credential} isn't for {host}; {}", known(hosts))]
    NotForHost { credential: String, host: String, hosts: Vec<String> },
    #[error("can't read {}", path.display())]
    Map { path: PathBuf, source: io::Error },
    #[error("line {line} of {} isn't HOST CREDENTIAL [USERNAME]", path.display())]
    MapLine { path: PathBuf, line: usize },
    #[error("tokend takes no logins from other programs")]
    NotStored,
    #[error("there is no operation {0:?}")]
    Unknown(String),
}

impl Problem {
    pub(crate) fn remedy(&self) -> Option<String> {
        match self {
            Self::NotForHost { credential, host, .. } => Some(format!(
                "if it may go there, say so: --host {host} beside --credential, or a line\n\
                 {host} {credential}\nin ~/.config/tokend/hosts"
            )),
            Self::NotStored => Some(
                "tokend-cli add NAME --provider static-basic keeps a name and a password"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

fn known(hosts: &[String]) -> String {
    match hosts {
        [] => "tokend doesn't know which hosts it is for".to_owned(),
        hosts => format!("it is for {}", hosts.join(", ")),
    }
}

/// Does what a tool wants.
pub(crate) async fn run(
    helper: &Helper,
    stdin: &mut impl Read,
    output: &mut Output<impl Write>,
) -> Result<Exit, Failure> {
    let exit = match &helper.protocol {
        Protocol::Git { mapping, operation } => {
            git::run(mapping, operation, stdin, output).await?;
            Exit::Done
        }
        Protocol::Docker { mapping, operation } => {
            docker::run(mapping, operation, stdin, output).await?
        }
    };
    output.flush()?;
    Ok(exit)
}

/// Reads all that a tool has to say, which may be a secret. Paths and other users' passwords
/// need be no UTF-8; no host and no token has what is put in the place of other bytes.
fn request(stdin: &mut impl Read) -> Result<Zeroizing<String>, Problem> {
    let mut bytes = Zeroizing::new(Vec::new());
    stdin.take(LONGEST_REQUEST).read_to_end(&mut bytes).map_err(Problem::Request)?;
    Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Returns which credential is for a host, if one is.
fn entry(mapping: &Mapping, host: &Host) -> Result<Option<Entry>, Problem> {
    let found = match &mapping.credential {
        Some(credential) => Some(Entry::new(host.clone(), credential)),
        None => Map::of_this_process()?.find(host),
    };
    Ok(found.map(|entry| Entry { username: mapping.username.clone().or(entry.username), ..entry }))
}

/// Returns a token for a host: one of the token's own hosts, or one that the user named.
async fn token(mapping: &Mapping, entry: &Entry, host: &Host) -> Result<Token, Failure> {
    let credential = &entry.credential;
    let refuse = |problem| Failure::Helper { problem };
    if host.is_exposed() {
        return Err(refuse(Problem::Exposed(host.text().to_owned())));
    }
    let token = Client::builder()
        .cache(false)
        .build()?
        .token_with(credential, mapping.need.options())
        .await
        .map_err(Failure::about(credential))?;
    let is_named =
        mapping.credential.is_none() || mapping.hosts.iter().any(|named| named.covers(host));
    if is_named || host.is_of(&token) {
        return Ok(token);
    }
    let base = token.base_url().and_then(|url| url.parse::<Host>().ok());
    let base = base.map(|base| base.name().to_owned());
    let hosts = token.hosts().iter().cloned().chain(base).collect();
    let host = host.name().to_owned();
    Err(refuse(Problem::NotForHost { credential: credential.clone(), host, hosts }))
}

#[cfg(test)]
mod tests;
