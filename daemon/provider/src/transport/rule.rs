//! `[http]` of a definition, compiled.

use std::path::PathBuf;
use std::time::Duration;

use minijinja::Value;
use zeroize::Zeroizing;

use super::identity::{self, Identity};
use super::proxy::{self, Proxy};
use super::{CONNECT_TIMEOUT, LONGEST_TIMEOUT, MAX_ANSWER, TIMEOUT, Transport, size};
use crate::definition::error::{Fault, Located};
use crate::definition::file::{Http, Text};
use crate::expression::{Names, Scope};
use crate::input::InputError;
use crate::limit;
use crate::template::Template;

/// Compiled settings of a connection.
#[derive(Debug)]
pub(crate) struct TransportRule {
    ca_file: Option<Template>,
    client_certificate: Option<Template>,
    client_key: Option<Template>,
    proxy: Option<Template>,
    proxy_username: Option<Template>,
    proxy_password: Option<Template>,
    timeout: Duration,
    connect_timeout: Duration,
    max_answer: usize,
    allow_link_local: bool,
}

impl TransportRule {
    /// Compiles `[http]`. What tells where to go is made without secrets.
    pub(crate) fn compile(http: &Http, names: &Names) -> Result<Self, Located> {
        let (public, request) = (names.public(), names.unsigned());
        let (key, certificate) = (http.client_key.as_ref(), http.client_certificate.as_ref());
        needs("client_key", key, "client_certificate", certificate)?;
        let (username, password) = (http.proxy_username.as_ref(), http.proxy_password.as_ref());
        needs("proxy_username", username, "proxy", http.proxy.as_ref())?;
        needs("proxy_password", password, "proxy_username", username)?;
        let timeout = timeout(http)?;
        Ok(Self {
            ca_file: optional(http.ca_file.as_ref(), &public)?,
            client_certificate: optional(certificate, &request)?,
            client_key: private(key, &request)?,
            proxy: http.proxy.as_ref().map(|text| proxy::compile(text, &public)).transpose()?,
            proxy_username: optional(username, &public)?,
            proxy_password: secret(password, &request)?,
            timeout,
            connect_timeout: connect_timeout(http.connect_timeout.as_ref(), timeout)?,
            max_answer: http.max_answer.as_ref().map_or(Ok(MAX_ANSWER), size::parse)?,
            allow_link_local: http.allow_link_local,
        })
    }

    /// Renders the settings; those whose input isn't given are left out.
    pub(crate) fn render(&self, public: &Value, request: &Value) -> Result<Transport, InputError> {
        let certificate =
            text("http.client_certificate", self.client_certificate.as_ref(), request)?;
        let key = text("http.client_key", self.client_key.as_ref(), request)?;
        let url = text("http.proxy", self.proxy.as_ref(), public)?;
        let username = text("http.proxy_username", self.proxy_username.as_ref(), public)?;
        let password = text("http.proxy_password", self.proxy_password.as_ref(), request)?;
        Ok(Transport {
            ca_file: ca_file(text("http.ca_file", self.ca_file.as_ref(), public)?)?,
            identity: Identity::of(certificate.as_deref(), key.as_deref())?,
            proxy: match url {
                Some(url) => Some(Proxy::of(&url, username.as_deref(), password.as_deref())?),
                None => None,
            },
            timeout: self.timeout,
            connect_timeout: self.connect_timeout,
            max_answer: self.max_answer,
            allow_link_local: self.allow_link_local,
        })
    }
}

fn optional(text: Option<&Text>, scope: &Scope) -> Result<Option<Template>, Located> {
    text.map(|text| Template::compile(text, scope)).transpose()
}

/// A key can stand in a file, but not in the definition.
fn private(text: Option<&Text>, scope: &Scope) -> Result<Option<Template>, Located> {
    match text {
        Some(text) if identity::is_pem(text.get_ref()) => Err(Fault::LiteralSecret.at(text.span())),
        text => optional(text, scope),
    }
}

/// A password can't stand in the definition at all.
fn secret(text: Option<&Text>, scope: &Scope) -> Result<Option<Template>, Located> {
    let template = optional(text, scope)?;
    match (&template, text) {
        (Some(template), Some(text)) if !template.mentions_secret() => {
            Err(Fault::LiteralSecret.at(text.span()))
        }
        _ => Ok(template),
    }
}

fn needs(
    key: &'static str,
    text: Option<&Text>,
    needed: &'static str,
    other: Option<&Text>,
) -> Result<(), Located> {
    match (text, other) {
        (Some(text), None) => Err(Fault::Needs { key, needed }.at(text.span())),
        _ => Ok(()),
    }
}

fn timeout(http: &Http) -> Result<Duration, Located> {
    let Some(text) = &http.timeout else { return Ok(TIMEOUT) };
    let timeout = limit::duration(text)?;
    if timeout > LONGEST_TIMEOUT {
        return Err(Fault::Timeout(LONGEST_TIMEOUT.as_secs()).at(text.span()));
    }
    Ok(timeout)
}

/// A connection that takes too long proves that nothing was sent, and a request that
/// takes too long doesn't: so the first must be found out before the second.
fn connect_timeout(text: Option<&Text>, timeout: Duration) -> Result<Duration, Located> {
    let Some(text) = text else { return Ok(CONNECT_TIMEOUT.min(timeout / 2)) };
    let connect_timeout = limit::duration(text)?;
    if connect_timeout >= timeout {
        return Err(Fault::ConnectTimeout.at(text.span()));
    }
    Ok(connect_timeout)
}

fn text(
    part: &'static str,
    template: Option<&Template>,
    context: &Value,
) -> Result<Option<Zeroizing<String>>, InputError> {
    let Some(template) = template else { return Ok(None) };
    template.text(context).map_err(|reason| InputError::Derived { part, reason })
}

fn ca_file(path: Option<Zeroizing<String>>) -> Result<Option<PathBuf>, InputError> {
    let Some(path) = path else { return Ok(None) };
    let path = PathBuf::from(path.as_str());
    // The daemon's working directory is nobody's business.
    if !path.is_absolute() {
        return Err(InputError::RelativePath(path));
    }
    Ok(Some(path))
}
