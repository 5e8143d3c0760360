//! How an API says that it doesn't take a token any more, as `[rejected]` tells.

use toml::Spanned;

use crate::definition::error::{Fault, Located};
use crate::definition::file::{self, Node, Text};

/// Unauthorized: the token, and nothing else about the request, is at fault
/// (RFC 6750 §3.1).
const UNAUTHORIZED: u16 = 401;

/// How an API's answer says that it refuses the token: by a status of these, by its
/// body or by a header. It is plain data, for clients in any language to go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Statuses that say so, 300 to 599.
    pub statuses: Vec<u16>,
    /// What in a body says so; one of these is enough.
    pub body: Vec<BodyRule>,
    /// What headers say so; one of these is enough.
    pub headers: Vec<HeaderRule>,
}

/// A place in a body and what stands there if the token was refused. Of the three
/// kinds of conditions each that isn't empty must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BodyRule {
    /// The names that lead there from the top of a JSON body, with dots between
    /// them. A number is a position, if it comes to an array, counted from 0, and
    /// `*` is any; `\.` is a dot in a name and `\\` a backslash. Empty: the whole
    /// body, as text.
    pub path: String,
    /// What stands there, one of these. Numbers and booleans are compared in their
    /// JSON form: `401` stands for 401 and for "401".
    pub values: Vec<String>,
    /// What doesn't stand there, but something else does.
    pub other_than: Vec<String>,
    /// What is part of the text that stands there.
    pub contains: String,
    /// The statuses with which that says so; with any, if empty.
    pub statuses: Vec<u16>,
}

/// A header and what is part of its value if the token was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderRule {
    /// The header's name.
    pub name: String,
    /// What is part of its value, in any case of letters.
    pub contains: String,
    /// The statuses with which that says so; with any, if empty.
    pub statuses: Vec<u16>,
}

/// Unauthorized, and nothing else.
impl Default for Rejection {
    fn default() -> Self {
        Self { statuses: vec![UNAUTHORIZED], body: Vec::new(), headers: Vec::new() }
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
            headers: file.headers.iter().map(header_rule).collect::<Result<_, _>>()?,
        })
    }
}

fn status(status: &Spanned<i64>) -> Result<u16, Located> {
    match u16::try_from(*status.get_ref()) {
        Ok(number @ 300..=599) => Ok(number),
        _ => Err(Fault::RejectedStatus(*status.get_ref()).at(status.span())),
    }
}

fn statuses(list: &[Spanned<i64>]) -> Result<Vec<u16>, Located> {
    // Many an API says with 200 that it refuses something.
    let one = |status: &Spanned<i64>| match u16::try_from(*status.get_ref()) {
        Ok(number @ 100..=599) => Ok(number),
        _ => Err(Fault::Status(*status.get_ref()).at(status.span())),
    };
    list.iter().map(one).collect()
}

fn rule(rule: &file::BodyRule) -> Result<BodyRule, Located> {
    let list = |list: &Option<Spanned<Vec<Spanned<Node>>>>| match list {
        None => Ok(Vec::new()),
        Some(list) if list.get_ref().is_empty() => Err(Fault::NoValues.at(list.span())),
        Some(list) => list.get_ref().iter().map(value).collect(),
    };
    let text = |text: &Option<Text>| text.as_ref().map(|text| text.get_ref().clone());
    let compiled = BodyRule {
        path: rule.path.as_ref().map(path).transpose()?.unwrap_or_default(),
        values: list(&rule.values)?,
        other_than: list(&rule.other_than)?,
        contains: text(&rule.contains).unwrap_or_default(),
        statuses: statuses(&rule.statuses)?,
    };
    if compiled.values.is_empty() && compiled.other_than.is_empty() && compiled.contains.is_empty()
    {
        let fault = Fault::MissingKey("rejected.body.values` or `contains".to_owned());
        return Err(match &rule.path {
            Some(path) => fault.at(path.span()),
            None => fault.anywhere(),
        });
    }
    Ok(compiled)
}

fn header_rule(rule: &file::HeaderRule) -> Result<HeaderRule, Located> {
    let name = &rule.name;
    if name.get_ref().parse::<http::HeaderName>().is_err() {
        return Err(Fault::HeaderName(name.get_ref().clone()).at(name.span()));
    }
    if rule.contains.get_ref().is_empty() {
        return Err(Fault::NoValues.at(rule.contains.span()));
    }
    Ok(HeaderRule {
        name: name.get_ref().clone(),
        contains: rule.contains.get_ref().clone(),
        statuses: statuses(&rule.statuses)?,
    })
}

fn value(value: &Spanned<Node>) -> Result<String, Located> {
    match value.get_ref() {
        Node::Text(text) => Ok(text.clone()),
        Node::Integer(number) => Ok(number.to_string()),
        Node::Boolean(truth) => Ok(truth.to_string()),
        Node::Float(_) | Node::Array(_) | Node::Table(_) => Err(Fault::NotCode.at(value.span())),
    }
}

/// Checks the path to a place in a JSON body.
pub(crate) fn path(path: &Text) -> Result<String, Located> {
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
        BodyRule { path: path.to_owned(), values, ..BodyRule::default() }
    }

    #[test]
    fn unauthorized_is_a_rejection_unless_the_definition_says_otherwise() {
        assert_eq!(
            *definition(PLAIN).rejection(),
            Rejection { statuses: vec![401], body: Vec::new(), headers: Vec::new() }
        );
        let text = format!("{PLAIN}[rejected]\nstatuses = []");
        assert_eq!(
            *definition(&text).rejection(),
            Rejection { statuses: Vec::new(), body: Vec::new(), headers: Vec::new() }
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
        assert_eq!(
            *definition(&text).rejection(),
            Rejection { statuses: vec![401, 419], body, headers: Vec::new() }
        );
    }

    #[test]
    fn the_graphql_of_toggle_says_so_in_its_first_error() {
        let toggle = Library::built_in().get("toggle").unwrap();
        let body = vec![rule("errors.*.message", &["Unauthorized"])];
        assert_eq!(
            *toggle.rejection(),
            Rejection { statuses: vec![401], body, headers: Vec::new() }
        );
    }
}
