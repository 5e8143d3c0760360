//! A daemon in the process of a test: it holds what the test gives it and remembers what it
//! was asked.
//!
//! A [`FakeDaemon`] speaks the contract over memory, not over a socket. So it needs no
//! directory and no runtime of its own, works with tokio's paused time, and many can live
//! side by side. Its clients are whole clients, with their cache and their stream; only the
//! verification of the socket has nothing to verify. The lives of tokens go by a clock that
//! the test puts forward.
//!
//! Programs that a test starts can't reach it: `tokend dev -- COMMAND` runs one with a whole
//! daemon beside it.
//!
//! ```
//! use std::time::Duration;
//! use tokend_client::{Error, ExposeSecret, Rejection, testing::{FakeDaemon, FakeToken}};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! let daemon = FakeDaemon::new();
//! daemon.set("api", FakeToken::new("one").life(Duration::from_secs(3_600)));
//! let client = daemon.client();
//! let token = client.token("api").await?;
//! assert_eq!(token.value().expose_secret(), "one");
//!
//! // What the program does when the API refuses a token ..
//! daemon.set_next("api", FakeToken::new("two"));
//! let ruling = client.report_rejection("api", Rejection::of(&token).status(401)).await?;
//! assert!(ruling.brought_another());
//! assert_eq!(client.token("api").await?.value().expose_secret(), "two");
//! assert_eq!(daemon.rejections()[0].status, 401);
//!
//! // .. and when a person has to log in.
//! daemon.fail("api", Error::LoginNeeded { message: "log in".to_owned() });
//! let mut subscription = client.subscribe("api")?;
//! while !subscription.changed().await.is_err_and(|error| error.login_needed()) {}
//! # Ok(())
//! # }
//! ```

mod service;
mod state;
mod token;

use std::{io, sync::Arc, time::Duration};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use secrecy::SecretString;
use tokend_proto::v1::token_service_server::TokenServiceServer;
use tokio::io::DuplexStream;

pub use self::token::FakeToken;
use self::{service::Service, state::State};
use crate::{Client, Error, Ruling, channel::Dial, clock::Clock};

/// How much is under way in memory at once; any size will do.
const BUFFER: usize = 64 * 1_024;

/// A daemon in the process of a test. Clones are the same daemon.
#[derive(Clone, Debug, Default)]
pub struct FakeDaemon {
    state: Arc<State>,
}

/// A report that the daemon was given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reported {
    /// The credential's name.
    pub name: String,
    /// The token's id; empty if the report was about a value.
    pub token_id: String,
    /// The HTTP status of the API's answer, or 0.
    pub status: u32,
    /// The API's code for the error, or nothing.
    pub code: String,
}

/// A newer token that the daemon was given.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Submitted {
    /// The credential's name.
    pub name: String,
    /// The id of the token before; empty if it was named by its value.
    pub previous_token_id: String,
    /// The newer value; empty if only extras are newer.
    pub value: SecretString,
}

impl FakeDaemon {
    /// Returns a daemon that holds no credential.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a client of this daemon, as [`Client::new`] would.
    pub fn client(&self) -> Client {
        self.client_with(true)
    }

    /// Returns a client that keeps no tokens, as [`Builder::cache`](crate::Builder::cache)
    /// has it.
    pub fn uncached_client(&self) -> Client {
        self.client_with(false)
    }

    /// Returns a client for a program without async.
    #[cfg(feature = "blocking")]
    pub fn blocking_client(&self) -> crate::blocking::Client {
        crate::blocking::Client::from(self.client())
    }

    fn client_with(&self, is_cached: bool) -> Client {
        let state = Arc::clone(&self.state);
        let dial = Dial::Within(Arc::new(move || open(&state)));
        Client::over(dial, Clock::Manual(self.state.hands().clone()), is_cached)
    }

    /// Holds a token from now on; streams tell of it.
    pub fn set(&self, name: &str, token: FakeToken) {
        self.state.set(name, Ok(token));
    }

    /// Holds no token from now on, for this reason.
    ///
    /// # Panics
    /// Panics if no daemon could answer with that error, such as
    /// [`Error::DaemonNotRunning`]: [`Self::stop`] brings that about.
    pub fn fail(&self, name: &str, error: Error) {
        assert!(error.reason().is_some(), "no daemon answers with {error:?}");
        self.state.set(name, Err(error));
    }

