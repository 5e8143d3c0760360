//! Hosts as tools name them, and which of them a token is for.

use std::str::FromStr;

use http::Uri;
use tokend_client::{Token, host};
use url::{Host as Kind, Url};

/// A host, perhaps with a port; with a dot in front, all hosts below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    text: String,
    name: String,
    port: Option<u16>,
    /// The scheme's port, for one that isn't asked on another.
    usual_port: u16,
    is_plain: bool,
}

/// Why a text is no host.
#[derive(Debug, thiserror::Error)]
#[error("a host is written as git.example, git.example:8443 or .example, for all below it")]
pub(crate) struct Malformed;

impl Host {
    /// Returns it as it was given.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the name alone, as URLs spell it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Tells whether it stands for one host.
    pub(crate) fn is_single(&self) -> bool {
        !self.name.starts_with('.')
    }

    /// Tells whether a secret would go there in the clear: by http, and not to this machine.
    pub(crate) fn is_exposed(&self) -> bool {
        self.is_plain && !host::is_loopback(&self.name)
    }

    /// Tells whether another host is this one, or below it if that is what it stands for.
    /// Without a port, it is on any.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let asked = other.port.unwrap_or(other.usual_port);
        host::covers(&self.name, &other.name) && self.port.is_none_or(|port| asked == port)
    }

    /// Tells whether a token may be sent there.
    pub(crate) fn is_of(&self, token: &Token) -> bool {
        let scheme = if self.is_plain { "http" } else { "https" };
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let uri = format!("{scheme}://{}{port}/", self.name).parse::<Uri>();
        uri.is_ok_and(|uri| token.is_for(&uri))
    }
}

/// Tells whether a host is one of these, or below one that has a dot in front.
pub(crate) fn is_among(hosts: &[&str], host: &Host) -> bool {
    hosts.iter().any(|known| host::covers(known, &host.name))
}

impl FromStr for Host {
    type Err = Malformed;

    /// Reads a host, or the one of a URL: docker names its own hub by one. What URLs would
    /// leave out or read as something else is no host: nobody else reads it alike.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || "\\%?#@".contains(c);
        if text.contains(is_odd) {
            return Err(Malformed);
        }
        let (dot, rest) = match text.strip_prefix('.') {
            Some(rest) => (".", rest),
            None => ("", text),
        };
        let (scheme, rest) = rest.split_once("://").unwrap_or(("https", rest));
        if rest.starts_with('/') {
            return Err(Malformed);
        }
        let read = |scheme| Url::parse(&format!("{scheme}://{rest}")).map_err(|_| Malformed);
        let (url, plain) = (read("https")?, read("http")?);
        let name = match url.host() {
            Some(Kind::Domain(domain)) => {
                let domain = domain.strip_suffix('.').unwrap_or(domain);
                if domain.split('.').any(str::is_empty) {
                    return Err(Malformed);
                }
                format!("{dot}{domain}")
            }
            Some(host) if dot.is_empty() => host.to_string(),
            _ => return Err(Malformed),
        };
        Ok(Self {
            text: text.to_owned(),
            name,
            // Each leaves out its own.
            port: url.port().or(plain.port()),
            usual_port: if scheme.eq_ignore_ascii_case("http") { 80 } else { 443 },
            is_plain: !scheme.eq_ignore_ascii_case("https"),
        })
    }
}

#[cfg(test)]
mod tests {
    use tokend_proto::v1;

    use super::*;

    fn host(text: &str) -> Host {
        text.parse().unwrap()
    }

    #[test]
    fn reads_hosts_as_tools_write_them() {
        for (text, name, port) in [
            ("ghcr.io", "ghcr.io", None),
            ("GHCR.io.", "ghcr.io", None),
            ("localhost:5000", "localhost", Some(5000)),
            ("git.example:443", "git.example", Some(443)),
            ("http://git.example:80", "git.example", Some(80)),
            ("HTTPS://git.example", "git.example", None),
            ("https://index.docker.io/v1/", "index.docker.io", None),
            ("registry.example/team/image", "registry.example", None),
            (".pkg.dev", ".pkg.dev", None),
            ("[::1]:8080", "[::1]", Some(8080)),
            ("b\u{fc}cher.example", "xn--bcher-kva.example", None),
        ] {
            let host = host(text);
            assert_eq!((host.name(), host.port, host.text()), (name, port, text));
            assert_eq!(host.is_single(), !text.starts_with('.'));
        }
        for text in [
            "",
            ".",
            "a b",
            "a:99999",
            "ann:s3cret@git.example",
            ".127.0.0.1",
            "https://",
            "https:///git.example",
            "..",
            "https://.",
            "66..",
            "git\texample",
            "git.example\r",
            "git.example\\.evil.example",
            "git%2eexample",
            "git.example?.evil.example",
        ] {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_covers_itself_and_with_a_dot_what_is_below() {
        for (known, asked, covered) in [
            ("git.example", "git.example", true),
            ("git.example", "git.example:8443", true),
            ("git.example:8443", "git.example:8443", true),
            ("git.example:8443", "git.example", false),
            ("git.example:443", "git.example:8443", false),
            ("git.example:443", "git.example", true),
            ("git.example:80", "http://git.example", true),
            ("git.example:80", "https://git.example", false),
            ("git.example", "evil-git.example", false),
            ("git.example", "git.example.evil.example", false),
            ("git.example", "a.git.example", false),
            (".git.example", "a.git.example", true),
            (".git.example", "git.example", false),
            (".git.example", "evilgit.example", false),
        ] {
            assert_eq!(host(known).covers(&host(asked)), covered, "{known} {asked}");
        }
        let hosts = [".example", "a.test"];
        assert!(is_among(&hosts, &host("https://a.test:8443")));
        assert!(is_among(&hosts, &host("b.example")) && !is_among(&hosts, &host("b.test")));
        assert!(!is_among(&[], &host("a.test")));
    }

    #[test]
    fn a_token_may_go_to_its_hosts_and_to_where_its_api_is() {
        let token = v1::Token {
            hosts: vec!["ghcr.io".to_owned(), ".pkg.dev".to_owned()],
            base_url: "https://git.example:8443/api/v4".to_owned(),
            ..v1::Token::default()
        };
        let answer = v1::AcquireTokenResponse { token: Some(token), ..Default::default() };
        let token = answer.try_into().unwrap();
        for (text, expected) in [
            ("ghcr.io", true),
            ("GHCR.io.", true),
            ("https://eu.pkg.dev:8443", true),
            ("git.example", true),
            ("http://git.example", false),
            ("pkg.dev", false),
            ("evil.example", false),
        ] {
            assert_eq!(host(text).is_of(&token), expected, "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_safe_without_tls() {
        for (text, exposed) in [
            ("http://git.example", true),
            ("git://git.example", true),
            ("http://127.0.0.1.example", true),
            ("https://git.example", false),
            ("git.example", false),
            ("http://localhost:3000", false),
            ("http://127.0.0.2", false),
            ("http://[::1]:80", false),
        ] {
            assert_eq!(host(text).is_exposed(), exposed, "{text}");
        }
    }
}
