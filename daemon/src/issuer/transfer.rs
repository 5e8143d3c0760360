//! One request and its answer, within bounds.

use std::error::Error;

use bytes::{Bytes, BytesMut};
use reqwest::Client;
use tokend_provider::{Answer, Request, Transport};

use crate::apart::ApartError;

/// A request that brought no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum TransferError {
    /// Nothing was sent.
    #[error("can't connect to {host}: {}", chain(.source))]
    NotConnected { host: String, source: reqwest::Error },
    /// It may have been sent.
    #[error("{host} gave no answer in time")]
    TimedOut { host: String },
    /// It may have been sent.
    #[error("the connection to {host} failed: {}", chain(.source))]
    Broken { host: String, source: reqwest::Error },
    /// It was answered.
    #[error("{host} answered with more than {} KiB, which is no token", .most / 1_024)]
    TooLarge { host: String, most: usize },
}

impl TransferError {
    /// Tells whether the provider may have seen the request.
    pub(super) fn was_sent(&self) -> bool {
        !matches!(self, Self::NotConnected { .. })
    }

    /// Tells whether the machine lacks what it takes to connect.
    pub(super) fn is_local(&self) -> bool {
        let Self::NotConnected { source, .. } = self else { return false };
        let mut causes = std::iter::successors(source.source(), |cause| (*cause).source());
        causes.any(|cause| matches!(cause.downcast_ref(), Some(ApartError::NoThread(_))))
    }
}

/// Sends a request and reads the whole answer, within the time and the size that are
/// set for it.
pub(super) async fn transfer(
    client: &Client,
    request: Request,
    transport: &Transport,
) -> Result<Answer, TransferError> {
    let host = request.url.host_str().unwrap_or_default().to_owned();
    let error = |error: reqwest::Error| TransferError::new(&host, error);
    let Request { method, url, headers, body } = request;
    let mut outgoing = client.request(method, url).headers(headers).timeout(transport.timeout);
    if let Some(body) = body {
        outgoing = outgoing.body(body);
    }
    let mut response = outgoing.send().await.map_err(error)?;
    let status = response.status();
    let headers = std::mem::take(response.headers_mut());
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(error)? {
        // Chunks are decompressed already, a few KiB at a time.
        if body.len() + chunk.len() > transport.max_answer {
            return Err(TransferError::TooLarge { host, most: transport.max_answer });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, headers, body: Bytes::from(body) })
}

impl TransferError {
    fn new(host: &str, source: reqwest::Error) -> Self {
        let host = host.to_owned();
        // A URL can hold secrets in its query.
        let source = source.without_url();
        if source.is_connect() {
            Self::NotConnected { host, source }
        } else if source.is_timeout() {
            Self::TimedOut { host }
        } else {
            Self::Broken { host, source }
        }
    }
}

/// Joins what an error's sources say with ": ". The HTTP libraries' own layers
/// only repeat that a request failed.
pub(super) fn chain(error: &dyn Error) -> String {
    let causes: Vec<String> = std::iter::successors(error.source(), |cause| (*cause).source())
        .map(ToString::to_string)
        .filter(|cause| !cause.starts_with("client error ("))
        .collect();
    if causes.is_empty() { error.to_string() } else { causes.join(": ") }
}
