//! What a caller asks of a token.

use std::time::Duration;

/// Outlasts the daemon's own limit on one issuance, so that its answer, which
/// says why there is no token, arrives first.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// What a caller asks of a token.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct TokenOptions {
    pub(crate) min_ttl: Option<Duration>,
    pub(super) timeout: Duration,
}

impl TokenOptions {
    /// Returns the options of [`Client::token`](crate::Client::token).
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
