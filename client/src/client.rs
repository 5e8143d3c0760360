//! The client that programs hold.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokend_proto::v1::{AcquireTokenRequest, token_service_client::TokenServiceClient};
use tonic::{Request, transport::Channel};

use crate::{Error, Token, channel, socket};

/// Outlasts the daemon's own limit on one issuance, so that its answer, which
/// says why there is no token, arrives first.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest timeout that the daemon is told of.
const LONGEST_TOLD: Duration = Duration::from_secs(24 * 3_600);

/// Gets tokens from tokend. Clones are cheap and share one connection.
///
/// The connection is made by the first call, and again after it is lost. It
/// belongs to the tokio runtime of that first call.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    // Made on first use: a channel can only be made inside a runtime, a client
    // anywhere.
    channel: OnceLock<Channel>,
}

impl Client {
    /// Returns a client of the daemon that [`socket`] finds now. It doesn't
    /// connect yet.
    ///
    /// # Errors
    /// [`Error::Address`] if `TOKEND_SOCKET` isn't a socket's address.
    pub fn new() -> Result<Self, Error> {
        Ok(Self::at(socket::callers(&socket::Process)?))
    }

    /// Returns a client of the daemon whose socket is at `path`. It doesn't
    /// connect yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { inner: Arc::new(Inner { path: path.into(), channel: OnceLock::new() }) }
    }

    /// Returns the path of the socket.
    pub fn socket(&self) -> &Path {
        &self.inner.path
    }

    /// Returns a token of the credential `name` with enough life left for a
    /// request or two: 30 s, but never more than a tenth of the token's life.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn token(&self, name: &str) -> Result<Token, Error> {
        self.token_with(name, TokenOptions::new()).await
    }

    /// Returns a token of the credential `name` that satisfies the options.
    ///
    /// Giving up on the call doesn't end an issuance that it started: the next
    /// call finds its token.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn token_with(&self, name: &str, options: TokenOptions) -> Result<Token, Error> {
        let mut request = Request::new(AcquireTokenRequest {
            name: name.to_owned(),
            min_ttl: options.min_ttl.map(|life| {
                // Longer than any token lives, for the daemon to refuse.
                life.try_into().unwrap_or(prost_types::Duration { seconds: i64::MAX, nanos: 0 })
            }),
        });
        // The call ends by our own timer; what the daemon is told only has to be
        // something that gRPC can say.
        request.set_timeout(options.timeout.min(LONGEST_TOLD));
        let channel = self.inner.channel.get_or_init(|| channel(&self.inner.path));
        let mut service = TokenServiceClient::new(channel.clone());
        let answer = tokio::time::timeout(options.timeout, service.acquire_token(request))
            .await
            .map_err(|_| Error::TimedOut)??;
        Token::try_from(answer.into_inner())
    }
}

/// What a caller asks of a token.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct TokenOptions {
    min_ttl: Option<Duration>,
    timeout: Duration,
}

impl TokenOptions {
    /// Returns the options of [`Client::token`].
    pub const fn new() -> Self {
        Self { min_ttl: None, timeout: DEFAULT_TIMEOUT }
    }

    /// Sets the life that the token must still have. Zero stands for any token
    /// that hasn't expired.
    pub const fn min_ttl(mut self, min_ttl: Duration) -> Self {
        self.min_ttl = Some(min_ttl);
        self
    }

    /// Sets how long to wait for an answer; 60 s by default.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl Default for TokenOptions {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
