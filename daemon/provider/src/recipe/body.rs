//! The body of a request, in one of its forms.

use minijinja::Value;
use toml::Spanned;
use zeroize::Zeroizing;

use super::field::{self, Field};
use super::tree::Tree;
use super::xml::Document;
use crate::definition::error::{Fault, Located};
use crate::definition::file::{self, Graphql, Node, Text};
use crate::expression::Scope;
use crate::request::RequestError;
use crate::template::{Part, Template};

/// The filters after which a value can stand in a text of any kind.
const ESCAPING: [&str; 7] = ["xml", "json", "percent", "form", "base64", "base64url", "hex"];

/// A compiled body.
#[derive(Debug)]
pub(super) enum Body {
    Empty,
    Form(Vec<(String, Field)>),
    Json(Tree),
    Xml(Document),
    Text(Template),
}

impl Body {
    /// Compiles whichever form of a body a request has.
    pub(super) fn compile(file: &file::Request, scope: &Scope) -> Result<Self, Located> {
        let form = file.form.as_ref().map(|form| (form.span(), "form"));
        let json = file.json.as_ref().map(|json| (json.span(), "json"));
        let xml = file.xml.as_ref().map(|xml| (xml.span(), "xml"));
        let graphql = file.graphql.as_ref().map(|graphql| (graphql.span(), "graphql"));
        let body = file.body.as_ref().map(|body| (body.span(), "body"));
        let mut forms = [form, json, xml, graphql, body].into_iter().flatten();
        if let (Some((_, first)), Some((span, second))) = (forms.next(), forms.next()) {
            return Err(Fault::TwoBodies(first, second).at(span));
        }
        if let Some(form) = &file.form {
            return field::compile(form.get_ref(), scope).map(Self::Form);
        }
        if let Some(json) = &file.json {
            return Tree::compile(json, scope).map(Self::Json);
        }
        if let Some(xml) = &file.xml {
            return Document::compile(xml, scope).map(Self::Xml);
        }
        if let Some(operation) = &file.graphql {
            return graphql_tree(operation, scope).map(Self::Json);
        }
        match &file.body {
            Some(text) => self::text(text, scope).map(Self::Text),
            None => Ok(Self::Empty),
        }
    }

    /// Renders the body with the type that it has unless a header says otherwise.
    pub(super) fn render(
        &self,
        context: &Value,
    ) -> Result<Option<(&'static str, Vec<u8>)>, RequestError> {
        Ok(match self {
            Self::Empty => None,
            Self::Form(fields) => {
                let texts = field::texts("form", fields, context)?;
                let mut form = ::url::form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(texts.iter().map(|(k, v)| (k, v.as_str())));
                Some(("application/x-www-form-urlencoded", form.finish().into_bytes()))
            }
            Self::Json(tree) => {
                let json = tree.render(context).map_err(RequestError::render("json"))?;
                Some(("application/json", json))
            }
            Self::Xml(document) => {
                let xml = document.render(context)?;
                Some(("application/xml; charset=utf-8", xml.into_bytes()))
            }
            Self::Text(template) => {
                let text = template.text(context).map_err(RequestError::render("body"))?;
                text.map(|text: Zeroizing<String>| ("text/plain", text.as_bytes().to_vec()))
            }
        })
    }

    pub(super) fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Empty => Vec::new(),
            Self::Form(fields) => fields.iter().flat_map(|(_, field)| field.templates()).collect(),
            Self::Json(tree) => tree.templates(),
            Self::Xml(document) => document.templates(),
            Self::Text(template) => vec![template],
        }
    }
}

/// Makes the JSON that GraphQL servers read.
fn graphql_tree(operation: &Spanned<Graphql>, scope: &Scope) -> Result<Tree, Located> {
    let Graphql { query, variables, operation: name } = operation.get_ref();
    if query.get_ref().contains("{{")
        && Template::compile(query, scope)
            .is_ok_and(|query| query.parts().iter().any(|part| matches!(part, Part::Hole(_))))
    {
        return Err(Fault::SplicedGraphql.at(query.span()));
    }
    let fixed = |text: &Text| Tree::Fixed(text.get_ref().as_str().into());
    let mut entries = vec![("query".to_owned(), fixed(query))];
    if !variables.is_empty() {
        let table = Spanned::new(operation.span(), Node::Table(variables.clone()));
        entries.push(("variables".to_owned(), Tree::compile(&table, scope)?));
    }
    entries.extend(name.as_ref().map(|name| ("operationName".to_owned(), fixed(name))));
    Ok(Tree::Object(entries))
}

/// Compiles a body that is written as text. Mixed text needs to be told how to
/// escape what is spliced into it.
fn text(text: &Text, scope: &Scope) -> Result<Template, Located> {
    let template = Template::compile(text, scope)?;
    if template.as_whole().is_some() {
        return Ok(template);
    }
    for part in template.parts() {
        if let Part::Hole(expression) = part
            && !expression.last_filter().is_some_and(|filter| ESCAPING.contains(&filter))
        {
            let expression = expression.text().to_owned();
            return Err(Fault::Unescaped { expression }.at(text.span()));
        }
    }
    Ok(template)
}
