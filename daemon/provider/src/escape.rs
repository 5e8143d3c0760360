//! Escapes text for the places that it is spliced into.

use crate::xml;

/// Encodes every byte that RFC 3986 §2.3 doesn't call unreserved as `%XX`, so
/// that the text can't end the part of the URL that it stands in.
pub(crate) fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => {
                encoded.push('%');
                for nibble in [byte >> 4, byte & 0xf] {
                    encoded.push(char::from(b"0123456789ABCDEF"[usize::from(nibble)]));
                }
            }
        }
    }
    encoded
}

/// Encodes as application/x-www-form-urlencoded.
pub(crate) fn form(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Escapes for the text of an XML element or attribute. White space that a parser
/// changes there is escaped, too (XML 1.0 §2.11 and §3.3.3). `None` if there is a
/// character that XML can't carry.
pub(crate) fn xml(text: &str) -> Option<String> {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars().map(|it| xml::is_character(it).then_some(it)) {
        match character? {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' => escaped.push_str("&#9;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            character => escaped.push(character),
        }
    }
    Some(escaped)
}

/// Encodes bytes in hexadecimal digits, in lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(digits[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn percent_encoding_leaves_nothing_that_a_url_gives_meaning() {
        assert_eq!(percent("a/b?c#d&e=f g%é"), "a%2Fb%3Fc%23d%26e%3Df%20g%25%C3%A9");
        assert_eq!(percent("A-z.0_9~"), "A-z.0_9~");
    }

    #[test]
    fn form_encoding_is_that_of_browsers() {
        assert_eq!(form("p@ss w+rd:é*"), "p%40ss+w%2Brd%3A%C3%A9*");
    }

    #[test]
    fn xml_escapes_leave_no_markup_and_refuse_what_xml_cannot_carry() {
        assert_eq!(
            xml("<a b=\"c\">d & 'e'\r\n</a>").as_deref(),
            Some("&lt;a b=&quot;c&quot;&gt;d &amp; &apos;e&apos;&#13;&#10;&lt;/a&gt;")
        );
        assert_eq!(xml("é 🦀 ]]>").as_deref(), Some("é 🦀 ]]&gt;"));
        for text in ["\0", "a\u{b}", "\u{1b}[1m", "\u{fffe}", "\u{ffff}"] {
            assert_eq!(xml(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_escaped_for_urls_reads_back_and_ends_nothing(text: String) {
            for escaped in [percent(&text), form(&text)] {
                prop_assert!(!escaped.contains(['/', '?', '#', '&', '=', ' ', '"', '\r', '\n']));
                let field = format!("{escaped}=1");
                let (read, _) = url::form_urlencoded::parse(field.as_bytes()).next().unwrap();
                prop_assert_eq!(read, &*text);
            }
        }

        #[test]
        fn what_is_escaped_for_xml_reads_back_and_ends_nothing(text: String) {
            let Some(escaped) = xml(&text) else {
                prop_assert!(text.chars().any(|it| !xml::is_character(it)));
                return Ok(());
            };
            prop_assert!(!escaped.contains(['<', '>', '"', '\'', '\r', '\n']));
            prop_assert_eq!(&*quick_xml::escape::unescape(&escaped).unwrap(), text);
        }
    }
}
