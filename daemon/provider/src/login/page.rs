//! The page on which a person logs in, and where it leads back to.

use std::net::IpAddr;
use std::ops::Range;

use minijinja::Value;
use url::{Host, Url};

use super::Requested;
use crate::address;
use crate::definition::Definition;
use crate::definition::error::{Fault, Located};
use crate::definition::file::{self, Text};
use crate::expression::{self, Expression, Names, context};
use crate::host::Reach;
use crate::input::AcceptedInputs;
use crate::recipe::{Call, Recipe};
use crate::request::RequestError;
use crate::template::Template;

/// Where a page leads back to if nothing is said: loopback, as RFC 8252 §7.3 has it, by
/// address, which needs no resolver.
const REDIRECT_URI: &str = "http://127.0.0.1/callback";

/// The compiled page.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) when: Option<Expression>,
    call: Call,
    redirect_uri: Template,
    /// The parameter with the code.
    pub(crate) code: String,
    /// Whether `state` comes back.
    pub(crate) returns_state: bool,
    pub(crate) issuer: Option<Expression>,
    pub(crate) names_issuer: Option<Expression>,
    pub(crate) exchange: Vec<Recipe>,
}

/// Where the page of a login leads back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The URI; if any port will do, without one.
    pub uri: Url,
    /// Whether it is this machine: something can listen there. If it isn't, the person
    /// copies the URL that the browser ends at.
    pub is_loopback: bool,
    /// Whether any port will do (RFC 8252 §7.3).
    pub any_port: bool,
}

impl Page {
    pub(super) fn compile(
        login: &file::Login,
        span: Range<usize>,
        names: &Names,
        requests: &Requested<'_>,
    ) -> Result<Option<Self>, Located> {
        let Some(url) = &login.url else {
            return match &login.exchange {
                Some(exchange) => {
                    let fault = Fault::GoesWith { key: "login.exchange", with: "login.url" };
                    Err(fault.at(exchange.span()))
                }
                None => Ok(None),
            };
        };
        let Some(exchange) = &login.exchange else {
            return Err(Fault::MissingKey("login.exchange".to_owned()).at(span));
        };
        let known = Names { login: expression::PAGE, ..names.clone() };
        let request = file::Request {
            method: Some(Text::new(url.span(), "GET".to_owned())),
            query: login.query.clone(),
            ..file::Request::default()
        };
        let redirected = Names { login: expression::REDIRECTED, ..names.clone() };
        let conditional = redirected.request().conditional();
        Ok(Some(Self {
            when: expression::optional(login.when.as_ref(), &super::conditional(names))?,
            call: Call::compile(&request, url, &known.request())?,
            redirect_uri: redirect_uri(login.redirect_uri.as_ref(), names)?,
            code: login.code.clone().unwrap_or_else(|| "code".to_owned()),
            returns_state: login.state.unwrap_or(true),
            issuer: expression::optional(login.issuer.as_ref(), &conditional)?,
            names_issuer: expression::optional(login.names_issuer.as_ref(), &conditional)?,
            exchange: requests(exchange, &redirected)?,
        }))
    }

    /// Makes the URL that a person opens.
    pub(crate) fn url(&self, context: &Value, reach: &Reach) -> Result<Url, RequestError> {
        self.call.render(context, reach).map(|request| request.url)
    }

    /// The templates of the URL.
    pub(crate) fn templates(&self) -> Vec<&Template> {
        self.call.templates()
    }

    /// Where it leads back to, and the text of that as it is registered.
    pub(crate) fn redirect(&self, public: &Value) -> Result<(Redirect, String), RequestError> {
        let text = self.redirect_uri.text(public);
        let text = text.map_err(RequestError::render("redirect_uri"))?;
        let text = text.map_or_else(|| REDIRECT_URI.to_owned(), |text| text.to_string());
        let mut uri = address::parse(&text).map_err(RequestError::RedirectUri)?;
        let is_loopback = is_loopback(&uri);
        let any_port =
            is_loopback && matches!(uri.port(), None | Some(0)) && uri.scheme() == "http";
        if any_port {
            // A port that is the scheme's own counts as none.
            let _ = uri.set_port(None);
        }
        Ok((Redirect { uri, is_loopback, any_port }, text))
    }
}

impl Definition {
    /// Where the page of a login leads back to.
    ///
    /// # Errors
    /// If the definition has no such page, or if the URI is none with these inputs.
    pub fn redirect(&self, inputs: &AcceptedInputs) -> Result<Redirect, RequestError> {
        let page = self.login.as_ref().and_then(|login| login.page.as_ref());
        let page = page.ok_or(RequestError::NoLogin)?;
        page.redirect(&context::public(inputs.typed())).map(|(redirect, _)| redirect)
    }
}

impl Redirect {
    /// Checks the URI that is listened at against this one, and returns it as the
    /// provider knows it, whose registered spelling is `registered`.
    pub(crate) fn settle(
        &self,
        registered: &str,
        listening: Option<&Url>,
    ) -> Result<String, RequestError> {
        let Some(listening) = listening else {
            // Nobody has to listen where the person copies the URL.
            return Ok(registered.to_owned());
        };
        let mut same = listening.clone();
        if self.any_port {
            let _ = same.set_port(None);
        }
        if same != self.uri || self.any_port && listening.port() == Some(0) {
            return Err(RequestError::OtherRedirectUri { registered: self.uri.to_string() });
        }
        if !self.any_port {
            return Ok(registered.to_owned());
        }
        let text = listening.to_string();
        // URLs of the library have a path always, and registered ones needn't.
        let has_path = registered.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
        Ok(if has_path { text } else { text.trim_end_matches('/').to_owned() })
    }
}

/// Compiles the redirect URI, and checks it as far as it is known.
fn redirect_uri(text: Option<&Text>, names: &Names) -> Result<Template, Located> {
    let Some(text) = text else { return Ok(Template::literal(REDIRECT_URI.to_owned())) };
    let template = Template::compile(text, &names.public())?;
    if let Some(literal) = template.as_literal() {
        address::parse(literal).map_err(|error| Fault::from(error).at(text.span()))?;
    }
    Ok(template)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}
