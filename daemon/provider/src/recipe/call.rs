//! One request, made of templates.

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use minijinja::Value;
use zeroize::Zeroizing;

use super::basic::Credentials;
use super::body::Body;
use super::field::{self, Field};
use super::method;
use super::url::UrlTemplate;
use crate::definition::error::{Fault, Located};
use crate::definition::file;
use crate::expression::Scope;
use crate::header;
use crate::host::Reach;
use crate::request::{Request, RequestError};
use crate::template::Template;

/// A compiled request.
#[derive(Debug)]
pub(crate) struct Call {
    method: Method,
    url: UrlTemplate,
    query: Vec<(String, Field)>,
    headers: Vec<(HeaderName, Template)>,
    cookies: Vec<(String, Template)>,
    basic: Option<Credentials>,
    body: Body,
}

impl Call {
    /// Compiles a request table that has a `url`.
    pub(crate) fn compile(
        file: &file::Request,
        url: &file::Text,
        scope: &Scope,
    ) -> Result<Self, Located> {
        let headers: Vec<_> = file
            .headers
            .iter()
            .map(|(name, value)| Ok((header::name(name)?, Template::compile(value, scope)?)))
            .collect::<Result<_, Located>>()?;
        if let Some(basic) = &file.basic
            && headers.iter().any(|(name, _)| name == AUTHORIZATION)
        {
            return Err(Fault::TwoAuthorizations.at(basic.username.span()));
        }
        if headers.iter().any(|(name, _)| name == COOKIE)
            && let Some(name) = file.cookies.keys().next()
        {
            return Err(Fault::TwoCookies.at(name.span()));
        }
        let cookies = file.cookies.iter().map(|(name, value)| {
            Ok((header::cookie(name)?.to_owned(), Template::compile(value, scope)?))
        });
        let basic = file.basic.as_ref().map(|basic| Credentials::compile(basic, scope));
        Ok(Self {
            method: file.method.as_ref().map_or(Ok(Method::POST), method::compile)?,
            url: UrlTemplate::compile(url, scope)?,
            query: field::compile(&file.query, scope)?,
            headers,
            cookies: cookies.collect::<Result<_, Located>>()?,
            basic: basic.transpose()?,
            body: Body::compile(file, scope)?,
        })
    }

    /// Makes the request. A host that an answer told must be within `reach`.
    pub(crate) fn render(&self, context: &Value, reach: &Reach) -> Result<Request, RequestError> {
        let mut url = self.url.render(context, reach)?;
        let query = field::texts("query", &self.query, context)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query.iter().map(|(k, v)| (k, v.as_str())));
        }
        let mut headers = self.render_headers(context)?;
        if let Some(basic) = &self.basic
            && let Some(value) = basic.render(context)?
        {
            headers.insert(AUTHORIZATION, value);
        }
        let body = self.body.render(context)?.map(|(content_type, body)| {
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(content_type));
            Bytes::from_owner(Zeroizing::new(body))
        });
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        Ok(Request { method: self.method.clone(), url, headers, body })
    }

    /// Whether an answer tells where the request goes.
    pub(crate) fn is_told(&self) -> bool {
        self.url.is_told()
    }

    /// Whether it is more than a look at what anyone may see, such as an issuer's metadata.
    pub(crate) fn commits(&self) -> bool {
        self.method != Method::GET || self.templates().into_iter().any(Template::mentions_secret)
    }

    /// Lists all templates.
    pub(crate) fn templates(&self) -> Vec<&Template> {
        let mut templates = vec![self.url.template()];
        templates.extend(self.query.iter().flat_map(|(_, field)| field.templates()));
        templates.extend(self.headers.iter().map(|(_, template)| template));
        templates.extend(self.cookies.iter().map(|(_, template)| template));
        templates.extend(self.basic.iter().flat_map(Credentials::templates));
        templates.extend(self.body.templates());
        templates
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
        if let Some(cookies) = self.render_cookies(context)? {
            headers.insert(COOKIE, cookies);
        }
        Ok(headers)
    }

    fn render_cookies(&self, context: &Value) -> Result<Option<HeaderValue>, RequestError> {
        let mut pairs = Zeroizing::new(String::new());
        for (name, template) in &self.cookies {
            let part = || format!("cookie `{name}`");
            let text = template.text(context);
            let Some(text) = text.map_err(|reason| RequestError::render(part())(reason))? else {
                continue;
            };
            if !header::is_cookie_value(&text) {
                return Err(RequestError::CookieValue { name: name.clone() });
            }
            if !pairs.is_empty() {
                pairs.push_str("; ");
            }
            pairs.push_str(name);
            pairs.push('=');
            pairs.push_str(&text);
        }
        if pairs.is_empty() {
            return Ok(None);
        }
        let mut value = header::value(&pairs).expect("names and values of cookies fit headers");
        value.set_sensitive(true);
        Ok(Some(value))
    }
}
