//! XML bodies: a tree of elements whose leaves are whole values, escaped when they
//! are written.

use minijinja::Value;
use toml::Spanned;

use super::tree::{Rendered, Tree};
use crate::definition::error::{Fault, Located};
use crate::definition::file::Node;
use crate::expression::Scope;
use crate::request::RequestError;
use crate::template::{RenderError, Template};
use crate::xml::{self, Xml};

/// A compiled XML document.
#[derive(Debug)]
pub(super) struct Document(Tree);

impl Document {
    /// Compiles a table with one entry, the root element.
    pub(super) fn compile(node: &Spanned<Node>, scope: &Scope) -> Result<Self, Located> {
        check(node, true)?;
        Tree::compile(node, scope).map(Self)
    }

    /// Renders XML text, without the elements and attributes that have no value.
    pub(super) fn render(&self, context: &Value) -> Result<String, RequestError> {
        let failed = |reason| RequestError::render("xml")(reason);
        let rendered = self.0.fill(context).map_err(failed)?;
        let tree = rendered.as_ref().and_then(|rendered| element(rendered));
        let text = tree.and_then(|tree| xml::write(&tree));
        text.ok_or_else(|| failed(RenderError::NotText("xml".to_owned())))
    }

    pub(super) fn templates(&self) -> Vec<&Template> {
        self.0.templates()
    }
}

/// Checks the names, so that only values can be at fault later.
fn check(node: &Spanned<Node>, root: bool) -> Result<(), Located> {
    let Node::Table(table) = node.get_ref() else {
        return if root { Err(Fault::XmlRoot.at(node.span())) } else { Ok(()) };
    };
    if root && (table.len() != 1 || table.keys().any(|key| key.starts_with(['@', '#']))) {
        return Err(Fault::XmlRoot.at(node.span()));
    }
    for (name, child) in table {
        if name != "#text" && !xml::is_name(name.strip_prefix('@').unwrap_or(name)) {
            return Err(Fault::XmlName(name.clone()).at(child.span()));
        }
        match child.get_ref() {
            Node::Array(items) => items.iter().try_for_each(|item| check(item, false))?,
            _ => check(child, false)?,
        }
    }
    Ok(())
}

fn element<'a>(rendered: &'a Rendered<'_>) -> Option<Xml<'a>> {
    Some(match rendered {
        Rendered::Value(value) if value.is_none() => Xml::Text(String::new()),
        Rendered::Value(value) => {
            let is_scalar = value.as_str().is_some()
                || value.is_number()
                || value.kind() == minijinja::value::ValueKind::Bool;
            is_scalar.then(|| Xml::Text(value.to_string()))?
        }
        Rendered::Fixed(serde_json::Value::String(text)) => Xml::Text(text.clone()),
        Rendered::Fixed(value) => Xml::Text(value.to_string()),
        Rendered::Array(items) => Xml::List(items.iter().map(element).collect::<Option<_>>()?),
        Rendered::Object(entries) => {
            let entries = entries.iter().map(|(name, value)| Some((*name, element(value)?)));
            Xml::Element(entries.collect::<Option<_>>()?)
        }
    })
}
