//! Tells texts that can be shown from those that may be secrets.

use crate::date;

/// What the names of fields with secrets in them have in common.
const SECRET: [&str; 16] = [
    "token",
    "secret",
    "password",
    "passwd",
    "key",
    "session",
    "sid",
    "ticket",
    "cookie",
    "code",
    "jwt",
    "auth",
    "nonce",
    "otp",
    "sign",
    "credential",
];

/// A text is shown up to this length, in characters, if nothing else speaks against
/// it: tokens are longer, words and sentences have spaces.
const WORD: usize = 24;

/// Tells whether a text, found under this key, is nothing that could be a secret: a
/// number, a date, a word or a sentence.
pub(crate) fn is_harmless(key: &str, text: &str) -> bool {
    let key = key.to_ascii_lowercase();
    // What a token is isn't the token: `token_type`, `expires`.
    let is_about = key.ends_with("type") || key.contains("expir") || key.contains("_at");
    let is_secret = !is_about && SECRET.iter().any(|part| key.contains(part));
    let is_word = text.chars().count() <= WORD
        && text.chars().all(|c| c.is_alphabetic() || c == ' ' || c == '_' || c == '-');
    // Codes of errors are long.
    let is_code = text.chars().count() <= 2 * WORD
        && text.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let is_sentence =
        text.contains(' ') && text.split(' ').all(|word| word.chars().count() <= WORD);
    let is_number = text.parse::<f64>().is_ok();
    let is_date = date::parse(text).is_some();
    text.is_empty() || !is_secret && (is_word || is_code || is_sentence || is_number || is_date)
}
