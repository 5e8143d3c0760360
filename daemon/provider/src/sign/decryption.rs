//! Opens encrypted PKCS#8 (RFC 5958 §3) with its passphrase (PBES2, RFC 8018 §6.2).

use pkcs8::der::Decode;
use pkcs8::pkcs5::pbes2::Kdf;
use pkcs8::{EncryptedPrivateKeyInfo, SecretDocument, pkcs5};

use super::error::KeyError;

/// How many rounds of PBKDF2 a passphrase may take. OpenSSL makes 2048,
/// careful people make a million; this many take some seconds.
const MOST_ROUNDS: u32 = 2_000_000;

/// How much memory scrypt may take, in bytes. OpenSSL makes it 16 MiB.
const MOST_MEMORY: u64 = 256 << 20;

/// How often scrypt may do its work. OpenSSL makes it once.
const MOST_PASSES: u16 = 16;

/// Decrypts a key.
pub(super) fn decrypt(der: &[u8], passphrase: Option<&str>) -> Result<SecretDocument, KeyError> {
    // What it doesn't know, it doesn't decode either.
    let encrypted = EncryptedPrivateKeyInfo::from_der(der)
        .ok()
        .filter(|encrypted| is_affordable(encrypted))
        .ok_or(KeyError::UnsupportedEncryption)?;
    let passphrase =
        passphrase.filter(|passphrase| !passphrase.is_empty()).ok_or(KeyError::PassphraseNeeded)?;
    encrypted.decrypt(passphrase).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(
            pkcs5::Error::UnsupportedAlgorithm { .. }
            | pkcs5::Error::AlgorithmParametersInvalid { .. }
            | pkcs5::Error::NoPbes1CryptSupport,
        ) => KeyError::UnsupportedEncryption,
        // A wrong passphrase makes other bytes, which end or start wrongly.
        _ => KeyError::WrongPassphrase,
    })
}

/// Whether the passphrase can be tried at all, in memory and in time. The
/// numbers are the key's own, so they can be any.
fn is_affordable(encrypted: &EncryptedPrivateKeyInfo<'_>) -> bool {
    match encrypted.encryption_algorithm.pbes2().map(|parameters| &parameters.kdf) {
        Some(Kdf::Pbkdf2(pbkdf2)) => pbkdf2.iteration_count <= MOST_ROUNDS,
        Some(Kdf::Scrypt(scrypt)) => {
            let block = 128 * u64::from(scrypt.block_size);
            scrypt.cost_parameter.saturating_mul(block) <= MOST_MEMORY
                && scrypt.parallelization <= MOST_PASSES
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use pkcs8::pkcs5::pbes2::{EncryptionScheme, Parameters, Pbkdf2Params, ScryptParams};

    use super::*;

    #[test]
    fn no_key_costs_more_than_a_machine_has() {
        let is_affordable = |kdf: Kdf<'_>| {
            let encryption = EncryptionScheme::Aes256Cbc { iv: &[0; 16] };
            let encryption_algorithm = Parameters { kdf, encryption }.into();
            is_affordable(&EncryptedPrivateKeyInfo { encryption_algorithm, encrypted_data: &[] })
        };
        let pbkdf2 = |rounds| Pbkdf2Params::hmac_with_sha256(rounds, &[]).unwrap().into();
        assert!(is_affordable(pbkdf2(1_000_000)));
        assert!(!is_affordable(pbkdf2(99_000_000)));
        let scrypt = |cost_parameter, block_size, parallelization| {
            let salt = &[];
            let key_length = None;
            ScryptParams { salt, cost_parameter, block_size, parallelization, key_length }.into()
        };
        assert!(is_affordable(scrypt(1 << 17, 8, 1)));
        assert!(!is_affordable(scrypt(1 << 24, 8, 1)));
        assert!(!is_affordable(scrypt(1 << 63, 8, 1)));
        assert!(!is_affordable(scrypt(1 << 14, 8, u16::MAX)));
    }
}
