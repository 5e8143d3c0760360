//! Who a client is: its certificate and the key to it.

use std::path::PathBuf;

use secrecy::SecretString;
use thiserror::Error;

/// How PEM starts (RFC 7468 §2).
const BEGIN: &str = "-----BEGIN";

/// A client's certificate and private key.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate, with those between it and its authority, if there are any.
    pub certificate: Pem,
    /// The private key; without one, it is where the certificate is.
    pub key: Option<Pem>,
}

/// Something in PEM form, or where it is.
#[derive(Debug, Clone)]
pub enum Pem {
    /// It is in this file; an absolute path.
    File(PathBuf),
    /// It is this.
    Text(SecretString),
}

/// Why there is no client identity in what was given. Shows nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IdentityError {
    /// It is no PEM, and no path that means the same everywhere.
    #[error("http.{0}: must be a PEM text, -----BEGIN .., or an absolute path")]
    NotPem(&'static str),
    /// A key is of no use by itself.
    #[error("http.client_key: is given, but http.client_certificate isn't")]
    KeyAlone,
    /// What should be a certificate holds none.
    #[error("http.client_certificate: there is no certificate in it")]
    NoCertificate,
    /// There is no key beside the certificate.
    #[error("http.client_certificate: there is no private key in it, and no http.client_key")]
    NoKeyBeside,
    /// What should be a key holds none.
    #[error("http.client_key: there is no private key in it")]
    NoKey,
    /// The key has a passphrase, which nobody could enter.
    #[error("the client's private key is encrypted: give what `openssl pkey -in KEY` makes of it")]
    Encrypted,
}

impl Identity {
    /// Takes an identity from texts that are each either PEM or a path.
    pub(super) fn of(
        certificate: Option<&String>,
        key: Option<&String>,
    ) -> Result<Option<Self>, IdentityError> {
        let Some(certificate) = certificate else {
            return if key.is_some() { Err(IdentityError::KeyAlone) } else { Ok(None) };
        };
        let identity = Self {
            certificate: Pem::of("client_certificate", certificate)?,
            key: key.map(|key| Pem::of("client_key", key)).transpose()?,
        };
        // What is in files is seen when they are read.
        let Self { certificate: first, key: second } = &identity;
        if matches!((first, second), (Pem::Text(_), None | Some(Pem::Text(_)))) {
            Self::check(certificate, key.map(String::as_str))?;
        }
        Ok(Some(identity))
    }

    /// Looks for the parts of an identity in PEM texts, without decoding them. If the
    /// key has no text of its own, it is looked for in the certificate's.
    ///
    /// # Errors
    /// Tells what is missing, or that the key has a passphrase.
    pub fn check(certificate: &str, key: Option<&str>) -> Result<(), IdentityError> {
        if !certificate.contains("-----BEGIN CERTIFICATE-----") {
            return Err(IdentityError::NoCertificate);
        }
        let place = key.unwrap_or(certificate);
        // RFC 7468 §11, and the older form of RFC 1421 §4.6.1.1.
        if place.contains("-----BEGIN ENCRYPTED PRIVATE KEY") || place.contains("4,ENCRYPTED") {
            return Err(IdentityError::Encrypted);
        }
        match key {
            _ if place.contains("PRIVATE KEY-----") => Ok(()),
            Some(_) => Err(IdentityError::NoKey),
            None => Err(IdentityError::NoKeyBeside),
        }
    }
}

impl Pem {
    fn of(part: &'static str, text: &str) -> Result<Self, IdentityError> {
        if is_pem(text) {
            return Ok(Self::Text(SecretString::from(text)));
        }
        let path = PathBuf::from(text);
        if path.is_absolute() { Ok(Self::File(path)) } else { Err(IdentityError::NotPem(part)) }
    }
}

/// Tells PEM from a path.
pub(super) fn is_pem(text: &str) -> bool {
    text.trim_start().starts_with(BEGIN)
}
