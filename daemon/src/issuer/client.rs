//! HTTP clients, one for each way of trusting the far side.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use reqwest::{Certificate, Client, redirect, retry};
use tokend_provider::{Request, Transport};

/// How long a connection may take to come about, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a request may take, to the last byte of its answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long an idle connection is kept: tokens are asked for hours apart.
const POOL_IDLE: Duration = Duration::from_secs(5);

/// The clients that have been used.
#[derive(Debug, Default)]
pub(super) struct Clients(Mutex<BTreeMap<Trust, Client>>);

/// Whom a client believes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Trust {
    /// Nobody: for plain http on loopback. A machine without certificate
    /// authorities can still use that.
    Nobody,
    /// The machine's certificate authorities.
    Platform,
    /// The authorities in this PEM text and no others.
    Only(Vec<u8>),
}

/// No client can be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("can't read ca_file {}: {source}", .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} holds no certificate in PEM form", .path.display())]
    NoCertificate { path: PathBuf },
    #[error("can't set up TLS: {}", super::transfer::chain(.0))]
    Tls(reqwest::Error),
}

impl Clients {
    /// Returns the client for a request.
    ///
    /// A certificate file is read each time, so that a renewed one takes effect
    /// at once.
    pub(super) fn get(
        &self,
        request: &Request,
        transport: &Transport,
    ) -> Result<Client, ClientError> {
        let trust = match &transport.ca_file {
            _ if request.url.scheme() == "http" => Trust::Nobody,
            None => Trust::Platform,
            Some(path) => Trust::Only(read(path)?),
        };
        let mut clients = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(client) = clients.get(&trust) {
            return Ok(client.clone());
        }
        let client = build(&trust, transport.ca_file.as_deref())?;
        clients.insert(trust, client.clone());
        Ok(client)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ClientError> {
    fs::read(path).map_err(|source| ClientError::Unreadable { path: path.to_owned(), source })
}

fn build(trust: &Trust, path: Option<&Path>) -> Result<Client, ClientError> {
    // reqwest's defaults follow redirects, read proxies from the environment,
    // send again and wait for ever; a secret must go one way only, once.
    let builder = Client::builder()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .pool_idle_timeout(POOL_IDLE)
        .user_agent(concat!("tokend/", env!("CARGO_PKG_VERSION")));
    let builder = match trust {
        Trust::Nobody => builder.tls_certs_only([]),
        Trust::Platform => builder.https_only(true),
        Trust::Only(pem) => {
            let certificates = Certificate::from_pem_bundle(pem).unwrap_or_default();
            if certificates.is_empty() {
                let path = path.unwrap_or(Path::new("ca_file")).to_owned();
                return Err(ClientError::NoCertificate { path });
            }
            builder.https_only(true).tls_certs_only(certificates)
        }
    };
    builder.build().map_err(ClientError::Tls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_named() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let trust = Trust::Only(b"no PEM".to_vec());
        let error = build(&trust, Some(Path::new("/etc/ca.pem"))).unwrap_err();
        assert_eq!(error.to_string(), "/etc/ca.pem holds no certificate in PEM form");
    }

    #[test]
    fn plain_http_needs_no_certificate_authorities() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        assert!(build(&Trust::Nobody, None).is_ok());
    }
}
