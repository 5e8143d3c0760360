//! How a client differs from the usual one.

use std::path::PathBuf;

use super::TokenOptions;
use crate::{Client, Error, Token, channel::Dial, clock::Clock, line::Asked, socket, trust::Trust};

/// Makes a [`Client`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    path: Option<PathBuf>,
    servers: Vec<u32>,
    is_cached: bool,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self { path: None, servers: Vec::new(), is_cached: true }
    }

    /// Sets the path of the socket; else [`socket`] finds it.
    pub fn socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Believes a daemon that runs as this user, as `TOKEND_SERVER_UID` does; see
    /// [`socket`].
    pub fn server_uid(mut self, uid: u32) -> Self {
        self.servers.push(uid);
        self
    }

    /// Sets whether tokens are kept and kept current. Programs that ask once and end are
    /// better off without; so are those that must not make a token count as used.
    pub fn cache(mut self, is_cached: bool) -> Self {
        self.is_cached = is_cached;
        self
    }

    /// Returns the client. It doesn't connect yet.
    ///
    /// # Errors
    /// [`Error::Address`] if `TOKEND_SOCKET` isn't a socket's address,
    /// [`Error::ServerUser`] if `TOKEND_SERVER_UID` isn't a user's.
    pub fn build(self) -> Result<Client, Error> {
        let is_cached = self.is_cached;
        let (path, trust) = self.found()?;
        let dial = Dial::Socket { path: path.into(), trust };
        Ok(Client::over(dial, Clock::default(), is_cached))
    }

    /// Returns a token of the credential `name` that satisfies the options, for a program that
    /// asks for one and ends: over a connection that is made for this call, without a runtime or
    /// another thread, by less work than any client takes.
    ///
    /// ```no_run
    /// use tokend_client::{Client, ExposeSecret, TokenOptions};
    ///
    /// # fn run() -> Result<(), tokend_client::Error> {
    /// let token = Client::builder().token_once("causely", TokenOptions::new())?;
    /// println!("{} bytes", token.value().expose_secret().len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`Error`].
    pub fn token_once(self, name: &str, options: TokenOptions) -> Result<Token, Error> {
        let (path, trust) = self.found()?;
        let TokenOptions { min_ttl, timeout } = options;
        let asked = Asked { name: name.to_owned(), min_ttl, if_none_match: String::new(), timeout };
        let token = asked.ask_alone(&path, &trust)?;
        token.ok_or(Error::BadAnswer("it holds no token"))
    }

    /// Returns where the socket is, and who may serve it.
    fn found(self) -> Result<(PathBuf, Trust), Error> {
        let mut trust = Trust::of(&socket::Process);
        trust.check()?;
        self.servers.into_iter().for_each(|uid| trust.add(uid));
        let path = match self.path {
            Some(path) => path,
            None => socket::callers(&socket::Process)?,
        };
        Ok((path, trust))
    }
}
