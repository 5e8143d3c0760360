//! Why a request wasn't sent, or has no answer.

use std::{error::Error as StdError, time::Duration};

use crate::Error;

/// Any error of a service or a body.
pub(super) type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a request wasn't sent with a token, or has no answer. But for
/// [`Service`](Self::Service) and [`TooManyRedirects`](Self::TooManyRedirects), what it tells
/// of was not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// tokend has no token.
    #[error("no token for the request")]
    Token(#[from] Error),
    /// The request's URI says no host, so nobody knows where the token would go.
    #[error("the request's URI has no host, and a token is attached by it; give the whole URI")]
    NoHost,
    /// The request would go over the network in the clear.
    #[error("a token doesn't go to {host} in the clear; use https")]
    Insecure {
        /// Where the request would go.
        host: String,
    },
    /// The request goes to a host that the token isn't for.
    #[error("the token is for {}, and not for {host}", hosts.join(", "))]
    NotAHost {
        /// Where the request would go.
        host: String,
        /// Where the token may go; a leading dot stands for every subdomain.
        hosts: Vec<String>,
    },
    /// tokend doesn't know what hosts the token is for.
    #[error(
        "tokend doesn't know what hosts the token is for; \
         give them by `hosts`, here or in the provider definition"
    )]
    HostsUnknown,
    /// The token belongs into the request's body, and that isn't one that it can be put into.
    #[error("the token belongs into a field of the request's body: {0}")]
    Body(&'static str),
    /// The request's body failed before anything was sent.
    #[error("can't read the request's body")]
    RequestBody(#[source] BoxError),
    /// The token belongs into the query or the body, where a gRPC call has no place for it.
    #[cfg(feature = "tonic")]
    #[error("the token doesn't belong into the metadata of a call: its provider has another place")]
    NotMetadata,
    /// The token belongs into the query, and makes a URI that isn't one.
    #[error("the token doesn't fit into the request's URI")]
    Uri(#[source] http::Error),
    /// The API leads from one place to the next and has no end.
    #[error("the API's redirections don't end: {0} were followed")]
    TooManyRedirects(usize),
    /// What sends the requests failed.
    #[error("can't send the request")]
    Service(#[source] BoxError),
}

impl AttachError {
    /// Tells whether the same request may succeed later without anyone's doing, as far as
    /// tokend knows: [`Service`](Self::Service) has an error of its own.
    pub fn is_transient(&self) -> bool {
        self.token_error().is_some_and(Error::is_transient)
    }

    /// Returns how long to wait before trying again, if tokend says.
    pub fn retry_after(&self) -> Option<Duration> {
        self.token_error().and_then(Error::retry_after)
    }

    /// Returns why there is no token, if that is it.
    pub fn token_error(&self) -> Option<&Error> {
        match self {
            Self::Token(error) => Some(error),
            _ => None,
        }
    }
}

/// Why there is no answer: nothing was sent, or what sends failed.
#[derive(Debug)]
pub(super) enum Failure<E> {
    Attach(AttachError),
    Sent(E),
}

impl<E> From<AttachError> for Failure<E> {
    fn from(error: AttachError) -> Self {
        Self::Attach(error)
    }
}
