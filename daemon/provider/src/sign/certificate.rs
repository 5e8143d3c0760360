//! Certificates that go with a key, for the header of a JWT (RFC 7515 §4.1.6 to §4.1.8).

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use pkcs8::der::{Tag, Tagged};
use ring::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use thiserror::Error;

use super::encoding::base64;
use super::{form, pem};

/// A certificate, with those that vouch for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// In DER.
    own: Vec<u8>,
    others: Vec<Vec<u8>>,
}

/// Why a text isn't a certificate. None quotes any of it, as it can be a key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum CertificateError {
    #[error("not a certificate: paste the whole file, from `-----BEGIN CERTIFICATE-----` on")]
    NotACertificate,
    #[error("a key is no certificate: give the certificate that was made for it")]
    OnlyAKey,
    #[error("a certificate request is no certificate: give what was made of it")]
    OnlyARequest,
    #[error("certificate {0} of the text is damaged or cut off")]
    Damaged(usize),
}

impl Certificate {
    /// Reads a certificate and the chain behind it, if there is one: PEM with
    /// anything around it, or bare base64 of DER.
    ///
    /// # Errors
    /// Says what the text is instead.
    pub(crate) fn read(text: &str) -> Result<Self, CertificateError> {
        let text = pem::unescape(text);
        if !pem::has_block(&text) {
            let bytes = base64(&text).ok_or(CertificateError::NotACertificate)?;
            return match str::from_utf8(&bytes) {
                Ok(text) if pem::has_block(text) => Self::within(text),
                _ if is_certificate(&bytes) => Ok(Self { own: bytes.to_vec(), others: Vec::new() }),
                _ => Err(CertificateError::NotACertificate),
            };
        }
        Self::within(&text)
    }

    /// `x5t`: the SHA-1 of the certificate, in base64url.
    pub(crate) fn sha1_thumbprint(&self) -> String {
        self.thumbprint(&SHA1_FOR_LEGACY_USE_ONLY)
    }

    /// `x5t#S256`: the SHA-256 of the certificate, in base64url.
    pub(crate) fn sha256_thumbprint(&self) -> String {
        self.thumbprint(&SHA256)
    }

    /// `x5c`: the certificate and those behind it, in base64 with padding.
    pub(crate) fn chain(&self) -> Vec<String> {
        let all = std::iter::once(&self.own).chain(&self.others);
        all.map(|certificate| BASE64_STANDARD.encode(certificate)).collect()
    }

    fn within(text: &str) -> Result<Self, CertificateError> {
        let labels = ["CERTIFICATE", "X509 CERTIFICATE"];
        let blocks = pem::blocks(text).filter(|block| labels.contains(&block.label));
        let mut certificates = Vec::new();
        for block in blocks {
            let bytes = block.decode().filter(|bytes| is_certificate(bytes));
            let bytes = bytes.ok_or(CertificateError::Damaged(certificates.len() + 1))?;
            certificates.push(bytes.to_vec());
        }
        let has = |part: &str| pem::blocks(text).any(|block| block.label.contains(part));
        match certificates {
            certificates if certificates.is_empty() => Err(match () {
                () if has("REQUEST") => CertificateError::OnlyARequest,
                () if has("KEY") => CertificateError::OnlyAKey,
                () => CertificateError::NotACertificate,
            }),
            mut certificates => {
                let others = certificates.split_off(1);
                Ok(Self { own: certificates.swap_remove(0), others })
            }
        }
    }

    fn thumbprint(&self, algorithm: &'static digest::Algorithm) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(digest::digest(algorithm, &self.own))
    }
}

/// Whether bytes have the form of a certificate (RFC 5280 §4.1).
fn is_certificate(der: &[u8]) -> bool {
    let elements = form::elements(der).unwrap_or_default();
    elements.iter().map(Tagged::tag).eq([Tag::Sequence, Tag::Sequence, Tag::BitString])
}
