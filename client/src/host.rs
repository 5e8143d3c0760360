//! Which hosts secrets may be sent to.

use std::net::IpAddr;

use http::Uri;

use crate::Token;

/// Tells whether a host is the one that is allowed, or below it if that has a dot in front.
/// Both are names as URLs have them, without scheme or port; the case of letters is no matter.
pub fn covers(allowed: &str, host: &str) -> bool {
    let (allowed, host) = (allowed.to_ascii_lowercase(), host.to_ascii_lowercase());
    match allowed.strip_prefix('.') {
        Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
        None => allowed == host,
    }
}

/// Tells whether a host, as URLs have it, is this machine: `localhost` or an address of the
/// loopback interface. A secret may go there without TLS.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Tells whether what is sent there can't be read on the way: it goes over https, or over http
/// to this machine.
pub(crate) fn is_private(uri: &Uri) -> bool {
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => uri.host().is_some_and(is_loopback),
        _ => false,
    }
}

impl Token {
    /// Tells whether the token may be sent to where a URI leads: over https, or over http to
    /// this machine, and to one of its [hosts](Self::hosts) or to where the API
    /// [is](Self::base_url). A URI without scheme or host leads nowhere.
    ///
    /// Whoever puts a token into a request has to ask this, `Attach` does.
    pub fn is_for(&self, uri: &Uri) -> bool {
        let Some(host) = uri.host() else { return false };
        is_private(uri)
            && (self.hosts().iter().any(|allowed| covers(allowed, host))
                || self.base_url().is_some_and(|base| is_at(uri, base)))
    }
}

/// Tells whether a URI is where the API is. On loopback the port tells whose server it is,
/// and https is for others.
fn is_at(uri: &Uri, base: &str) -> bool {
    let Ok(base) = base.parse::<Uri>() else { return false };
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    let in_the_clear = uri.scheme_str() == Some("http");
    host(uri) == host(&base)
        && (!in_the_clear || (uri.scheme(), uri.port_u16()) == (base.scheme(), base.port_u16()))
}

#[cfg(test)]
mod tests {
    use tokend_proto::v1::{self, AcquireTokenResponse};

    use super::*;

    fn token(hosts: &[&str], base_url: &str) -> Token {
        let hosts = hosts.iter().map(|&host| host.to_owned()).collect();
        let token = v1::Token { hosts, base_url: base_url.to_owned(), ..v1::Token::default() };
        AcquireTokenResponse { token: Some(token), ..Default::default() }.try_into().unwrap()
    }

    #[test]
    fn a_host_covers_itself_and_with_a_dot_what_is_below() {
        for (allowed, host, expected) in [
            ("git.example", "git.example", true),
            ("git.example", "Git.EXAMPLE", true),
            ("GIT.example", "git.example", true),
            ("git.example", "evil-git.example", false),
            ("git.example", "git.example.evil.example", false),
            ("git.example", "git.example.", false),
            ("git.example", "a.git.example", false),
            (".git.example", "a.git.example", true),
            (".Git.example", "a.b.git.example", true),
            (".git.example", "git.example", false),
            (".git.example", "evilgit.example", false),
            ("", "git.example", false),
        ] {
            assert_eq!(covers(allowed, host), expected, "{allowed} {host}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for host in ["localhost", "LocalHost", "127.0.0.1", "127.9.9.9", "[::1]", "::1"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example", "127.0.0.1.example", "127.1", "[::2]", "0.0.0.0", ""] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_token_is_for_its_hosts_and_for_where_the_api_is() {
        let hosts = &["api.example.com", ".example.org", "127.0.0.1"][..];
        let (https, http) = ("https://api.example.com/v1", "http://127.0.0.1:8080/v1");
        for (hosts, base_url, uri, expected) in [
            (hosts, "", "https://API.example.com:8443/v1?x=1", true),
            (hosts, "", "https://a.b.example.org/", true),
            (hosts, "", "http://127.0.0.1:8080/", true),
            (hosts, "", "http://api.example.com/", false),
            (hosts, "", "ftp://api.example.com/", false),
            (hosts, "", "http://localhost/", false),
            (hosts, "", "/v1", false),
            (&[], https, "https://api.example.com:8443/v2", true),
            (&[], https, "http://api.example.com/v1", false),
            (&[], https, "https://b.example.com/v1", false),
            (&[], http, "http://127.0.0.1:8080/v2", true),
            (&[], http, "http://127.0.0.1:8081/v1", false),
            (&[], http, "https://127.0.0.1:8081/v1", true),
            (&[], "no url", "https://api.example.com/", false),
            (&[], "", "https://api.example.com/", false),
        ] {
            assert_eq!(token(hosts, base_url).is_for(&uri.parse().unwrap()), expected, "{uri}");
        }
    }
}
