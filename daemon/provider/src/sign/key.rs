//! Keys that sign.

use std::fmt;

use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{EcdsaKeyPair, Ed25519KeyPair, RsaEncoding, RsaKeyPair};
use zeroize::Zeroizing;

use super::algorithm::{Algorithm, Scheme};
use super::encoding::KeyEncoding;
use super::error::KeyError;
use super::pair;
use super::private::Private;

/// A key with the one algorithm that it is used for (RFC 8725 §3.1).
pub(crate) struct Key {
    algorithm: Algorithm,
    material: Material,
}

enum Material {
    Shared(hmac::Algorithm, Zeroizing<Vec<u8>>),
    Rsa(&'static dyn RsaEncoding, Box<RsaKeyPair>),
    Ecdsa(Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl Key {
    /// Reads a key. The encoding is that of a shared secret; the passphrase is for
    /// an encrypted key pair, and not looked at by any other key.
    ///
    /// Key pairs are PEM (RFC 7468) or bare base64 of PKCS#8, of PKCS#8
    /// encrypted with PBES2, of PKCS#1 or of SEC 1. A shared secret may be
    /// shorter than RFC 7518 §3.2 wants it: how long it is, the API has decided.
    ///
    /// # Errors
    /// Says what the text is instead, and how to make a key of it.
    pub(crate) fn read(
        algorithm: Algorithm,
        text: &str,
        passphrase: Option<&str>,
        encoding: KeyEncoding,
    ) -> Result<Self, KeyError> {
        let private = || {
            let private = Private::read(text, passphrase)?;
            let (needed, found) = (algorithm.needs(), private.kind);
            if algorithm.takes(found) {
                Ok(private)
            } else {
                Err(KeyError::WrongKind { algorithm, needed, found })
            }
        };
        let material = match algorithm.scheme() {
            Scheme::Hmac(hash) => Material::Shared(hash, encoding.decode(text)?),
            Scheme::Rsa(padding) => Material::Rsa(padding, Box::new(pair::rsa(&private()?)?)),
            Scheme::Ecdsa(scheme, size) => {
                Material::Ecdsa(Box::new(pair::ecdsa(scheme, size, &private()?)?))
            }
            Scheme::Ed25519 => Material::Ed25519(Box::new(pair::ed25519(&private()?)?)),
        };
        Ok(Self { algorithm, material })
    }

    /// The algorithm that it signs with.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Signs a message. ECDSA's signature is JOSE's, r and s with no DER about
    /// them (RFC 7518 §3.4).
    ///
    /// The randomness of ECDSA's nonces, of PSS's salts and of RSA's blinding is
    /// the only one that isn't passed in: ring takes it from nowhere but its own
    /// [`SystemRandom`], as its trait `SecureRandom` is sealed. Only ECDSA's and
    /// PSS's signatures differ from time to time by it.
    ///
    /// # Errors
    /// Fails if the parts of an RSA key contradict each other.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match &self.material {
            Material::Shared(hash, secret) => {
                Ok(hmac::sign(&hmac::Key::new(*hash, secret), message).as_ref().to_vec())
            }
            Material::Rsa(encoding, pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                match pair.sign(*encoding, &random, message, &mut signature) {
                    Ok(()) => Ok(signature),
                    Err(_) => Err(KeyError::Signing),
                }
            }
            Material::Ecdsa(pair) => match pair.sign(&random, message) {
                Ok(signature) => Ok(signature.as_ref().to_vec()),
                Err(_) => Err(KeyError::Signing),
            },
            Material::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, [redacted])", self.algorithm)
    }
}
