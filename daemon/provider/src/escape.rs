//! Escapes text for the places that it is spliced into.

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

#[cfg(test)]
mod tests {
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
}
