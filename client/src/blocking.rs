//! The client for programs without async.
//!
//! ```no_run
//! use tokend_client::{ExposeSecret, blocking::Client};
//!
//! # fn run() -> Result<(), tokend_client::Error> {
//! let client = Client::new()?;
//! let token = client.token("causely")?;
//! println!("{} bytes", token.value().expose_secret().len());
//! # Ok(())
//! # }
//! ```

mod home;

use std::{future::Future, sync::Arc};

use self::home::Home;
use crate::{Error, Rejection, Rotation, Ruling, Submission, Token, TokenOptions};

/// Gets tokens from tokend for whoever can wait. Clones are cheap and share one connection,
/// one cache and one thread.
///
/// The thread, which the first call starts and the last clone ends, keeps what is held
/// current between calls. It isn't needed to read a token that is held: that is done by the
/// caller's own thread, as [`Client::token`](crate::Client::token) does.
///
/// It can be used inside an async runtime as well, where waiting holds up other tasks:
/// [`crate::Client`] doesn't.
#[derive(Clone, Debug)]
pub struct Client {
    client: crate::Client,
    home: Arc<Home>,
}

impl Client {
    /// Returns a client of the daemon that [`socket`](crate::socket) finds now.
    ///
    /// # Errors
    /// As of [`crate::Client::new`].
    pub fn new() -> Result<Self, Error> {
        crate::Client::new().map(Self::from)
    }

    /// Returns the token of the credential `name`; see [`crate::Client::token`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn token(&self, name: &str) -> Result<Token, Error> {
        self.token_with(name, TokenOptions::new())
    }

    /// Returns a token of the credential `name` that satisfies the options; see
    /// [`crate::Client::token_with`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn token_with(&self, name: &str, options: TokenOptions) -> Result<Token, Error> {
        if let Some(token) = self.client.held(name, options.min_ttl) {
            return Ok(token);
        }
        let name = name.to_owned();
        self.wait(|client| async move { client.token_with(&name, options).await })
    }

    /// Reports that an API refused a token; see [`crate::Client::report_rejection`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn report_rejection(&self, name: &str, rejection: Rejection) -> Result<Ruling, Error> {
        let name = name.to_owned();
        self.wait(|client| async move { client.report_rejection(&name, rejection).await })
    }

    /// Hands over a newer token; see [`crate::Client::submit_rotation`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn submit_rotation(&self, name: &str, rotation: Rotation) -> Result<Submission, Error> {
        let name = name.to_owned();
        self.wait(|client| async move { client.submit_rotation(&name, rotation).await })
    }

    /// Has the provider asked for a new token now; see [`crate::Client::refresh`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn refresh(&self, name: &str) -> Result<Token, Error> {
        let name = name.to_owned();
        self.wait(|client| async move { client.refresh(&name).await })
    }

    fn wait<T, F>(&self, call: impl FnOnce(crate::Client) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.home.wait(self.client.socket(), call(self.client.clone()))
    }
}

/// Takes a client as it was built. The runtime of its first call is the thread's own, so it
/// is best not used before.
impl From<crate::Client> for Client {
    fn from(client: crate::Client) -> Self {
        Self { client, home: Arc::default() }
    }
}

#[cfg(test)]
mod tests;
