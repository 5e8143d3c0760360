//! How an API says that it doesn't take a token any more, as `[rejected]` tells.

use toml::Spanned;

use crate::definition::error::{Fault, Located};
use crate::definition::file::{self, Node, Text};

/// Unauthorized: the token, and nothing else about the request, is at fault
/// (RFC 6750 §3.1).
const UNAUTHORIZED: u16 = 401;

/// How an API's answer says that it refuses the token: by a status of these, or by
/// its body. It is plain data, for clients in any language to go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Statuses that say so, 300 to 599.
    pub statuses: Vec<u16>,
    /// What in a JSON body says so, whatever the status; one of these is enough.
    pub body: Vec<BodyRule>,
}

/// A place in a JSON body and what stands there if the token was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyRule {
    /// The names that lead there from the top, with dots between them. A number is
    /// a position, if it comes to an array, counted from 0; `\.` is a dot in a name
    /// and `\\` a backslash.
    pub path: String,
    /// What stands there, one of these. Numbers and booleans are compared in their
    /// JSON form: `401` stands for 401 and for "401".
    pub values: Vec<String>,
}

/// Unauthorized, and nothing else.
impl Default for Rejection {
    fn default() -> Self {
        Self { statuses: vec![UNAUTHORIZED], body: Vec::new() }
    }
}

impl Rejection {
    /// Compiles `[rejected]`.
    pub(crate) fn compile(file: &file::Rejected) -> Result<Self, Located> {
        let statuses = file.statuses.as_ref();
        let statuses = statuses.map(|statuses| statuses.iter().map(status).collect());
        Ok(Self {
            statuses: statuses.unwrap_or_else(|| Ok(vec![UNAUTHORIZED]))?,
            body: file.body.iter().map(rule).collect::<Result<_, _>>()?,
        })
    }
}

fn status(status: &Spanned<i64>) -> Result<u16, Located> {
    match u16::try_from(*status.get_ref()) {
        Ok(number @ 300..=599) => Ok(number),
        _ => Err(Fault::RejectedStatus(*status.get_ref()).at(status.span())),
    }
}

fn rule(rule: &file::BodyRule) -> Result<BodyRule, Located> {
    if rule.values.get_ref().is_empty() {
        return Err(Fault::NoValues.at(rule.values.span()));
    }
    let values = rule.values.get_ref().iter().map(value);
    Ok(BodyRule { path: path(&rule.path)?, values: values.collect::<Result<_, _>>()? })
}

fn value(value: &Spanned<Node>) -> Result<String, Located> {
    match value.get_ref() {
        Node::Text(text) => Ok(text.clone()),
        Node::Integer(number) => Ok(number.to_string()),
        Node::Boolean(truth) => Ok(truth.to_string()),
        Node::Float(_) | Node::Array(_) | Node::Table(_) => Err(Fault::NotCode.at(value.span())),
    }
}

fn path(path: &Text) -> Result<String, Located> {
    // What is escaped is neither a dot nor a backslash to those who split.
    let plain = path.get_ref().replace("\\\\", "_").replace("\\.", "_");
    if plain.contains('\\') || plain.split('.').any(str::is_empty) {
        return Err(Fault::Path(path.get_ref().clone()).at(path.span()));
    }
    Ok(path.get_ref().clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Library;
    use crate::sample::{PLAIN, definition};

    fn rule(path: &str, values: &[&str]) -> BodyRule {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        BodyRule { path: path.to_owned(), values }
    }

    #[test]
    fn unauthorized_is_a_rejection_unless_the_definition_says_otherwise() {
        assert_eq!(
            *definition(PLAIN).rejection(),
            Rejection { statuses: vec![401], body: Vec::new() }
        );
        let text = format!("{PLAIN}[rejected]\nstatuses = []");
        assert_eq!(
            *definition(&text).rejection(),
            Rejection { statuses: Vec::new(), body: Vec::new() }
        );
    }

    #[test]
    fn a_body_can_say_so_with_any_status() {
        let text = format!(
            "{PLAIN}[rejected]\nstatuses = [401, 419]\n\
             [[rejected.body]]\npath = 'errcode'\nvalues = [40001, '42001', true]\n\
             [[rejected.body]]\npath = 'a\\.b.0.c\\\\'\nvalues = ['X']"
        );
        let body =
            vec![rule("errcode", &["40001", "42001", "true"]), rule("a\\.b.0.c\\\\", &["X"])];
        assert_eq!(*definition(&text).rejection(), Rejection { statuses: vec![401, 419], body });
    }

    #[test]
    fn the_graphql_of_toggle_says_so_in_its_first_error() {
        let toggle = Library::built_in().get("toggle").unwrap();
        let body = vec![rule("errors.0.message", &["Unauthorized"])];
        assert_eq!(*toggle.rejection(), Rejection { statuses: vec![401], body });
    }
}
