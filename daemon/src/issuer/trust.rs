//! Whom a client believes.

use std::path::PathBuf;

use reqwest::{Certificate, ClientBuilder};
use tokend_provider::Transport;

use super::pem::{self, FileError};

/// Whom a client believes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trust {
    /// Nobody: for plain http on loopback. A machine without certificate
    /// authorities can still use that.
    Nobody,
    /// The machine's certificate authorities.
    Platform,
    /// The authorities in this PEM file and no others.
    Only { path: PathBuf, certificates: Vec<u8> },
}

/// Nobody can be believed.
#[derive(Debug, thiserror::Error)]
pub(super) enum TrustError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{} holds no certificate in PEM form", .0.display())]
    NoCertificate(PathBuf),
}

impl Trust {
    /// Reads whom to believe over https.
    pub(super) fn read(transport: &Transport) -> Result<Self, FileError> {
        let Some(path) = &transport.ca_file else { return Ok(Self::Platform) };
        let certificates = pem::read("ca_file", path)?.to_vec();
        Ok(Self::Only { path: path.clone(), certificates })
    }

    /// Makes a client believe them.
    pub(super) fn apply(&self, builder: ClientBuilder) -> Result<ClientBuilder, TrustError> {
        match self {
            Self::Nobody => Ok(builder.tls_certs_only([])),
            Self::Platform => Ok(builder.https_only(true)),
            Self::Only { path, certificates } => {
                let certificates = Certificate::from_pem_bundle(certificates).unwrap_or_default();
                if certificates.is_empty() {
                    return Err(TrustError::NoCertificate(path.clone()));
                }
                Ok(builder.https_only(true).tls_certs_only(certificates))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        std::fs::write(&path, "no PEM").unwrap();
        let transport = Transport { ca_file: Some(path.clone()), ..Transport::default() };
        let trust = Trust::read(&transport).unwrap();
        let message = trust.apply(reqwest::Client::builder()).unwrap_err().to_string();
        assert_eq!(message, format!("{} holds no certificate in PEM form", path.display()));
    }
}
