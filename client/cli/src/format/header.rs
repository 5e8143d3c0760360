//! Complete header lines.

use secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};
use tokend_client::Token;

/// Returns complete header lines, without line breaks; none if the token is sent elsewhere.
pub(crate) fn header_lines(token: &Token) -> Vec<Zeroizing<String>> {
    let line = |(name, value): (&str, SecretString)| {
        Zeroizing::new(format!("{name}: {}", value.expose_secret()))
    };
    token.header_fields().into_iter().map(line).collect()
}
