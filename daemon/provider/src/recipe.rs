//! How to make one request, as a definition's `[issue]`, `[refresh]` or `[keepalive]`
//! says.

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use minijinja::Value;
use zeroize::Zeroizing;

use self::basic::Credentials;
use self::body::Tree;
use self::url::UrlTemplate;
use crate::definition::error::{Fault, Located};
use crate::definition::file::{self, Fields, Node, Text};
use crate::expression::{self, Expression, Scope};
use crate::header;
use crate::request::{Request, RequestError};
use crate::suggestion::Suggestion;
use crate::template::{RenderError, Template};

mod basic;
mod body;
mod choice;
mod url;

/// The methods by which APIs issue tokens.
const METHODS: [Method; 4] = [Method::GET, Method::POST, Method::PUT, Method::PATCH];

/// A compiled request.
#[derive(Debug)]
pub(crate) struct Recipe {
    when: Option<Expression>,
    method: Method,
    url: UrlTemplate,
    query: Vec<(String, Template)>,
    headers: Vec<(HeaderName, Template)>,
    basic: Option<Credentials>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Empty,
    Form(Vec<(String, Template)>),
    Json(Tree),
}

impl Recipe {
    /// Compiles a request table.
    pub(crate) fn compile(issue: &file::Request, scope: &Scope) -> Result<Self, Located> {
        let headers: Vec<_> = issue
            .headers
            .iter()
            .map(|(name, value)| Ok((header::name(name)?, Template::compile(value, scope)?)))
            .collect::<Result<_, Located>>()?;
        if let Some(basic) = &issue.basic
            && headers.iter().any(|(name, _)| name == AUTHORIZATION)
        {
            return Err(Fault::TwoAuthorizations.at(basic.username.span()));
        }
        let basic = issue.basic.as_ref().map(|basic| Credentials::compile(basic, scope));
        Ok(Self {
            when: expression::optional(issue.when.as_ref(), scope)?,
            method: issue.method.as_ref().map_or(Ok(Method::POST), method)?,
            url: UrlTemplate::compile(&issue.url, scope)?,
            query: fields(&issue.query, scope)?,
            headers,
            basic: basic.transpose()?,
            body: match (&issue.form, &issue.json) {
                (None, None) => Body::Empty,
                (Some(form), None) => Body::Form(fields(form, scope)?),
                (None, Some(json)) => Body::Json(Tree::compile(json, scope)?),
                (Some(_), Some(json)) => return Err(Fault::TwoBodies.at(json.span())),
            },
        })
    }

    /// Makes the request.
    pub(crate) fn render(&self, context: &Value) -> Result<Request, RequestError> {
        let mut url = self.url.render(context)?;
        let query = texts("query", &self.query, context)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query.iter().map(|(k, v)| (k, v.as_str())));
        }
        let mut headers = self.render_headers(context)?;
        if let Some(basic) = &self.basic
            && let Some(value) = basic.render(context)?
        {
            headers.insert(AUTHORIZATION, value);
        }
        let body = match &self.body {
            Body::Empty => None,
            Body::Form(fields) => {
                let texts = texts("form", fields, context)?;
                let mut form = ::url::form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(texts.iter().map(|(k, v)| (k, v.as_str())));
                Some(("application/x-www-form-urlencoded", form.finish().into_bytes()))
            }
            Body::Json(tree) => {
                let json = tree.render(context).map_err(RequestError::render("json"))?;
                Some(("application/json", json))
            }
        };
        let body = body.map(|(content_type, body)| {
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(content_type));
            Bytes::from_owner(Zeroizing::new(body))
        });
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        Ok(Request { method: self.method.clone(), url, headers, body })
    }

    fn render_headers(&self, context: &Value) -> Result<HeaderMap, RequestError> {
        let mut headers = HeaderMap::new();
        for (name, template) in &self.headers {
            let part = || format!("header `{name}`");
            let text = template.text(context);
            let Some(text) = text.map_err(|reason| RequestError::render(part())(reason))? else {
                continue;
            };
            let mut value = header::value(&text)
                .ok_or_else(|| RequestError::HeaderValue { name: name.to_string() })?;
            value.set_sensitive(template.mentions_secret() || name == AUTHORIZATION);
            headers.insert(name, value);
        }
        Ok(headers)
    }
}

fn method(text: &Text) -> Result<Method, Located> {
    let known = METHODS.iter().find(|method| method.as_str() == text.get_ref());
    known.cloned().ok_or_else(|| {
        let value = text.get_ref().clone();
        let suggestion = Suggestion::among(&value, METHODS.iter().map(Method::as_str));
        Fault::UnknownValue { value, suggestion }.at(text.span())
    })
}

fn fields(fields: &Fields, scope: &Scope) -> Result<Vec<(String, Template)>, Located> {
    fields
        .iter()
        .map(|(name, node)| {
            let template = match node.get_ref() {
                Node::Text(text) => {
                    Template::compile(&Text::new(node.span(), text.clone()), scope)?
                }
                Node::Integer(number) => Template::literal(number.to_string()),
                Node::Float(number) => Template::literal(number.to_string()),
                Node::Boolean(truth) => Template::literal(truth.to_string()),
                Node::Array(_) | Node::Table(_) => return Err(Fault::NotScalar.at(node.span())),
            };
            Ok((name.clone(), template))
        })
        .collect()
}

type Texts<'a> = Vec<(&'a str, Zeroizing<String>)>;

fn texts<'a>(
    part: &str,
    fields: &'a [(String, Template)],
    context: &Value,
) -> Result<Texts<'a>, RequestError> {
    let mut texts = Vec::with_capacity(fields.len());
    for (name, template) in fields {
        let text: Result<_, RenderError> = template.text(context);
        if let Some(text) = text.map_err(RequestError::render(format!("{part} `{name}`")))? {
            texts.push((name.as_str(), text));
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests;
