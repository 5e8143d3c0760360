//! Which account at a provider a credential uses.

use std::fmt;

use minijinja::Value;
use url::Url;

use crate::input::InputError;
use crate::template::Template;

/// The names of variables that usually tell who is asking for a token.
pub(crate) const IDENTIFYING: [&str; 6] =
    ["client_id", "app_id", "account_id", "username", "email", "user"];

/// The account at a provider that a credential uses. Credentials with the same
/// account share the provider's limits. It can name a user, but has no secret
/// in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account(String);

impl Account {
    /// Returns the account as text, to be stored and shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the host that issues its tokens, with the port if it isn't the usual one. That
    /// is the provider, whatever it is called.
    pub fn host(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(host, _)| host)
    }

    /// Names the account by the host that issues its tokens and who asks. If
    /// nothing tells who asks, all credentials of that host count as one: that
    /// can only spend too little.
    ///
    /// If nobody is asked, the definition's `name` stands for the host.
    pub(crate) fn of(
        url: Option<&Url>,
        name: &str,
        identity: Option<&Template>,
        context: &Value,
    ) -> Result<Self, InputError> {
        let host = url.map_or(name, |url| url.host_str().unwrap_or_default());
        let mut account = match url.and_then(Url::port) {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        if let Some(identity) = identity {
            let identity = identity
                .text(context)
                .map_err(|reason| InputError::Derived { part: "account", reason })?;
            if let Some(identity) = identity {
                account.push('/');
                account.push_str(&identity);
            }
        }
        Ok(Self(account))
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
