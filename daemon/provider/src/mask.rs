//! Makes foreign text fit to be shown: printable, short, without secrets.

use std::{borrow::Cow, cmp::Reverse, fmt::Write as _, sync::OnceLock};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::escape;

/// The longest text that is shown, in characters: two lines of a terminal.
const LONGEST: usize = 200;

/// What is shorter can't be hidden: it stands by chance in any text, and what is masked
/// of that tells what it is.
const SHORTEST: usize = 3;

/// The shortest secret that is looked for in the middle of base64: seven characters of it are
/// no coincidence.
const LEAST_IN_BASE64: usize = 8;

/// What stands in the place of a secret.
const MASKED: &str = "[masked]";

/// The secrets that must not show, in all spellings in which a provider may
/// echo them.
///
/// There are some twenty for each, and most answers are never shown: they are made once a text is.
#[derive(Default, Clone)]
pub(crate) struct Mask {
    secrets: Vec<Zeroizing<String>>,
    /// Longest first, so that no part of a longer one is left over.
    spellings: OnceLock<Vec<Zeroizing<String>>>,
}

impl Mask {
    /// Hides a secret from now on.
    pub(crate) fn hide(&mut self, secret: &str) {
        let is_hidden = self.secrets.iter().any(|hidden| hidden.as_str() == secret);
        if secret.trim().len() >= SHORTEST && !is_hidden {
            self.secrets.push(Zeroizing::new(secret.to_owned()));
            self.spellings = OnceLock::new();
        }
    }

    fn spellings(&self) -> &[Zeroizing<String>] {
        self.spellings.get_or_init(|| {
            let mut all = Vec::new();
            for spelling in self.secrets.iter().flat_map(|secret| spellings(secret)) {
                if !spelling.is_empty() && !all.contains(&spelling) {
                    all.push(spelling);
                }
            }
            all.sort_by_key(|spelling| Reverse(spelling.len()));
            all
        })
    }

    /// Returns the text as it can be shown: its secrets masked, in printable
    /// characters on one line, cut to at most 200 of them.
    pub(crate) fn apply(&self, text: &str) -> String {
        cut(&self.line(text))
    }

    /// Returns several lines as they can be shown, of any length, indented as they are.
    pub(crate) fn lines(&self, text: &str) -> String {
        let indented = |line: &str| {
            let indent = line.len() - line.trim_start_matches(' ').len();
            format!("{}{}", &line[..indent], self.line(line))
        };
        let lines: Vec<String> = text.lines().map(indented).collect();
        lines.join("\n")
    }

    fn line(&self, text: &str) -> String {
        let text = printable(text);
        let mut text = Cow::Borrowed(text.as_str());
        for spelling in self.spellings() {
            if text.contains(spelling.as_str()) {
                text = Cow::Owned(text.replace(spelling.as_str(), "\0"));
            }
        }
        // By way of a character that doesn't print, so that a secret such as
        // `mask` isn't looked for in what stands for another.
        text.replace('\0', MASKED)
    }
}

/// Returns a secret in all its spellings.
fn spellings(secret: &str) -> Vec<Zeroizing<String>> {
    let percent = escape::percent(secret);
    let form = escape::form(secret);
    let quoted = serde_json::to_string(secret).unwrap_or_default();
    let quoted = quoted.trim_start_matches('"').trim_end_matches('"').to_owned();
    let spellings = [
        secret.to_owned(),
        secret.trim().to_owned(),
        lower_hex(&percent),
        lower_hex(&form),
        percent,
        form,
        quoted.replace('/', "\\/"),
        ascii(&quoted),
        quoted,
        html(secret, "&#39;"),
        html(secret, "&#x27;"),
        BASE64_STANDARD.encode(secret),
        BASE64_URL_SAFE_NO_PAD.encode(secret),
        escape::hex(secret.as_bytes()),
        escape::hex(secret.as_bytes()).to_uppercase(),
        each(secret, |byte| format!("%{byte:02x}")),
        each(secret, |byte| format!("%{byte:02X}")),
        each(secret, |byte| format!("\\u{byte:04x}")),
        each(secret, |byte| format!("\\u{byte:04X}")),
    ];
    let spellings = spellings.into_iter().chain(in_base64(secret)).map(Zeroizing::new);
    spellings.map(|spelling| Zeroizing::new(printable(&spelling))).collect()
}

/// Cuts a text to the length that is shown.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some(_) => text.chars().take(LONGEST - 1).chain(['…']).collect(),
    }
}

/// Drops what doesn't print or changes how the rest prints (controls,
/// direction marks, invisible characters), and makes white space single.
fn printable(text: &str) -> String {
    let mut printed = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            if !printed.is_empty() && !printed.ends_with(' ') {
                printed.push(' ');
            }
        } else if !is_invisible(c) {
            printed.push(c);
        }
    }
    printed.truncate(printed.trim_end().len());
    printed
}

