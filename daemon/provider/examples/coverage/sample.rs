//! An answer in the making.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::header::{CONTENT_TYPE, DATE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokend_provider::Answer;

use super::place::Place;

/// When all is asked for, and what the answers say of that.
const NOW: i64 = 1_748_779_200;
const TODAY: &str = "Sun, 01 Jun 2025 12:00:00 GMT";

/// When all is asked for.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap_or_default()
}

/// The token of this number, which ends after so many seconds, if it tells that itself.
pub(crate) fn token(number: u32, life: Option<u64>) -> String {
    let Some(life) = life else { return format!("made-up-token-{number}") };
    let exp = NOW.saturating_add_unsigned(life);
    let claims = BASE64_URL_SAFE_NO_PAD.encode(json!({ "exp": exp, "n": number }).to_string());
    format!("e30.{claims}.c2ln")
}

/// An answer in the making: empty JSON, unless something is put there.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) status: u16,
    tree: Value,
    form: Vec<(String, String)>,
    redirect: Vec<String>,
    is_xml: bool,
    /// What the body is, whatever is put elsewhere.
    pub(crate) text: Option<String>,
    headers: Vec<(HeaderName, String)>,
}

impl Sample {
    pub(crate) fn new() -> Self {
        Self {
            status: 200,
            tree: json!({}),
            form: Vec::new(),
            redirect: Vec::new(),
            is_xml: false,
            text: None,
            headers: Vec::new(),
        }
    }

    /// Puts a value where a place is.
    pub(crate) fn put(&mut self, place: &Place, value: &Value) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match place {
            Place::Json(path) => put(&mut self.tree, path, value.clone()),
            Place::Xml(path) => {
                self.is_xml = true;
                put(&mut self.tree, path, Value::String(text));
            }
            Place::Header(name) => self.header(name, text),
            Place::Cookie(name) => self.cookie(name, &text),
            Place::CookieStarting(start) => self.cookie(&format!("{start}123"), &text),
            Place::Cookies => {
                self.cookie("SESSION", &text);
                self.cookie("route", "made-up");
            }
            Place::Text => self.text = Some(text),
            Place::JsonText => self.text = Some(json!(text).to_string()),
            Place::Form(name) => self.form.push((name.clone(), text)),
            Place::Redirect(name) => {
                self.status = 302;
                self.redirect.push(format!("{name}={text}"));
            }
            Place::Page(name) => {
                self.text =
                    Some(format!("<!DOCTYPE html><html><body {name}=\"{text}\"></body></html>"));
            }
        }
    }

    /// Whether it sets a cookie.
    pub(crate) fn has_cookie(&self) -> bool {
        self.headers.iter().any(|(name, _)| name == SET_COOKIE)
    }

    fn cookie(&mut self, name: &str, value: &str) {
        self.header(SET_COOKIE.as_str(), format!("{name}={value}; Path=/"));
    }

    /// Adds a header, if that is one.
    pub(crate) fn header(&mut self, name: &str, value: impl Into<String>) {
        if let Ok(name) = name.parse() {
            self.headers.push((name, value.into()));
        }
    }

    /// The answer itself.
    pub(crate) fn answer(&self) -> Answer {
        let body = match &self.text {
            Some(text) => text.clone(),
            None if self.is_xml => xml(&self.tree),
            None if !self.form.is_empty() => {
                let pairs = self.form.iter().map(|(name, value)| format!("{name}={value}"));
                pairs.collect::<Vec<_>>().join("&")
            }
            None => self.tree.to_string(),
        };
        let kind = match &self.text {
            Some(text) if text.starts_with("<!") => "text/html",
            Some(text) if !text.starts_with('"') => "text/plain",
            None if self.is_xml => "application/xml",
            None if !self.form.is_empty() => "application/x-www-form-urlencoded",
            _ => "application/json",
        };
        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::from_static(TODAY));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        let url = format!("https://callback.example.com/?{}", self.redirect.join("&"));
        if let (false, Ok(url)) = (self.redirect.is_empty(), HeaderValue::from_str(&url)) {
            headers.insert(LOCATION, url);
        }
        for (name, value) in &self.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.append(name, value);
            }
        }
        let status = StatusCode::from_u16(self.status).unwrap_or_default();
        Answer { status, headers, body: body.into_bytes().into() }
    }
}

/// Puts a value below names; numbers are positions.
fn put(tree: &mut Value, path: &[String], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        *tree = value;
        return;
    };
    if first == "0" {
        if !tree.is_array() {
            *tree = json!([null]);
        }
        return put(&mut tree[0], rest, value);
    }
    if !tree.is_object() {
        *tree = json!({});
    }
    put(&mut tree[first.as_str()], rest, value);
}

fn xml(tree: &Value) -> String {
    let empty = Map::new();
    let entries = tree.as_object().unwrap_or(&empty);
    entries.iter().map(|(name, value)| element(name, value)).collect()
}

fn element(name: &str, value: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().replace('&', "&amp;");
    let Value::Object(entries) = value else {
        return format!("<{name}>{}</{name}>", text(value));
    };
    let attributes =
        entries.iter().filter_map(|(name, value)| Some((name.strip_prefix('@')?, value)));
    let attributes: Vec<String> =
        attributes.map(|(name, value)| format!(" {name}=\"{}\"", text(value))).collect();
    let attributes = attributes.concat();
    let inside = entries.iter().filter(|(name, _)| !name.starts_with('@'));
    let inside: String = inside.map(|(name, value)| element(name, value)).collect();
    format!("<{name}{attributes}>{inside}</{name}>")
}
