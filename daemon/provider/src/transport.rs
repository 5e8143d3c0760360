//! How a credential's provider is reached.

use std::path::PathBuf;
use std::time::Duration;

pub use self::identity::{Identity, IdentityError, Pem};
pub use self::proxy::{Login, Proxy, ProxyError};
pub(crate) use self::rule::TransportRule;

mod identity;
mod proxy;
mod rule;
mod size;

/// How long a request may take, to the last byte of its answer, if its definition
/// doesn't say.
const TIMEOUT: Duration = Duration::from_secs(30);

/// No request may take longer: the daemon gives a whole dance 45 seconds.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(40);

/// How long a connection may take to come about, TLS included, if its definition
/// doesn't say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How many bytes of an answer are read if its definition doesn't say: no usual token
/// is larger.
const MAX_ANSWER: usize = 64 * 1_024;

/// Settings of the connection to a provider. `Debug` shows none of the secrets in it.
#[derive(Debug, Clone)]
pub struct Transport {
    /// A file with the only certificate authorities to trust, in PEM; an absolute
    /// path.
    pub ca_file: Option<PathBuf>,
    /// Who the client is, for providers that ask for a certificate (RFC 8705).
    pub identity: Option<Identity>,
    /// What requests over https go through.
    pub proxy: Option<Proxy>,
    /// How long a request may take, to the last byte of its answer; 40 seconds at most.
    pub timeout: Duration,
    /// How long a connection may take to come about, TLS included.
    pub connect_timeout: Duration,
    /// How many bytes of an answer are read, counted when it is decompressed.
    pub max_answer: usize,
    /// Whether requests may go to link-local addresses and to those at which clouds
    /// hand out their machines' own credentials.
    pub allow_link_local: bool,
}

impl Default for Transport {
    fn default() -> Self {
        Self {
            ca_file: None,
            identity: None,
            proxy: None,
            timeout: TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            max_answer: MAX_ANSWER,
            allow_link_local: false,
        }
    }
}

#[cfg(test)]
mod tests;
