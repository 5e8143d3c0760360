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

/// No file of certificates is larger.
const LARGEST_CA_FILE: u64 = 1 << 20;

/// The clients that have been used, each with the certificates that it was made
/// with.
#[derive(Debug, Default)]
pub(super) struct Clients(Mutex<BTreeMap<Trust, (Vec<u8>, Client)>>);

/// Whom a client believes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trust {
    /// Nobody: for plain http on loopback. A machine without certificate
    /// authorities can still use that.
    Nobody,
    /// The machine's certificate authorities.
    Platform,
    /// The authorities in this PEM file and no others.
    Only(PathBuf),
}

/// No client can be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("can't read ca_file {}: {source}", .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("ca_file {} isn't a file of at most 1 MiB", .path.display())]
    NotAFile { path: PathBuf },
    #[error("{} holds no certificate in PEM form", .path.display())]
    NoCertificate { path: PathBuf },
    #[error("can't set up TLS: {}", super::transfer::chain(.0))]
    Tls(reqwest::Error),
}

impl Trust {
    /// Returns whom to believe for a request.
    pub(super) fn of(request: &Request, transport: &Transport) -> Self {
        match &transport.ca_file {
            _ if request.url.scheme() == "http" => Self::Nobody,
            None => Self::Platform,
            Some(path) => Self::Only(path.clone()),
        }
    }
}

impl Clients {
    /// Returns a client. It reads files, which can take any time.
    ///
    /// A certificate file is read each time, so that a renewed one takes effect
    /// at once.
    pub(super) fn get(&self, trust: Trust) -> Result<Client, ClientError> {
        let certificates = match &trust {
            Trust::Nobody | Trust::Platform => Vec::new(),
            Trust::Only(path) => read(path)?,
        };
        let lock = || self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((before, client)) = lock().get(&trust)
            && *before == certificates
        {
            return Ok(client.clone());
        }
        let client = build(&trust, &certificates)?;
        lock().insert(trust, (certificates, client.clone()));
        Ok(client)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ClientError> {
    let unreadable = |source| ClientError::Unreadable { path: path.to_owned(), source };
    // Asked before opening: to open a named pipe would wait for its writer.
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() || metadata.len() > LARGEST_CA_FILE {
        return Err(ClientError::NotAFile { path: path.to_owned() });
    }
    fs::read(path).map_err(unreadable)
}

fn build(trust: &Trust, certificates: &[u8]) -> Result<Client, ClientError> {
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
        Trust::Only(path) => {
            let certificates = Certificate::from_pem_bundle(certificates).unwrap_or_default();
            if certificates.is_empty() {
                return Err(ClientError::NoCertificate { path: path.clone() });
            }
            builder.https_only(true).tls_certs_only(certificates)
        }
    };
    builder.build().map_err(ClientError::Tls)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message_of(path: &Path) -> String {
        let message = Clients::default().get(Trust::Only(path.to_owned())).unwrap_err().to_string();
        message.replace(&path.display().to_string(), "PATH")
    }

    #[test]
    fn a_file_that_holds_no_certificates_is_named_and_nothing_else_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        assert!(message_of(&path).starts_with("can't read ca_file PATH: No such file"));
        fs::write(&path, "no PEM").unwrap();
        assert_eq!(message_of(&path), "PATH holds no certificate in PEM form");
        assert_eq!(message_of(dir.path()), "ca_file PATH isn't a file of at most 1 MiB");
        let pipe = dir.path().join("pipe");
        let mode = nix::sys::stat::Mode::S_IRUSR;
        nix::unistd::mkfifo(&pipe, mode).unwrap();
        assert_eq!(message_of(&pipe), "ca_file PATH isn't a file of at most 1 MiB");
    }

    #[test]
    fn plain_http_needs_no_certificate_authorities() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        assert!(Clients::default().get(Trust::Nobody).is_ok());
    }
}
