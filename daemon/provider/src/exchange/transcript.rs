//! What goes to and fro, fit to be shown to the author of a definition.

use std::fmt::Write as _;

use http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName};
use secrecy::ExposeSecret;
use serde_json::Value;
use url::Url;

use super::Exchange;
use crate::answer::{Answer, Document, cookie};
use crate::outcome::{Issued, Outcome};
use crate::recipe::Work;
use crate::request::Request;
use crate::text;

/// Headers of an answer whose values tell something and are no secrets.
const TELLING: [&str; 8] = [
    "cache-control",
    "content-length",
    "content-type",
    "date",
    "location",
    "retry-after",
    "server",
    "allow",
];

impl Exchange {
    /// Writes a request as it is sent, with all secrets masked.
    pub fn show_request(&self, request: &Request) -> String {
        let Request { method, url, headers, body } = request;
        let mut text = format!("{method} {url}\n");
        for (name, value) in headers {
            let value = value.to_str().unwrap_or("[not a text]");
            let _ = writeln!(text, "{name}: {value}");
        }
        if let Some(body) = body {
            text.push('\n');
            text.push_str(&String::from_utf8_lossy(body));
        }
        self.mask.lines(&text)
    }

    /// Writes an answer with all in it masked that could be a secret: what isn't a
    /// number, a date, a short word or a sentence.
    pub fn show_answer(&self, answer: &Answer) -> String {
        let mut text = format!("{}\n", answer.status.as_u16());
        for name in answer.headers.keys() {
            let _ = writeln!(text, "{name}: {}", header(name, &answer.headers));
        }
        text.push('\n');
        text.push_str(&self.body(answer));
        self.mask_with(answer).lines(&text)
    }

    fn body(&self, answer: &Answer) -> String {
        let format = match &self.recipe().work {
            Work::Steps(steps) => steps.get(self.step).and_then(|step| step.format),
            Work::Local | Work::Exec { .. } => None,
        };
        match Document::read(answer, format) {
            Document::Json(value) => format!("{:#}", masked("", &value)),
            Document::Xml(value) => format!("(XML) {:#}", masked("", &value)),
            Document::Text(body) if text::is_harmless("", &body) => body,
            Document::Text(body) => hidden(&body),
            Document::Html => format!("[an HTML page of {} bytes]", answer.body.len()),
            Document::Malformed(why) => format!("[a body that {why}]"),
        }
    }
}

impl Outcome {
    /// Lists what was found in the answers, a name and a value each, without secrets.
    pub fn findings(&self) -> Vec<(String, String)> {
        let found = |name: &str, value: String| (name.to_owned(), value);
        match self {
            Self::Issued(issued) => issued.findings(),
            Self::KeptAlive { .. } => vec![found("kept alive", String::new())],
            Self::Revoked => vec![found("revoked", String::new())],
            Self::Told(result) => vec![found("result", masked("", result).to_string())],
            Self::Failed(failure) => {
                let mut findings = vec![found("verdict", failure.verdict.to_string())];
                findings.push(found("message", failure.message.clone()));
                findings.extend(failure.retry_after.map(|at| found("again", at.to_string())));
                findings
            }
        }
    }
}

impl Issued {
    fn findings(&self) -> Vec<(String, String)> {
        let mut findings = vec![("token".to_owned(), hidden(self.value.expose_secret()))];
        let mut add = |name: &str, value: String| findings.push((name.to_owned(), value));
        if let Some(kind) = &self.token_type {
            add("token_type", kind.clone());
        }
        if let Some(token) = &self.refresh_token {
            add("refresh_token", hidden(token.expose_secret()));
        }
        add("expiry", self.expiry.to_string());
        for (name, value) in &self.extras {
            let value = value.expose_secret();
            let shown =
                if text::is_harmless(name, value) { value.to_owned() } else { hidden(value) };
            add(&format!("extras.{name}"), shown);
        }
        for (name, value) in &self.secrets {
            add(&format!("secrets.{name}"), hidden(value.expose_secret()));
        }
        for quota in &self.quotas {
            add("quota", format!("{} left, anew after {:?}", quota.remaining, quota.reset_after));
        }
        findings
    }
}

fn hidden(text: &str) -> String {
    format!("[{} characters]", text.chars().count())
}

fn header(name: &HeaderName, headers: &HeaderMap) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if name == SET_COOKIE {
        let names: Vec<String> = cookie::read(headers).into_keys().collect();
        return format!("[{}]", names.join(", "));
    }
    if name == LOCATION {
        // Its query can be all that matters, and secret.
        let url = Url::parse(value).ok();
        return url.map_or_else(|| hidden(value), |url| url.origin().ascii_serialization());
    }
    let shown = TELLING.contains(&name.as_str()) || is_quota(name.as_str());
    if name == CONTENT_TYPE || shown { value.to_owned() } else { hidden(value) }
}

/// Tells whether a header says how many requests are left.
fn is_quota(name: &str) -> bool {
    let starts = ["ratelimit", "x-ratelimit-", "x-rate-limit-", "auth0-"];
    let ends = ["ratelimit", "-limit", "-remaining", "-reset", "-policy"];
    starts.iter().any(|start| name.starts_with(start)) && ends.iter().any(|end| name.ends_with(end))
}

fn masked(key: &str, value: &Value) -> Value {
    match value {
        Value::String(value) if !text::is_harmless(key, value) => hidden(value).into(),
        Value::Array(items) => items.iter().map(|item| masked(key, item)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), masked(&text::below(key, name), value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Number(number) if text::is_secret_key(key) => hidden(&number.to_string()).into(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use crate::sample::{PLAIN, accept, answer, definition, inputs, start};

    #[test]
    fn what_is_sent_and_what_comes_is_shown_without_a_secret() {
        let definition = definition(PLAIN);
        let accepted = accept(&definition, inputs(&[], &[("password", "p&ss w0rd")]));
        let (exchange, request) = start(&definition, &accepted);
        assert_eq!(
            exchange.show_request(&request),
            "POST https://auth.acme.example/login\n\
             content-type: application/x-www-form-urlencoded\n\
             accept: application/json\n\
             \n\
             password=[masked]"
        );
        let body = r#"{"token": "eyJ0", "token_type": "Bearer", "status": "all is well", "n": 5,
            "at": "2025-06-01T12:00:00Z", "data": {"x": "0123456789abcdef", "echo": "p&ss w0rd"}}"#;
        let headers = [("set-cookie", "sid=hunter2; Path=/"), ("x-token", "hunter2")];
        let shown = exchange.show_answer(&answer(200, &headers, body));
        for part in ["Bearer", "all is well", "2025-06-01", "[sid]", "[16 characters]"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        for secret in ["eyJ0", "hunter2", "0123456789abcdef", "p&ss"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
    }

    #[test]
    fn a_token_that_looks_harmless_is_hidden_too() {
        let definition = definition(&PLAIN.replace("body.token", "body.id"));
        let accepted = accept(&definition, inputs(&[], &[("password", "hunter2")]));
        let (exchange, _) = start(&definition, &accepted);
        let shown = exchange.show_answer(&answer(200, &[], r#"{"id": "abcdefgh", "state": "on"}"#));
        assert!(shown.contains("[masked]") && shown.contains("\"on\""), "{shown}");
        assert!(!shown.contains("abcdefgh"), "{shown}");
    }
}
