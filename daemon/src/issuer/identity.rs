//! Reads who the client is, for providers that ask for a certificate.

use ring::digest::{Context, SHA256};
use secrecy::ExposeSecret;
use tokend_provider::{Identity, IdentityError, Pem};
use zeroize::Zeroizing;

use super::pem::{self, FileError};

/// A certificate and its key, as they are now.
pub(super) struct Credentials {
    pem: Zeroizing<Vec<u8>>,
}

/// What tells one secret from others, without telling it.
pub(super) type Fingerprint = Vec<u8>;

/// There is no certificate and key.
#[derive(Debug, thiserror::Error)]
pub(super) enum CredentialsError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Parts(#[from] IdentityError),
    #[error("can't use the client's certificate and key: {}", super::transfer::chain(.0))]
    Malformed(reqwest::Error),
}

impl Credentials {
    /// Reads them where they are. A renewed file takes effect at once.
    pub(super) fn read(identity: &Identity) -> Result<Self, CredentialsError> {
        let certificate = text("client_certificate", &identity.certificate)?;
        let key = identity.key.as_ref().map(|key| text("client_key", key)).transpose()?;
        Identity::check(&certificate, key.as_ref().map(|key| key.as_str()))?;
        // Where there are several keys the last one counts.
        let key = key.as_ref().map_or("", |key| key.as_str());
        let mut pem = Zeroizing::new(Vec::with_capacity(certificate.len() + 1 + key.len()));
        pem.extend_from_slice(certificate.as_bytes());
        pem.push(b'\n');
        pem.extend_from_slice(key.as_bytes());
        Ok(Self { pem })
    }

    /// Tells these from others.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        fingerprint(&[&self.pem])
    }

    /// Decodes them.
    pub(super) fn decode(&self) -> Result<reqwest::Identity, CredentialsError> {
        reqwest::Identity::from_pem(&self.pem).map_err(CredentialsError::Malformed)
    }
}

/// Takes the fingerprint of a secret, which is in parts.
pub(super) fn fingerprint(parts: &[&[u8]]) -> Fingerprint {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    context.finish().as_ref().to_vec()
}

fn text(key: &'static str, pem: &Pem) -> Result<Zeroizing<String>, FileError> {
    match pem {
        Pem::Text(text) => Ok(Zeroizing::new(text.expose_secret().to_owned())),
        Pem::File(path) => {
            // What isn't a text holds no PEM either.
            let bytes = pem::read(key, path)?;
            Ok(Zeroizing::new(str::from_utf8(&bytes).unwrap_or_default().to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_lacks_is_told_when_it_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("client.pem");
        let told = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let identity = Identity { certificate: Pem::File(path.clone()), key: None };
            let credentials = Credentials::read(&identity);
            credentials.and_then(|read| read.decode().map(|_| ())).unwrap_err().to_string()
        };
        let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(told(""), IdentityError::NoCertificate.to_string());
        assert_eq!(told(certificate), IdentityError::NoKeyBeside.to_string());
        let encrypted = format!("{certificate}-----BEGIN ENCRYPTED PRIVATE KEY-----\n");
        assert_eq!(told(&encrypted), IdentityError::Encrypted.to_string());
        let broken = told(&format!("{certificate}-----BEGIN PRIVATE KEY-----\n%\n"));
        assert!(broken.starts_with("can't use the client's certificate and key: "), "{broken}");
    }
}
