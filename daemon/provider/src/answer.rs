//! What a provider answered, and what kind of document that is.

use std::fmt;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use minijinja::Value;
use minijinja::value::Serde;

use crate::date;
use crate::definition::file::Format;

pub(crate) mod cookie;
pub(crate) mod json;
pub(crate) mod xml;

/// What a provider answered to a request.
///
/// Its headers and body hold secrets; `Debug` shows the status only.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decompressed. Its size is the HTTP client's to limit.
    pub body: Bytes,
}

/// A body that has been read.
pub(crate) enum Document {
    /// JSON, in which no object has a key twice.
    Json(serde_json::Value),
    /// XML, read as if it were JSON.
    Xml(serde_json::Value),
    /// Something else that is text; may be empty.
    Text(String),
    /// An HTML page: a proxy's, a captive portal's or an error page.
    Html,
    /// Not what it says it is, or ambiguous. Readers differ on what such a
    /// body means (the first of two keys or the last), so nothing is taken
    /// from it.
    Malformed(&'static str),
}

impl Answer {
    /// The provider's clock when it answered.
    pub(crate) fn date(&self) -> Option<Timestamp> {
        date::parse_http(self.headers.get(DATE)?.to_str().ok()?)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Document {
    /// Reads the body of an answer.
    ///
    /// Without a `format` it is what it looks like.
    pub(crate) fn read(answer: &Answer, format: Option<Format>) -> Self {
        let content_type = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().trim().to_ascii_lowercase();
        if answer.body.starts_with(b"\xef\xbb\xbf") {
            return Self::Malformed("starts with a byte order mark");
        }
        let Ok(text) = std::str::from_utf8(&answer.body) else {
            return Self::Malformed("is not UTF-8");
        };
        let text = text.trim();
        match format {
            Some(Format::Text | Format::Html) => return Self::Text(text.to_owned()),
            Some(Format::Json) => return Self::json(text),
            Some(Format::Xml) => {
                let xml = xml::parse(text);
                return xml.map_or(Self::Malformed("is not valid XML"), Self::Xml);
            }
            None => {}
        }
        if is_page(&content_type) || looks_like_html(text) {
            return Self::Html;
        }
        match text.starts_with('<').then(|| xml::parse(text)).flatten() {
            Some(page) if page.get("html").is_some() => return Self::Html,
            Some(value) => return Self::Xml(value),
            None => {}
        }
        match json::parse(text) {
            Ok(value) => Self::Json(value),
            Err(json::Fault::DuplicateKey) => Self::Malformed("has a JSON key twice"),
            Err(json::Fault::NotJson) if text.is_empty() => Self::Text(String::new()),
            Err(json::Fault::NotJson)
                if content_type.contains("json") || text.starts_with(['{', '[']) =>
            {
                Self::Malformed("is not valid JSON")
            }
            Err(json::Fault::NotJson)
                if content_type.contains("xml") || text.starts_with("<?xml") =>
            {
                Self::Malformed("is not valid XML")
            }
            Err(json::Fault::NotJson) => Self::Text(text.to_owned()),
        }
    }

    fn json(text: &str) -> Self {
        match json::parse(text) {
            Ok(value) => Self::Json(value),
            Err(json::Fault::DuplicateKey) => Self::Malformed("has a JSON key twice"),
            Err(json::Fault::NotJson) => Self::Malformed("is not valid JSON"),
        }
    }

    /// The value behind `body` in expressions.
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Json(value) | Self::Xml(value) => Value::from(Serde(value)),
            Self::Text(text) => Value::from(text),
            Self::Html | Self::Malformed(_) => Value::UNDEFINED,
        }
    }
}

fn is_page(content_type: &str) -> bool {
    content_type.starts_with("text/html") || content_type.starts_with("application/xhtml+xml")
}

fn looks_like_html(text: &str) -> bool {
    let start = text.get(..text.len().min(14)).unwrap_or_default().to_ascii_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn kind(content_type: &'static str, body: &'static [u8]) -> &'static str {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let answer = Answer { status: StatusCode::OK, headers, body: Bytes::from_static(body) };
        match Document::read(&answer, None) {
            Document::Json(_) => "json",
            Document::Xml(_) => "xml",
            Document::Text(_) => "text",
            Document::Html => "html",
            Document::Malformed(why) => why,
        }
    }

    #[test]
    fn the_body_decides_what_it_is_rather_than_its_label() {
        let json = "application/json; charset=utf-8";
        for (content_type, body, expected) in [
            (json, &b"{\"a\": 1}"[..], "json"),
            ("text/plain", b"{\"a\": 1}", "json"),
            ("text/plain", b"eyJ0.e30.x", "text"),
            (json, b"", "text"),
            (json, b"oops", "is not valid JSON"),
            ("", b"{\"a\": ", "is not valid JSON"),
            ("", b"{\"a\": 1} {}", "is not valid JSON"),
            (json, b"{\"a\": 1, \"a\": 2}", "has a JSON key twice"),
            (json, b"{\"b\": [{\"a\": 1, \"\\u0061\": 2}]}", "has a JSON key twice"),
            (json, b"\xef\xbb\xbf{\"a\": 1}", "starts with a byte order mark"),
            (json, b"{\"a\": \"\xff\"}", "is not UTF-8"),
            (json, b"<!DOCTYPE HTML><p>", "html"),
            ("", b"\n <html lang=en>", "html"),
            ("text/HTML", b"{\"a\": 1}", "html"),
            ("text/xml", b"<a>b</a>", "xml"),
            (json, b"<a>b</a>", "xml"),
            ("", b"\n<?xml version='1.0'?><a/>", "xml"),
            ("application/soap+xml", b"<a>", "is not valid XML"),
            ("", b"<?xml version='1.0'?><a>", "is not valid XML"),
            ("text/xml", b"<!DOCTYPE a><a/>", "is not valid XML"),
            ("text/xml", b"oops", "is not valid XML"),
            ("text/xml", b"", "text"),
            ("text/xml", b"{\"a\": 1}", "json"),
            ("text/plain", b"<a>", "text"),
            (json, b"<a>", "is not valid JSON"),
            ("text/xml", b"<?xml version='1.0'?><html/>", "html"),
            ("application/xhtml+xml", b"<?xml version='1.0'?><!DOCTYPE html>", "html"),
        ] {
            assert_eq!(kind(content_type, body), expected, "{}", body.escape_ascii());
        }
    }

    #[test]
    fn json_that_is_too_deep_is_malformed() {
        let deep: &'static str = "[".repeat(100_000).leak();
        assert_eq!(kind("", deep.as_bytes()), "is not valid JSON");
    }
}