/// Whether Unicode counts a character as a format character (Cf), a variation
/// selector or a noncharacter, as far as terminals act on them.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Writes a JSON text in ASCII, as many libraries do.
fn ascii(quoted: &str) -> String {
    quoted.encode_utf16().fold(String::new(), |mut text, unit| {
        // Writing to a string doesn't fail.
        let _ = match u8::try_from(unit).ok().filter(u8::is_ascii) {
            Some(byte) => text.write_char(char::from(byte)),
            None => write!(text, "\\u{unit:04x}"),
        };
        text
    })
}

/// Writes a text as HTML; for the apostrophe there are several ways.
fn html(text: &str, apostrophe: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', apostrophe)
}

/// Writes every byte of a text in a way of its own.
fn each(text: &str, write: impl Fn(u8) -> String) -> String {
    text.bytes().map(write).collect()
}

/// Returns what of a secret shows in the base64 of a longer text, which begins in one of
/// three places. What depends on its neighbours is left off.
fn in_base64(secret: &str) -> Vec<String> {
    // What is shorter stands by chance in other texts.
    if secret.len() < LEAST_IN_BASE64 {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (before, first) in [(0, 0), (1, 2), (2, 3)] {
        let text = Zeroizing::new([&b"\0\0"[..before], secret.as_bytes()].concat());
        for encoded in
            [BASE64_STANDARD_NO_PAD.encode(&*text), BASE64_URL_SAFE_NO_PAD.encode(&*text)]
        {
            let last = encoded.len() - usize::from(text.len() % 3 != 0);
            found.push(encoded[first..last].to_owned());
        }
    }
    found
}

fn lower_hex(encoded: &str) -> String {
    let mut left = 0_u8;
    encoded
        .chars()
        .map(|c| {
            if c == '%' {
                left = 2;
                return c;
            }
            let c = if left > 0 { c.to_ascii_lowercase() } else { c };
            left = left.saturating_sub(1);
            c
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(secret: &str) -> Mask {
        let mut mask = Mask::default();
        mask.hide(secret);
        mask
    }

    #[test]
    fn a_secret_is_masked_in_every_spelling() {
        let mask = mask("p/s \"w+Ü");
        for echoed in [
            "p/s \"w+Ü",
            "p%2Fs+%22w%2B%C3%9C",
            "p%2fs%20%22w%2b%c3%9c",
            "p/s \\\"w+Ü",
            "p/s \\\"w+\\u00dc",
            "p/s &quot;w+Ü",
            "p\\/s \\\"w+Ü",
            "cC9zICJ3K8Oc",
            "%70%2F%73%20%22%77%2B%C3%9C",
            "%70%2f%73%20%22%77%2b%c3%9c",
            "\\u0070\\u002f\\u0073\\u0020\\u0022\\u0077\\u002b\\u00c3\\u009c",
        ] {
            assert_eq!(mask.apply(&format!("bad <{echoed}>!")), "bad <[masked]>!", "{echoed}");
        }
    }

    #[test]
    fn a_secret_in_the_base64_of_a_longer_text_is_masked() {
        let mask = mask("Horse_Battery");
        for (echoed, shown) in [
            // Of `tester:Horse_Battery`, `id:`, `ids:` and `{"a":"` before it, and `"}` after it.
            ("dGVzdGVyOkhvcnNlX0JhdHRlcnk=", "dGVzdGVyOk[masked]k="),
            ("aWQ6SG9yc2VfQmF0dGVyeQ==", "aWQ6[masked]"),
            ("aWRzOkhvcnNlX0JhdHRlcnk=", "aWRzOk[masked]k="),
            ("eyJhIjoiSG9yc2VfQmF0dGVyeSJ9", "eyJhIjoi[masked]SJ9"),
        ] {
            assert_eq!(mask.apply(echoed), shown);
        }
    }

    #[test]
    fn invisible_characters_cannot_carry_a_secret_past_the_mask() {
        assert_eq!(mask("hunter2").apply("hun\u{200b}ter2 hunter2\u{0}"), "[masked] [masked]");
        assert_eq!(mask("a\nb").apply("was: a\r\nb"), "was: [masked]");
    }

    #[test]
    fn a_secret_that_would_be_cut_is_masked_first() {
        let text = format!("{}hunter2", "x".repeat(196));
        assert_eq!(mask("hunter2").apply(&text).chars().count(), 200);
        assert!(!mask("hunter2").apply(&text).contains("hun"));
    }

    #[test]
    fn the_longer_of_two_secrets_leaves_nothing_over() {
        let mut mask = mask("abc");
        mask.hide("abcdef");
        mask.hide("mask");
        assert_eq!(mask.apply("abcdef abc"), "[masked] [masked]");
    }

    #[test]
    fn what_is_shown_is_one_printable_line() {
        let mask = Mask::default();
        assert_eq!(mask.apply(" a\r\n\tb\u{1b}[31m\u{202e}c\u{9b} "), "a b [31mc");
        assert_eq!(mask.apply(&"é".repeat(500)).chars().count(), 200);
        assert_eq!(mask.apply(&"é".repeat(200)), "é".repeat(200));
    }
}
