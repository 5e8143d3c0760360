//! Tells what is wrong with a key, and how to mend it.

use thiserror::Error;

use super::algorithm::Algorithm;
use super::kind::Kind;

/// Why a text is no key to sign with. None quotes any of it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum KeyError {
    #[error("the key is empty")]
    Empty,
    #[error("the key is not base64")]
    NotBase64,
    #[error("the key is not hex: two digits of 0-9 and a-f for each byte")]
    NotHex,
    #[error("not a private key: paste the whole file, from `-----BEGIN PRIVATE KEY-----` on")]
    NotAKey,
    #[error("the key is cut off: there is no line `-----END ..` after it")]
    CutOff,
    #[error("a public key can't sign: give the private key that belongs to it")]
    PublicKey,
    #[error("a certificate can't sign: give the private key that belongs to it")]
    Certificate,
    #[error("{algorithm} needs {needed}, this is {found}")]
    WrongKind { algorithm: Algorithm, needed: Kind, found: Kind },
    #[error("the key is encrypted and needs its passphrase")]
    PassphraseNeeded,
    #[error("the passphrase doesn't open the key")]
    WrongPassphrase,
    /// OpenSSL's own, older than PKCS#8: one round of MD5 on the passphrase.
    #[error("the key is encrypted in OpenSSL's old way, convert it: {CONVERT}")]
    LegacyEncryption,
    /// PBES1, 3DES, SHA-1, or a key derivation that is too costly.
    #[error("the key is encrypted in a way that is not supported, convert it: {CONVERT}")]
    UnsupportedEncryption,
    #[error(
        "a key in OpenSSH's own format is not supported, convert it in its place: \
         ssh-keygen -p -m PKCS8 -f KEY"
    )]
    OpenSsh,
    #[error(
        "a PKCS#12 file is not supported, take the key out of it: \
         openssl pkcs12 -in FILE -nocerts -out KEY"
    )]
    Pkcs12,
    /// Nothing of ours works out a public key in constant time.
    #[error(
        "the EC key lacks its public key in the long form, add it: \
         openssl pkey -in KEY -ec_conv_form uncompressed -out NEW"
    )]
    NoPublicKey,
    #[error("the RSA key has {bits} bits and is too short: make one of at least 2048")]
    RsaTooShort { bits: usize },
    #[error("the RSA key has {bits} bits and is too long: make one of at most 4096")]
    RsaTooLong { bits: usize },
    /// In ring's words, which name a component at most.
    #[error("the key is unfit to sign with ({0})")]
    Refused(String),
    /// The parts of an RSA key that contradict each other come out only now.
    #[error("the key can't sign: its parts don't belong together")]
    Signing,
}

/// Makes PKCS#8 with PBES2 of what OpenSSL can still read.
const CONVERT: &str = "openssl pkcs8 -topk8 -v2 aes-256-cbc -in KEY -out NEW";
