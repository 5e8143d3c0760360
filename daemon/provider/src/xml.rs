//! XML as a tree of names and texts, and how it is written.

use crate::escape;

mod name;

pub(crate) use self::name::{is_character, is_name};

/// No document is nested deeper; a tree of its values is walked by recursion.
pub(crate) const DEEPEST: usize = 64;

/// What a name stands for in a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Xml<'a> {
    /// An element with nothing but text, or an attribute.
    Text(String),
    /// An element with others below it. `@name` is an attribute, `#text` the text
    /// beside them.
    Element(Vec<(&'a str, Xml<'a>)>),
    /// As many elements of the same name.
    List(Vec<Xml<'a>>),
}

/// Writes a document, whose root is the one name at the top. `None` if there isn't one,
/// if XML has no such name or character, if an attribute is more than a text or there
/// twice, or if it is nested deeper than any document that is read.
pub(crate) fn write(document: &Xml<'_>) -> Option<String> {
    let Xml::Element(entries) = document else { return None };
    let [(root, content @ (Xml::Text(_) | Xml::Element(_)))] = entries.as_slice() else {
        return None;
    };
    let mut written = String::from(r#"<?xml version="1.0" encoding="UTF-8"?>"#);
    element(&mut written, root, content, 1)?;
    Some(written)
}

#[cfg(any(test, feature = "fuzzing"))]
impl<'a> Xml<'a> {
    /// Takes a JSON value for the document that reads as it. `None` stands for an empty
    /// element.
    pub(crate) fn of(value: &'a serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Self::Text(String::new()),
            Value::Bool(truth) => Self::Text(truth.to_string()),
            Value::Number(number) => Self::Text(number.to_string()),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::of).collect()),
            Value::Object(entries) => {
                let entries = entries.iter().map(|(key, value)| (key.as_str(), Self::of(value)));
                Self::Element(entries.collect())
            }
        }
    }
}

fn element(written: &mut String, name: &str, content: &Xml<'_>, depth: usize) -> Option<()> {
    if depth > DEEPEST || !is_name(name) {
        return None;
    }
    written.push('<');
    written.push_str(name);
    match content {
        Xml::Text(text) => {
            written.push('>');
            written.push_str(&escape::xml(text)?);
        }
        Xml::Element(entries) => {
            attributes(written, entries)?;
            written.push('>');
            for (key, content) in entries.iter().filter(|(key, _)| !key.starts_with('@')) {
                match content {
                    Xml::Text(text) if *key == "#text" => written.push_str(&escape::xml(text)?),
                    Xml::List(items) => {
                        for item in items {
                            element(written, key, item, depth + 1)?;
                        }
                    }
                    Xml::Text(_) | Xml::Element(_) => element(written, key, content, depth + 1)?,
                }
            }
        }
        Xml::List(_) => return None,
    }
    written.push_str("</");
    written.push_str(name);
    written.push('>');
    Some(())
}

/// Writes the attributes of a start tag, wherever they stand among the entries.
fn attributes(written: &mut String, entries: &[(&str, Xml<'_>)]) -> Option<()> {
    let mut names = Vec::new();
    for (key, value) in entries {
        let Some(name) = key.strip_prefix('@') else { continue };
        let Xml::Text(text) = value else { return None };
        if !is_name(name) || names.contains(&name) {
            return None;
        }
        names.push(name);
        written.push(' ');
        written.push_str(name);
        written.push_str("=\"");
        written.push_str(&escape::xml(text)?);
        written.push('"');
    }
    Some(())
}

#[cfg(test)]
mod tests;
