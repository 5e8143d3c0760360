//! Picks the part of an answer that tells people why there is no token.

use std::sync::LazyLock;

use http::StatusCode;
use http::header::LOCATION;
use minijinja::Value;
use minijinja::value::ValueKind;
use url::Url;

use crate::answer::{Answer, Document};
use crate::definition::error::Located;
use crate::definition::file;
use crate::expression::{self, Expression, Scope};
use crate::mask::{self, Mask};
use crate::text;

/// Where OAuth, GraphQL and plain JSON APIs put their messages.
const USUAL: [&str; 18] = [
    "body.error_description",
    "body.errorDescription",
    "body.error.message",
    "body.error",
    "body.errors[0].message",
    "body.errors[0].detail",
    "body.errors[0].description",
    "body.errors[0]",
    "body.message",
    "body.errorMessage",
    "body.error_message",
    "body.errmsg",
    "body.error_msg",
    "body.msg",
    "body.detail",
    "body.reason",
    "body.title",
    "body.Envelope.Body.Fault.faultstring",
];

/// They are the same for all definitions.
static PRESETS: LazyLock<Vec<Expression>> =
    LazyLock::new(|| USUAL.iter().map(|selector| Expression::preset(selector)).collect());

/// The rule by which a message is picked.
#[derive(Debug)]
pub(crate) struct Message {
    own: Option<Expression>,
}

impl Message {
    /// Compiles `[error]`.
    pub(crate) fn compile(file: &file::Message, scope: &Scope) -> Result<Self, Located> {
        let own = expression::optional(file.message.as_ref(), scope)?;
        Ok(Self { own })
    }

    /// Describes an answer that brought no token, fit to be shown.
    pub(crate) fn describe(
        &self,
        answer: &Answer,
        document: &Document,
        context: &Value,
        mask: &Mask,
    ) -> String {
        let status = status(answer, document, mask);
        match self.pick(context).or_else(|| excerpt(answer.status, document)) {
            Some(picked) => mask::cut(&format!("{status}: {}", mask.apply(&picked))),
            None => status,
        }
    }

    /// Picks the message, if there is one in an answer.
    pub(crate) fn pick(&self, context: &Value) -> Option<String> {
        let own = self.own.iter();
        own.chain(PRESETS.iter())
            // A selector that fails on this answer has nothing to say about it.
            .filter_map(|selector| selector.find(context).ok()?)
            .filter(|value| value.kind() == ValueKind::String)
            .map(|value| value.to_string())
            .find(|text| !text.trim().is_empty())
    }
}

/// Falls back on what else tells people something: the body if it is plain text,
/// unless it is a success, and the names of the fields if it is JSON or XML. Their
/// values may be tokens, whatever the status.
fn excerpt(status: StatusCode, document: &Document) -> Option<String> {
    match document {
        // What reads as words or a sentence is no token.
        Document::Text(body) if status.is_success() => Some(body.clone()).filter(|body| {
            !body.is_empty() && !body.starts_with('<') && text::is_harmless("", body)
        }),
        _ if status.is_success() => None,
        Document::Json(serde_json::Value::Object(fields))
        | Document::Xml(serde_json::Value::Object(fields))
            if !fields.is_empty() =>
        {
            let names: Vec<&str> = fields.keys().map(String::as_str).collect();
            Some(format!("no message among the fields {}", names.join(", ")))
        }
        Document::Text(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}

fn status(answer: &Answer, document: &Document, mask: &Mask) -> String {
    let status = answer.status;
    let number = status.as_u16();
    match document {
        // Its page only says where to, if there is one.
        _ if status.is_redirection() => match target(answer) {
            Some(host) => {
                let host = mask.apply(&host);
                format!("status {number}, a redirect to {host}, which is never followed")
            }
            None => format!("status {number}, a redirect, which is never followed"),
        },
        _ if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            format!("status {number}, a proxy on the way wants a login")
        }
        _ if status == StatusCode::NETWORK_AUTHENTICATION_REQUIRED => {
            format!("status {number}, the network wants a login")
        }
        Document::Html => format!("status {number} with an HTML page"),
        Document::Malformed(why) => format!("status {number} with a body that {why}"),
        _ => format!("status {number}"),
    }
}

/// The host that a redirect points to, if it names one. The rest of the URL can hold
/// what was sent.
fn target(answer: &Answer) -> Option<String> {
    let url = Url::parse(answer.headers.get(LOCATION)?.to_str().ok()?).ok()?;
    url.host_str().map(str::to_owned)
}

#[cfg(test)]
mod tests;
