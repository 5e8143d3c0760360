//! Trees whose leaves are whole values, so that nothing is spliced into JSON text.

use minijinja::Value;
use serde::ser::{Serialize, Serializer};
use toml::Spanned;

use crate::definition::error::Located;
use crate::definition::file::{Node, Text};
use crate::expression::Scope;
use crate::template::{RenderError, Template};

/// A compiled tree. Keys keep the order of the file.
#[derive(Debug)]
pub(crate) enum Tree {
    Leaf(Template),
    Fixed(serde_json::Value),
    Array(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

/// A tree with its values.
pub(super) enum Rendered<'a> {
    Value(Value),
    Fixed(&'a serde_json::Value),
    Array(Vec<Rendered<'a>>),
    Object(Vec<(&'a str, Rendered<'a>)>),
}

impl Tree {
    /// Compiles a node with all below it. Its texts are whole values.
    pub(crate) fn compile(node: &Spanned<Node>, scope: &Scope) -> Result<Self, Located> {
        Self::compile_with(node, scope, Template::compile_whole)
    }

    /// Compiles a node with all below it. Its texts can be mixed.
    pub(crate) fn compile_mixed(node: &Spanned<Node>, scope: &Scope) -> Result<Self, Located> {
        Self::compile_with(node, scope, Template::compile)
    }

    fn compile_with(
        node: &Spanned<Node>,
        scope: &Scope,
        leaf: fn(&Text, &Scope) -> Result<Template, Located>,
    ) -> Result<Self, Located> {
        Ok(match node.get_ref() {
            Node::Text(text) => {
                let text = Text::new(node.span(), text.clone());
                Self::Leaf(leaf(&text, scope)?)
            }
            Node::Integer(number) => Self::Fixed((*number).into()),
            Node::Float(number) => Self::Fixed((*number).into()),
            Node::Boolean(truth) => Self::Fixed((*truth).into()),
            Node::Array(items) => {
                let items = items.iter().map(|item| Self::compile_with(item, scope, leaf));
                Self::Array(items.collect::<Result<_, _>>()?)
            }
            Node::Table(table) => {
                let entries = table
                    .iter()
                    .map(|(key, node)| Ok((key.clone(), Self::compile_with(node, scope, leaf)?)));
                Self::Object(entries.collect::<Result<_, Located>>()?)
            }
        })
    }

    /// Renders JSON text, without the keys and items that have no value.
    pub(crate) fn render(&self, context: &Value) -> Result<Vec<u8>, RenderError> {
        let rendered = self.fill(context)?;
        // A value that JSON can't hold (bytes, say) can only come from a filter.
        serde_json::to_vec(&rendered).map_err(|_| RenderError::NotText("json".to_owned()))
    }

    /// Lists the templates at its leaves.
    pub(crate) fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Leaf(template) => vec![template],
            Self::Fixed(_) => Vec::new(),
            Self::Array(items) => items.iter().flat_map(Self::templates).collect(),
            Self::Object(entries) => {
                entries.iter().flat_map(|(_, tree)| tree.templates()).collect()
            }
        }
    }

    pub(super) fn fill(&self, context: &Value) -> Result<Option<Rendered<'_>>, RenderError> {
        Ok(Some(match self {
            Self::Leaf(template) => match template.value(context)? {
                Some(value) => Rendered::Value(value),
                None => return Ok(None),
            },
            Self::Fixed(value) => Rendered::Fixed(value),
            Self::Array(items) => {
                let items = items.iter().filter_map(|item| item.fill(context).transpose());
                Rendered::Array(items.collect::<Result<_, _>>()?)
            }
            Self::Object(entries) => {
                let entries = entries.iter().filter_map(|(key, tree)| {
                    let value = tree.fill(context).transpose()?;
                    Some(value.map(|value| (key.as_str(), value)))
                });
                Rendered::Object(entries.collect::<Result<_, _>>()?)
            }
        }))
    }
}

impl Serialize for Rendered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Fixed(value) => value.serialize(serializer),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Object(entries) => {
                serializer.collect_map(entries.iter().map(|(key, value)| (key, value)))
            }
        }
    }
}
