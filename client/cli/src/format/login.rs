//! A token as a user's name and a password, for tools that know nothing else.

use secrecy::SecretString;
use tokend_client::Token;

use crate::{
    format::{Problem, field},
    host::{Host, is_among},
};

/// The names that hosts expect beside a token; each is documented by the host.
const NAMES: &[(&[&str], &str)] = &[
    (&["github.com", "ghcr.io"], "x-access-token"),
    (&["bitbucket.org"], "x-token-auth"),
    (&["gcr.io", ".gcr.io", ".pkg.dev"], "oauth2accesstoken"),
    (&[".azurecr.io"], "00000000-0000-0000-0000-000000000000"),
    (&[".amazonaws.com"], "AWS"),
    (&["quay.io"], "$oauthtoken"),
];

/// What GitLab expects; most others take any name.
const ANY: &str = "oauth2";

/// A user's name and a password for a host.
pub(crate) struct Login {
    pub(crate) host: Host,
    pub(crate) name: String,
    pub(crate) secret: SecretString,
}

impl Login {
    /// Returns how a token is used at a host. A name and a password are what they are;
    /// else the token, or one of its values, is the password. The name can be given.
    pub(crate) fn of(
        token: &Token,
        host: Host,
        name: Option<&str>,
        value: Option<SecretString>,
    ) -> Self {
        let pair = field::pair(token);
        let pair = pair.as_deref().and_then(|pair| pair.split_once(':'));
        let name = name.or(pair.map(|(id, _)| id)).unwrap_or_else(|| default_name(&host));
        let secret = value.or_else(|| pair.map(|(_, secret)| secret.into()));
        let secret = secret.unwrap_or_else(|| token.value().clone());
        Self { name: name.to_owned(), host, secret }
    }
}

/// Returns the user's name that a host expects beside a token.
pub(crate) fn default_name(host: &Host) -> &'static str {
    NAMES.iter().find(|(hosts, _)| is_among(hosts, host)).map_or(ANY, |(_, name)| name)
}

/// Returns the host that is given, else the one that a token is for, if it is for one.
pub(crate) fn host(token: &Token, given: Option<&Host>) -> Result<Host, Problem> {
    let only = || match token.hosts() {
        [only] => Some(only.as_str()),
        _ => None,
    };
    let own = || token.base_url().or_else(only).and_then(|text| text.parse().ok());
    given.cloned().or_else(own).filter(Host::is_single).ok_or(Problem::NoHost)
}
