//! The fields of a query or a form.

use minijinja::Value;
use toml::Spanned;
use zeroize::Zeroizing;

use crate::definition::error::{Fault, Located};
use crate::definition::file::{Fields, Node, Text};
use crate::expression::Scope;
use crate::request::RequestError;
use crate::template::Template;

/// The value of a field, or several for a field that is there several times.
#[derive(Debug)]
pub(crate) enum Field {
    One(Template),
    Several(Vec<Template>),
}

/// Names and values, ready to be encoded.
pub(crate) type Texts<'a> = Vec<(&'a str, Zeroizing<String>)>;

impl Field {
    fn compile(node: &Spanned<Node>, scope: &Scope) -> Result<Self, Located> {
        match node.get_ref() {
            Node::Array(items) => {
                let items = items.iter().map(|item| scalar(item, scope));
                Ok(Self::Several(items.collect::<Result<_, _>>()?))
            }
            _ => scalar(node, scope).map(Self::One),
        }
    }

    pub(crate) fn templates(&self) -> &[Template] {
        match self {
            Self::One(template) => std::slice::from_ref(template),
            Self::Several(templates) => templates,
        }
    }
}

/// Compiles the fields of a table.
pub(crate) fn compile(fields: &Fields, scope: &Scope) -> Result<Vec<(String, Field)>, Located> {
    fields.iter().map(|(name, node)| Ok((name.clone(), Field::compile(node, scope)?))).collect()
}

fn scalar(node: &Spanned<Node>, scope: &Scope) -> Result<Template, Located> {
    match node.get_ref() {
        Node::Text(text) => Template::compile(&Text::new(node.span(), text.clone()), scope),
        Node::Integer(number) => Ok(Template::literal(number.to_string())),
        Node::Float(number) => Ok(Template::literal(number.to_string())),
        Node::Boolean(truth) => Ok(Template::literal(truth.to_string())),
        Node::Array(_) | Node::Table(_) => Err(Fault::NotScalar.at(node.span())),
    }
}

/// Renders fields, without those that have no value.
pub(crate) fn texts<'a>(
    part: &str,
    fields: &'a [(String, Field)],
    context: &Value,
) -> Result<Texts<'a>, RequestError> {
    let mut texts = Vec::with_capacity(fields.len());
    for (name, field) in fields {
        for template in field.templates() {
            let text = template.text(context);
            if let Some(text) = text.map_err(RequestError::render(format!("{part} `{name}`")))? {
                texts.push((name.as_str(), text));
            }
        }
    }
    Ok(texts)
}
