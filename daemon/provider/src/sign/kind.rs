//! Kinds of keys.

use std::fmt;

use pkcs8::{AlgorithmIdentifierRef, ObjectIdentifier};

/// What a key is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A secret that both sides have.
    Shared,
    Rsa,
    /// An RSA key that is marked as one for RSA-PSS only (RFC 4055 §1.2).
    RsaPss,
    P256,
    P384,
    P521,
    Secp256k1,
    /// Any other curve, or one whose parameters are written out.
    OtherCurve,
    /// SEC 1 lets a key leave its curve out.
    UnnamedCurve,
    Ed25519,
    Ed448,
    Dsa,
    Other,
}

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const SECP256K1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.10");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ED448: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.113");
const DSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");

impl Kind {
    /// Tells the kind by what PKCS#8 says of a key.
    pub(super) fn of(algorithm: &AlgorithmIdentifierRef<'_>) -> Self {
        match algorithm.oid {
            RSA => Self::Rsa,
            RSA_PSS => Self::RsaPss,
            EC => algorithm.parameters_oid().map_or(Self::OtherCurve, Self::on),
            ED25519 => Self::Ed25519,
            ED448 => Self::Ed448,
            DSA => Self::Dsa,
            _ => Self::Other,
        }
    }

    /// Tells the kind of an EC key by its curve.
    pub(super) fn on(curve: ObjectIdentifier) -> Self {
        match curve {
            P256 => Self::P256,
            P384 => Self::P384,
            P521 => Self::P521,
            SECP256K1 => Self::Secp256k1,
            _ => Self::OtherCurve,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shared => "a shared secret",
            Self::Rsa => "an RSA key",
            Self::RsaPss => "an RSA key for RSA-PSS only",
            Self::P256 => "an EC key on P-256",
            Self::P384 => "an EC key on P-384",
            Self::P521 => "an EC key on P-521",
            Self::Secp256k1 => "an EC key on secp256k1",
            Self::OtherCurve => "an EC key on another curve",
            Self::UnnamedCurve => "an EC key that doesn't name its curve",
            Self::Ed25519 => "an Ed25519 key",
            Self::Ed448 => "an Ed448 key",
            Self::Dsa => "a DSA key",
            Self::Other => "a key of another kind",
        })
    }
}
