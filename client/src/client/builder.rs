//! How a client differs from the usual one.

use std::path::PathBuf;

use crate::{Client, Error, channel::Dial, clock::Clock, socket, trust::Trust};

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
        let mut trust = Trust::of(&socket::Process);
        trust.check()?;
        self.servers.into_iter().for_each(|uid| trust.add(uid));
        let path = match self.path {
            Some(path) => path,
            None => socket::callers(&socket::Process)?,
        };
        let dial = Dial::Socket { path: path.into(), trust };
        Ok(Client::over(dial, Clock::default(), self.is_cached))
    }
}
