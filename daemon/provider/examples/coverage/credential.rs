//! Made-up values for what a row says that its user has to give.

use super::words;

/// Keys that sign nothing but tests.
const RSA: &str = include_str!("../../src/sign/tests/rsa.pem");
const P256: &str = include_str!("../../src/sign/tests/p256.pem");
const CERTIFICATE: &str = include_str!("../../src/sign/tests/certificate.pem");

/// The key that JWTs of this algorithm are signed with.
pub(crate) fn key(algorithm: &str) -> &'static str {
    match algorithm.get(..2) {
        Some("ES") => P256,
        Some("HS") => "made-up-key-of-32-characters-abc",
        _ => RSA,
    }
}

/// The certificate of the RSA key, and the key.
pub(crate) fn certificate() -> (&'static str, &'static str) {
    (CERTIFICATE, RSA)
}

/// Whether what is called so is to be kept secret.
pub(crate) fn is_secret(text: &str) -> bool {
    let secret = concat!(
        r"secret|pass|\bpwd|token|\bpin\b|\botp\b|hmac|private|api.?key|access.?key|\bkey\b",
        r"|certificate|\bpat\b|seed|assertion",
    );
    words::has(text, secret) && !words::has(text, r"key.?id|\bid\b$|_id$|name$")
}

/// A value that no other input has.
pub(crate) fn made_up(text: &str) -> String {
    let name = words::name(text).unwrap_or_default();
    if words::has(text, r"totp|\botp\b|seed") {
        return "JBSWY3DPEHPK3PXP".to_owned();
    }
    format!("made-up-{}", name.replace('_', "-"))
}
