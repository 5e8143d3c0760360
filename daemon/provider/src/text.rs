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

/// A number with more digits may be anything.
const DIGITS: usize = 6;

/// A text is shown up to this length, in characters, if nothing else speaks against
/// it: tokens are longer, words and sentences have spaces.
const WORD: usize = 24;

/// The key of what is below a key: what is below a secret is one.
pub(crate) fn below(key: &str, name: &str) -> String {
    format!("{key}.{name}")
}

/// Tells whether the names that lead to a value speak of a secret.
pub(crate) fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    // What a token is isn't the token: `token_type`, `expires_at`.
    let last = key.rsplit('.').next().unwrap_or_default();
    let is_about = last.ends_with("_type") || last == "type" || last.starts_with("expir");
    !is_about && SECRET.iter().any(|part| key.contains(part))
}

/// Tells whether a text, found under this key, is nothing that could be a secret: a
/// short number, a date, a word or a sentence.
pub(crate) fn is_harmless(key: &str, text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    if is_secret_key(key) {
        return false;
    }
    let length = text.chars().count();
    let is_wordy = |word: &str| {
        word.chars().count() <= WORD
            && word.chars().all(|c| c.is_alphabetic() || ",.;:!?'\"()_-".contains(c))
    };
    let is_small = |word: &str| word.len() <= DIGITS && word.bytes().all(|b| b.is_ascii_digit());
    let is_sentence = text.contains(' ')
        && text.split(' ').all(|word| word.is_empty() || is_wordy(word) || is_small(word));
    // Codes of errors are long.
    let is_code = length <= 2 * WORD && text.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let is_number = text.len() <= 2 * DIGITS && text.parse::<f64>().is_ok();
    let is_date = length <= 2 * WORD && date::parse(text).is_some();
    is_wordy(text) || is_code || is_sentence || is_number || is_date
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_sentences_numbers_and_dates_are_harmless_unless_their_name_tells() {
        for (key, text, expected) in [
            ("status", "active", true),
            ("message", "all is well", true),
            ("count", "42", true),
            ("created_at", "2025-06-01T12:00:00Z", true),
            ("token_type", "Bearer", true),
            ("expires_at", "2025-06-01T12:00:00Z", true),
            ("session", "", true),
            ("value", "eyJhbGciOiJIUzI1NiJ9", false),
            ("id", "0123456789abcdef", false),
            ("sessionId", "active", false),
            ("access_token", "abc", false),
            ("token.value", "abc", false),
            ("otp", "123456", false),
            ("secret_attribute", "abc", false),
        ] {
            assert_eq!(is_harmless(key, text), expected, "{key}: {text}");
        }
    }
}
