//! The body of a request, in the form that a row says.

use toml::{Table, Value};

use super::super::row::Row;
use super::super::sketch::set;
use super::super::trial::Sent;
use super::super::words;

/// In which form values are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    Form,
    Json,
    Graphql,
    Rpc,
    Xml,
    Query,
    Multipart,
    /// None, and values that have no place elsewhere go into headers.
    None,
}

impl Body {
    /// Reads it, and tells whether the row says one that is known.
    pub(crate) fn read(row: &Row) -> (Self, bool) {
        let encoding = words::plain(&row.encoding).to_ascii_lowercase().replace("_or_", "|");
        let first = encoding.split('|').next().unwrap_or_default().trim_end_matches('?');
        match first.split(['_', ' ']).next().unwrap_or_default() {
            "form" | "urlencoded" | "x-www-form-urlencoded" => (Self::Form, true),
            "json" => (Self::Json, true),
            "graphql" => (Self::Graphql, true),
            "jsonrpc" | "json-rpc" => (Self::Rpc, true),
            "xml" | "soap" => (Self::Xml, true),
            "query" | "url" => (Self::Query, true),
            "multipart" => (Self::Multipart, true),
            "none" | "header" | "empty" | "basic" | "path" | "-" => (Self::None, true),
            _ if encoding.contains("json") => (Self::Json, true),
            _ if encoding.contains("form") => (Self::Form, true),
            _ if encoding.contains("xml") => (Self::Xml, true),
            _ => (Self::Form, false),
        }
    }

    /// Puts a template into a request.
    pub(crate) fn field(self, request: &mut Table, name: &str, value: &str) {
        let text = || Value::from(value);
        match self {
            Self::Form => set(request, &["form", name], text()),
            Self::Json => set(request, &["json", name], text()),
            Self::Rpc => {
                set(request, &["json", "method"], "exec".into());
                set(request, &["json", "params", name], text());
            }
            Self::Graphql => {
                let query =
                    "mutation Login($input: LoginInput!) { signIn(input: $input) { token } }";
                set(request, &["graphql", "query"], query.into());
                set(request, &["graphql", "variables", "input", name], text());
            }
            Self::Xml => set(request, &["xml", "request", &element(name)], text()),
            Self::Query => set(request, &["query", name], text()),
            Self::Multipart => multipart(request, name, value),
            Self::None => set(request, &["headers", &format!("X-{}", element(name))], text()),
        }
    }

    /// Whether something of this name is there already.
    pub(crate) fn has(self, request: &Table, name: &str) -> bool {
        let table = match self {
            Self::Form => request.get("form"),
            Self::Json => request.get("json"),
            _ => request.get("query"),
        };
        table.is_some_and(|table| table.get(name).is_some())
    }

    /// Holds what was sent to this form.
    pub(crate) fn check(self, sent: &Sent) -> Result<(), String> {
        let is = match self {
            _ if sent.body.is_empty() => true,
            Self::Form => sent.kind.contains("form-urlencoded"),
            Self::Json | Self::Graphql | Self::Rpc => {
                sent.kind.contains("json")
                    && serde_json::from_str::<serde_json::Value>(&sent.body).is_ok()
            }
            Self::Xml => sent.kind.contains("xml") && sent.body.contains("<request>"),
            Self::Multipart => sent.kind.contains("multipart"),
            Self::Query | Self::None => false,
        };
        if is { Ok(()) } else { Err(format!("the body was sent as {}", sent.kind)) }
    }
}

/// A multipart body is a text of one's own making.
fn multipart(request: &mut Table, name: &str, value: &str) {
    let inner = value.strip_prefix("{{").and_then(|it| it.strip_suffix("}}"));
    let inner = inner.map_or_else(|| format!("'{value}'"), |inner| format!("({})", inner.trim()));
    let part = format!(
        "'--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n' ~ {inner} ~ '\r\n'"
    );
    let end = " ~ '--b--\r\n' }}";
    let body = match request.get("body").and_then(Value::as_str).and_then(|it| it.strip_suffix(end))
    {
        Some(before) => format!("{before} ~ {part}{end}"),
        None => format!("{{{{ {part}{end}"),
    };
    set(request, &["body"], body.into());
    set(request, &["headers", "Content-Type"], "multipart/form-data; boundary=b".into());
}

/// A name that elements and headers can have.
fn element(name: &str) -> String {
    name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-")
}
