//! An API's answer as curl writes it down.

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::zeroize::Zeroizing;

/// The headers and the body of an answer.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// Reads the last of several heads in a row (RFC 9112 §2.1), and what follows it.
    /// Proxies, 100 (Continue), redirects and challenges have heads of their own before.
    /// `None` if there is no head.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (mut headers, mut rest) = head(bytes)?;
        while let Some((later, after)) = head(rest) {
            (headers, rest) = (later, after);
        }
        Some(Self { headers, body: Zeroizing::new(rest.to_vec()) })
    }
}

/// Reads a head, and returns what is behind it.
fn head(bytes: &[u8]) -> Option<(HeaderMap, &[u8])> {
    let (first, mut rest) = line(bytes);
    if !is_status_line(first) {
        return None;
    }
    let mut headers = HeaderMap::new();
    while !rest.is_empty() {
        let (field, after) = line(rest);
        rest = after;
        if field.is_empty() {
            break;
        }
        let Some(colon) = field.iter().position(|&byte| byte == b':') else { continue };
        let (name, value) = (&field[..colon], field[colon + 1..].trim_ascii());
        // A field that isn't one can bring no token.
        if let (Ok(name), Ok(mut value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            value.set_sensitive(true);
            headers.append(name, value);
        }
    }
    Some((headers, rest))
}

/// Tells whether this is `HTTP/1.1 200 OK` or, as curl writes it, `HTTP/2 200`.
fn is_status_line(line: &[u8]) -> bool {
    let mut words = line.split(|&byte| byte == b' ');
    let is_digit = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    let version = words.next().and_then(|word| word.strip_prefix(b"HTTP/"));
    version.is_some_and(|version| version.first().is_some_and(u8::is_ascii_digit))
        && words.next().is_some_and(|status| status.len() == 3 && is_digit(status))
}

/// Returns the first line without its end, and what is behind it.
fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = match bytes.iter().position(|&byte| byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[][..]),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), rest)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn read(text: &str) -> Option<(String, String)> {
        let answer = Answer::read(text.as_bytes())?;
        let token = answer.headers.get_all("x-token").iter();
        let token: Vec<_> = token.map(|value| value.to_str().unwrap()).collect();
        Some((token.join(","), String::from_utf8(answer.body.to_vec()).unwrap()))
    }

    #[test]
    fn the_last_head_counts_and_the_body_is_behind_it() {
        let ok = |token: &str, body: &str| Some((token.to_owned(), body.to_owned()));
        for (text, answer) in [
            ("HTTP/1.1 200 OK\r\nX-Token: a\r\n\r\n{\"a\":1}\r\n", ok("a", "{\"a\":1}\r\n")),
            ("HTTP/2 200 \r\nx-token:  a b \r\n\r\n", ok("a b", "")),
            ("HTTP/1.0 200\nX-TOKEN:a\nX-Token:b\n\nx", ok("a,b", "x")),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-Token: b\r\n\r\n", ok("b", "")),
            (
                "HTTP/1.1 200 Connection established\r\nX-Token: proxy\r\n\r\n\
                 HTTP/1.1 302 Found\r\nX-Token: a\r\n\r\nHTTP/2 200\r\nvia: x\r\n\r\nbody",
                ok("", "body"),
            ),
            ("HTTP/1.1 200 OK\r\nX-Token: a", ok("a", "")),
            ("HTTP/1.1 200 OK\r\nno field\r\n: x\r\nX-Token: a\r\n\r\n", ok("a", "")),
            ("HTTP/1.1 204 No Content\r\n\r\n", ok("", "")),
            ("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 is a text", ok("", "HTTP/1.1 is a text")),
        ] {
            assert_eq!(read(text), answer, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in vec(any::<u8>(), 0..200), body in ".{0,20}") {
            let head = [b"HTTP/2 200\r\n", &bytes[..], b"\r\n\r\n", body.as_bytes()].concat();
            let answer = Answer::read(&head).unwrap();
            prop_assert!(answer.body.ends_with(body.as_bytes()));
            let _ = Answer::read(&bytes);
        }
    }

    #[test]
    fn a_token_is_no_head() {
        for text in ["", "eyJ.a.b", "Bearer eyJ", "HTTP/", "HTTP/1.1", "HTTP/x 200", "HTTP/2 20"] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
