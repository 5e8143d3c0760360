//! Keys, and what is signed with them: JWTs (RFC 7519), and the thumbprints of
//! the certificates that go with the keys.

mod algorithm;
mod certificate;
mod decryption;
mod encoding;
mod error;
mod form;
mod jwt;
mod key;
mod kind;
mod pair;
mod pem;
mod private;

pub(crate) use self::algorithm::Algorithm;
pub(crate) use self::certificate::{Certificate, CertificateError};
pub(crate) use self::encoding::KeyEncoding;
pub(crate) use self::error::KeyError;
pub(crate) use self::jwt::jwt;
pub(crate) use self::key::Key;

#[cfg(test)]
mod tests;
