//! An API's answer as curl writes it down.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING},
};
use secrecy::zeroize::Zeroizing;

/// The headers and the body of an answer.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Zeroizing<Vec<u8>>,
}

/// Behind a head there is another, or a body that looks like one: whoever can put something
/// into an API's answers must not bring a token by that.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unclear;

struct Head<'a> {
    status_line: &'a [u8],
    headers: HeaderMap,
    rest: &'a [u8],
}

impl Answer {
    /// Reads the last of several heads in a row (RFC 9112 §2.1), and what follows it.
    /// Proxies, 100 (Continue), redirects and challenges have heads of their own before.
    /// `None` if there is no head. Behind an answer that has a body another head counts
    /// only where all bodies are elsewhere.
    pub(super) fn read(bytes: &[u8], heads_alone: bool) -> Result<Option<Self>, Unclear> {
        let Some(mut last) = head(bytes) else { return Ok(None) };
        while let Some(later) = head(last.rest) {
            if !heads_alone && last.has_body() {
                return Err(Unclear);
            }
            last = later;
        }
        let Head { headers, rest, .. } = last;
        Ok(Some(Self { headers, body: Zeroizing::new(rest.to_vec()) }))
    }
}

impl Head<'_> {
    /// Tells whether a body can follow that others have a hand in: of a success, but a proxy's
    /// 200, which has no such fields (RFC 9110 §9.3.6). In HTTP/2 and later a body needs none.
    fn has_body(&self) -> bool {
        let mut words = self.status_line.split(|&byte| byte == b' ');
        let is_text = words.next().is_some_and(|version| version.starts_with(b"HTTP/1."));
        let is_success = words.next().is_some_and(|status| status.starts_with(b"2"));
        let has_length = self.headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0");
        let has_type =
            [CONTENT_TYPE, TRANSFER_ENCODING].iter().any(|it| self.headers.contains_key(it));
        is_success && (!is_text || has_length || has_type)
    }
}

/// Reads a head.
fn head(bytes: &[u8]) -> Option<Head<'_>> {
    let (status_line, mut rest) = line(bytes);
    if !is_status_line(status_line) {
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
    Some(Head { status_line, headers, rest })
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
        let answer = Answer::read(text.as_bytes(), false).unwrap()?;
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

    #[test]
    fn a_body_brings_no_head() {
        let forged = "HTTP/1.1 200 OK\r\nX-Token: forged\r\n\r\n";
        for (head, is_unclear) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true),
            ("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n", true),
            ("HTTP/2 200 \r\n\r\n", true),
            ("HTTP/1.1 200 Connection established\r\n\r\n", false),
            ("HTTP/1.1 302 Found\r\nContent-Length: 9\r\n\r\n", false),
            ("HTTP/2 401 \r\nContent-Type: text/html\r\n\r\n", false),
        ] {
            let text = format!("{head}{forged}");
            let read = Answer::read(text.as_bytes(), false);
            assert_eq!(read.err(), is_unclear.then_some(Unclear), "{head:?}");
            assert!(Answer::read(text.as_bytes(), true).is_ok());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in vec(any::<u8>(), 0..200), body in ".{0,20}") {
            let head = [b"HTTP/2 200\r\n", &bytes[..], b"\r\n\r\n", body.as_bytes()].concat();
            let answer = Answer::read(&head, true).unwrap().unwrap();
            prop_assert!(answer.body.ends_with(body.as_bytes()));
            let _ = Answer::read(&bytes, false);
        }
    }

    #[test]
    fn a_token_is_no_head() {
        for text in ["", "eyJ.a.b", "Bearer eyJ", "HTTP/", "HTTP/1.1", "HTTP/x 200", "HTTP/2 20"] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
