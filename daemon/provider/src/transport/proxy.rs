//! A proxy that requests go through.

use secrecy::SecretString;
use thiserror::Error;
use url::Url;

use crate::definition::error::{Fault, Located};
use crate::definition::file::Text;
use crate::expression::Scope;
use crate::template::Template;

/// A proxy. What goes through it is encrypted for the provider all the same.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// Where it is: http or https, a host and perhaps a port.
    pub url: Url,
    /// What it asks for, if anything.
    pub login: Option<Login>,
}

/// A user name and a password, for HTTP Basic (RFC 7617).
#[derive(Debug, Clone)]
pub struct Login {
    /// The user name, without a colon.
    pub username: String,
    /// The password.
    pub password: SecretString,
}

/// Why a text isn't a proxy. Never quotes it: there can be a password in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProxyError {
    /// It doesn't parse.
    #[error("is not a URL ({0})")]
    Malformed(url::ParseError),
    /// It is reached in another way than by HTTP.
    #[error("must start with http:// or https://")]
    Scheme,
    /// It carries a user name or password, which end up in logs.
    #[error("must not contain a user name or password: use `proxy_username` and `proxy_password`")]
    UserInfo,
    /// There is more than a host and a port.
    #[error("must be a host and a port, as in http://proxy.example:3128")]
    Path,
    /// HTTP Basic can't carry a user name with a colon (RFC 7617 §2).
    #[error("can't be given a user name with a colon in it")]
    UserName,
}

impl Proxy {
    /// Checks where a proxy is, and who it is told that asks.
    pub(super) fn of(
        url: &str,
        username: Option<&String>,
        password: Option<&String>,
    ) -> Result<Self, ProxyError> {
        let url = parse(url)?;
        let login = match username {
            Some(username) if username.contains(':') => return Err(ProxyError::UserName),
            Some(username) => Some(Login {
                username: username.clone(),
                password: SecretString::from(password.map_or("", String::as_str)),
            }),
            None => None,
        };
        Ok(Self { url, login })
    }
}

/// Compiles `proxy`.
pub(super) fn compile(text: &Text, scope: &Scope) -> Result<Template, Located> {
    let template = Template::compile(text, scope)?;
    if let Some(literal) = template.as_literal() {
        parse(literal).map_err(|error| Fault::from(error).at(text.span()))?;
    }
    Ok(template)
}

fn parse(text: &str) -> Result<Url, ProxyError> {
    let url = Url::parse(text).map_err(ProxyError::Malformed)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(ProxyError::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ProxyError::UserInfo);
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(ProxyError::Path);
    }
    Ok(url)
}