    /// Has no such credential from now on.
    pub fn remove(&self, name: &str) {
        self.state.remove(name);
    }

    /// Sets the token that takes the place of the one that is held as soon as that is
    /// reported, or someone has it replaced.
    pub fn set_next(&self, name: &str, token: FakeToken) {
        self.state.lock().next.insert(name.to_owned(), token);
    }

    /// Sets what a report comes to that brings no other token.
    pub fn set_ruling(&self, ruling: Ruling) {
        self.state.lock().ruling = ruling;
    }

    /// Puts the clock forward by which tokens end.
    pub fn advance(&self, by: Duration) {
        self.state.hands().advance(by);
        self.state.notify();
    }

    /// Lets calls for tokens wait.
    pub fn hold(&self) {
        self.state.lock().is_holding = true;
    }

    /// Answers the calls that wait.
    pub fn release(&self) {
        self.state.lock().is_holding = false;
        self.state.notify();
    }

    /// Closes all connections and takes none, as if the daemon weren't running.
    pub fn stop(&self) {
        let connections = {
            let mut held = self.state.lock();
            held.is_stopped = true;
            std::mem::take(&mut held.connections)
        };
        for connection in connections {
            connection.abort();
        }
    }

    /// Takes connections again. What was held still is.
    pub fn start(&self) {
        self.state.lock().is_stopped = false;
    }

    /// Returns how often tokens of a credential were asked for, be it by a call that a
    /// client made by itself.
    pub fn requests(&self, name: &str) -> usize {
        self.state.lock().asked.iter().filter(|asked| *asked == name).count()
    }

    /// Returns all reports, the oldest first.
    pub fn rejections(&self) -> Vec<Reported> {
        self.state.lock().rejections.clone()
    }

    /// Returns all newer tokens that were handed over, the oldest first.
    pub fn rotations(&self) -> Vec<Submitted> {
        self.state.lock().rotations.clone()
    }

    /// Returns how often someone had a token of a credential replaced, or tried to.
    pub fn refreshes(&self, name: &str) -> usize {
        self.state.lock().refreshes.iter().filter(|asked| *asked == name).count()
    }

    /// Returns the clock by which tokens end.
    #[cfg(test)]
    pub(crate) fn hands(&self) -> crate::clock::Hands {
        self.state.hands().clone()
    }

    /// Lets no stream be opened, for this reason.
    #[cfg(test)]
    pub(crate) fn refuse_streams(&self, error: Option<Error>) {
        self.state.lock().no_streams = error;
    }

    /// Has these errors, or the loss of the connection, come between reports or newer tokens
    /// and their answers, the last first.
    #[cfg(test)]
    pub(crate) fn trouble(&self, troubles: impl Into<Vec<Option<Error>>>) {
        self.state.lock().troubles = troubles.into();
    }

    /// Returns the names of each stream that was opened.
    #[cfg(test)]
    pub(crate) fn streams(&self) -> Vec<Vec<String>> {
        self.state.lock().streams.clone()
    }

    /// Returns how many streams are open.
    #[cfg(test)]
    pub(crate) fn open_streams(&self) -> usize {
        self.state.lock().open_streams
    }

    /// Returns how often a client has tried to connect.
    #[cfg(test)]
    pub(crate) fn dials(&self) -> usize {
        self.state.lock().dials
    }

    /// Waits until the daemon has been through something.
    #[cfg(test)]
    pub(crate) async fn until(&self, condition: impl Fn(&Self) -> bool) {
        let mut changed = self.state.subscribe();
        while !condition(self) {
            changed.changed().await.unwrap();
        }
    }
}

/// Opens a connection; its other end is served in the caller's runtime.
fn open(state: &Arc<State>) -> io::Result<DuplexStream> {
    let mut held = state.lock();
    held.dials += 1;
    if held.is_stopped {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    let (near, far) = tokio::io::duplex(BUFFER);
    let service = TokenServiceServer::new(Service::new(Arc::clone(state)));
    let connection = tokio::spawn(async move {
        let server = auto::Builder::new(TokioExecutor::new()).http2_only();
        let service = TowerToHyperService::new(service);
        // How a connection ends is the test's affair.
        drop(server.serve_connection(TokioIo::new(far), service).await);
    });
    held.connections.push(connection.abort_handle());
    Ok(near)
}
