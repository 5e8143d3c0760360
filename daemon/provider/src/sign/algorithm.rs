//! The algorithms that sign, by their names in JOSE (RFC 7518 §3.1, RFC 8037 §3.1).

use std::fmt;
use std::str::FromStr;

use ring::hmac;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaSigningAlgorithm,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding,
};
use thiserror::Error;

use super::kind::Kind;
use crate::suggestion::Suggestion;

/// How a message is signed.
///
/// ES512 is not among them: ring doesn't know the curve P-521.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

/// No algorithm has that name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown algorithm `{name}`{suggestion}")]
pub(crate) struct UnknownAlgorithm {
    name: String,
    suggestion: Suggestion,
}

/// What ring calls an algorithm.
pub(super) enum Scheme {
    Hmac(hmac::Algorithm),
    Rsa(&'static dyn RsaEncoding),
    /// With the length of a private key in bytes.
    Ecdsa(&'static EcdsaSigningAlgorithm, usize),
    Ed25519,
}

impl Algorithm {
    /// All that there are, in the order of RFC 7518.
    pub(crate) const ALL: [Self; 12] = [
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The name that stands in `alg`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    pub(super) fn scheme(self) -> Scheme {
        match self {
            Self::Hs256 => Scheme::Hmac(hmac::HMAC_SHA256),
            Self::Hs384 => Scheme::Hmac(hmac::HMAC_SHA384),
            Self::Hs512 => Scheme::Hmac(hmac::HMAC_SHA512),
            Self::Rs256 => Scheme::Rsa(&RSA_PKCS1_SHA256),
            Self::Rs384 => Scheme::Rsa(&RSA_PKCS1_SHA384),
            Self::Rs512 => Scheme::Rsa(&RSA_PKCS1_SHA512),
            Self::Ps256 => Scheme::Rsa(&RSA_PSS_SHA256),
            Self::Ps384 => Scheme::Rsa(&RSA_PSS_SHA384),
            Self::Ps512 => Scheme::Rsa(&RSA_PSS_SHA512),
            Self::Es256 => Scheme::Ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING, 32),
            Self::Es384 => Scheme::Ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING, 48),
            Self::EdDsa => Scheme::Ed25519,
        }
    }

    /// The kind of key that it signs with.
    pub(super) fn needs(self) -> Kind {
        match self {
            Self::Hs256 | Self::Hs384 | Self::Hs512 => Kind::Shared,
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => {
                Kind::Rsa
            }
            Self::Es256 => Kind::P256,
            Self::Es384 => Kind::P384,
            Self::EdDsa => Kind::Ed25519,
        }
    }

    /// Whether it signs with keys of that kind.
    pub(super) fn takes(self, kind: Kind) -> bool {
        match kind {
            // They must not sign otherwise (RFC 4055 §1.2).
            Kind::RsaPss => matches!(self, Self::Ps256 | Self::Ps384 | Self::Ps512),
            // Whether the curve is the right one comes out by the public key.
            Kind::UnnamedCurve => matches!(self, Self::Es256 | Self::Es384),
            kind => kind == self.needs(),
        }
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        let found = Self::ALL.into_iter().find(|algorithm| algorithm.name() == name);
        found.ok_or_else(|| UnknownAlgorithm {
            name: name.to_owned(),
            suggestion: Suggestion::among(name, Self::ALL.into_iter().map(Self::name)),
        })
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_found_by_its_name() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
        }
    }

    #[test]
    fn other_names_are_none() {
        for (name, message) in [
            ("RS265", "unknown algorithm `RS265`, did you mean `RS256`?"),
            ("none", "unknown algorithm `none`"),
        ] {
            let error = name.parse::<Algorithm>().unwrap_err();
            assert!(error.to_string().starts_with(message), "{error}");
        }
    }
}
