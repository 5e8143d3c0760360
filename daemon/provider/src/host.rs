//! The hosts that a token may be sent to, and those that requests may go to.

use minijinja::Value;
use url::{Origin, Url};

use crate::definition::error::{Fault, Located};
use crate::definition::file::Text;
use crate::expression::Scope;
use crate::input::InputError;
use crate::template::Template;

/// Where requests may go whose host is told by an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reach {
    hosts: Vec<String>,
    /// The origins of the URLs that the user gave.
    origins: Vec<Origin>,
}

impl Reach {
    /// Allows these hosts, and where these URLs lead.
    pub(crate) fn new(hosts: Vec<String>, own: impl IntoIterator<Item = Url>) -> Self {
        let own: Vec<Url> = own.into_iter().collect();
        let origins = own.iter().map(Url::origin).collect();
        let told = own.iter().filter_map(Url::host_str).map(str::to_owned);
        Self { hosts: hosts.into_iter().chain(told).collect(), origins }
    }

    /// Tells whether a URL's host is among them; a leading dot stands for every
    /// subdomain.
    pub(crate) fn covers(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        // On loopback the port tells whose server it is, and https is for others.
        if url.scheme() == "http" {
            return self.origins.contains(&url.origin());
        }
        covers(&self.hosts, host)
    }
}

/// Tells whether a host is one of these; a leading dot stands for every subdomain.
pub(crate) fn covers(hosts: &[String], host: &str) -> bool {
    hosts.iter().any(|allowed| match allowed.strip_prefix('.') {
        Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
        None => allowed == host,
    })
}

/// Compiles `hosts`.
pub(crate) fn compile(hosts: &[Text], scope: &Scope) -> Result<Vec<Template>, Located> {
    let compiled = hosts.iter().map(|text| {
        let template = Template::compile(text, scope)?;
        match template.as_literal() {
            Some(host) if !is_host(host) => Err(Fault::Host(host.to_owned()).at(text.span())),
            _ => Ok(template),
        }
    });
    compiled.collect()
}

/// Renders the hosts; those whose variable isn't given are left out.
pub(crate) fn render(hosts: &[Template], context: &Value) -> Result<Vec<String>, InputError> {
    let mut rendered = Vec::with_capacity(hosts.len());
    for host in hosts {
        let host = host.text(context);
        let host = host.map_err(|reason| InputError::Derived { part: "hosts", reason })?;
        let Some(host) = host else { continue };
        if !is_host(&host) {
            return Err(InputError::Host(host.to_string()));
        }
        rendered.push(host.to_string());
    }
    Ok(rendered)
}

/// Whether this is a host as URLs spell it, perhaps with a leading dot.
fn is_host(text: &str) -> bool {
    let (below, name) = match text.strip_prefix('.') {
        Some(name) => (true, name),
        None => (false, text),
    };
    match url::Host::parse(name) {
        Ok(url::Host::Domain(domain)) => {
            let is_label = |label: &str| {
                !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            };
            domain == name && domain.split('.').all(is_label)
        }
        Ok(address) => !below && address.to_string() == name,
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_spelled_as_in_a_url_without_anything_else() {
        for good in ["api.example.com", ".example.com", "127.0.0.1", "[::1]", "localhost"] {
            assert!(is_host(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            ".127.0.0.1",
            "a.example.",
            "API.example.com",
            "a/b",
            "a:80",
            "https://a",
            "a b",
            "*.a",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
    }
}
