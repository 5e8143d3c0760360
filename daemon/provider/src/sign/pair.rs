//! Makes key pairs of ring's out of DER.

use pkcs8::der::Decode;
use pkcs8::der::asn1::OctetStringRef;
use ring::error::KeyRejected;
use ring::rand::SystemRandom;
use ring::signature::{EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, RsaKeyPair};
use sec1::EcPrivateKey;
use zeroize::Zeroizing;

use super::error::KeyError;
use super::form::elements;
use super::private::Private;

/// What ring takes of RSA keys, by the length of their modulus in bits.
const SHORTEST: usize = 2048;
const LONGEST: usize = 4096;

/// How SEC 1 §2.3.3 marks a point that has both its coordinates.
const UNCOMPRESSED: u8 = 4;

/// Makes a pair of an `RSAPrivateKey` (RFC 8017 §A.1.2).
pub(super) fn rsa(private: &Private) -> Result<RsaKeyPair, KeyError> {
    let modulus = elements(&private.key).and_then(|elements| Some(elements.get(1)?.value()));
    let bits = modulus.map(length).ok_or(KeyError::NotAKey)?;
    RsaKeyPair::from_der(&private.key).map_err(|error| match bits {
        _ if bits < SHORTEST => KeyError::RsaTooShort { bits },
        _ if bits > LONGEST => KeyError::RsaTooLong { bits },
        _ => refused(error),
    })
}

/// Makes a pair of an `ECPrivateKey` (RFC 5915 §3) on the curve of the scheme,
/// where private keys have `size` bytes.
pub(super) fn ecdsa(
    scheme: &'static EcdsaSigningAlgorithm,
    size: usize,
    private: &Private,
) -> Result<EcdsaKeyPair, KeyError> {
    let key = EcPrivateKey::from_der(&private.key).map_err(|_| KeyError::NotAKey)?;
    let public = key
        .public_key
        .or(private.public.as_deref())
        .filter(|public| public.first() == Some(&UNCOMPRESSED))
        .ok_or(KeyError::NoPublicKey)?;
    let secret = sized(key.private_key, size).ok_or(KeyError::NotAKey)?;
    let random = SystemRandom::new();
    EcdsaKeyPair::from_private_key_and_public_key(scheme, &secret, public, &random).map_err(refused)
}

/// Makes a pair of a `CurvePrivateKey` (RFC 8410 §7), whose public key needn't
/// be there.
pub(super) fn ed25519(private: &Private) -> Result<Ed25519KeyPair, KeyError> {
    let seed = OctetStringRef::from_der(&private.key).map_err(|_| KeyError::NotAKey)?.as_bytes();
    match &private.public {
        Some(public) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
        None => Ed25519KeyPair::from_seed_unchecked(seed),
    }
    .map_err(refused)
}

fn refused(error: KeyRejected) -> KeyError {
    KeyError::Refused(error.to_string())
}

/// Counts the bits of a number.
fn length(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let digits = &number[zeros..];
    let first = digits.first().map_or(0, |byte| byte.leading_zeros() as usize);
    digits.len() * 8 - first
}

/// Brings a number to its full length, which some writers don't.
fn sized(number: &[u8], size: usize) -> Option<Zeroizing<Vec<u8>>> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let digits = &number[zeros..];
    let mut sized = Zeroizing::new(vec![0; size]);
    sized[size.checked_sub(digits.len())?..].copy_from_slice(digits);
    Some(sized)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_counted_from_the_first_that_is_set() {
        for (number, bits) in
            [(&[][..], 0), (&[0], 0), (&[1], 1), (&[0, 0x80, 0], 16), (&[0x7f, 0], 15)]
        {
            assert_eq!(length(number), bits, "{number:?}");
        }
    }

    #[test]
    fn numbers_are_filled_up_and_never_cut() {
        for (number, expected) in [
            (&[1][..], Some(&[0, 0, 1][..])),
            (&[0, 0, 0, 1], Some(&[0, 0, 1])),
            (&[1, 2, 3], Some(&[1, 2, 3])),
            (&[1, 2, 3, 4], None),
        ] {
            assert_eq!(sized(number, 3).as_deref().map(Vec::as_slice), expected, "{number:?}");
        }
    }
}
