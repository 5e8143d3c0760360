//! Where a token may go.

use std::net::IpAddr;

use http::Uri;

use super::AttachError;
use crate::Token;

/// Checks that a token may go where a request goes: over https, or to this machine, and to
/// a host of its own. These are `hosts`, if the program has said so, else what tokend knows.
///
/// # Errors
/// [`AttachError::NoHost`], `Insecure`, `NotAHost` or `HostsUnknown`.
pub(super) fn check(uri: &Uri, hosts: Option<&[String]>, token: &Token) -> Result<(), AttachError> {
    let host = uri.host().ok_or(AttachError::NoHost)?.to_ascii_lowercase();
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if is_loopback(&host) => {}
        _ => return Err(AttachError::Insecure { host }),
    }
    let base = if hosts.is_some() { None } else { token.base_url() };
    let base = base.and_then(|url| url.parse::<Uri>().ok());
    let hosts = hosts.unwrap_or(token.hosts());
    if covers(hosts, &host) || base.as_ref().is_some_and(|base| is_below(uri, base)) {
        return Ok(());
    }
    let base = base.as_ref().and_then(Uri::host).map(str::to_owned);
    let hosts: Vec<_> = hosts.iter().cloned().chain(base).collect();
    Err(match hosts[..] {
        [] => AttachError::HostsUnknown,
        _ => AttachError::NotAHost { host, hosts },
    })
}

/// Tells whether a host is one of these; a leading dot stands for every subdomain.
fn covers(hosts: &[String], host: &str) -> bool {
    hosts.iter().any(|allowed| match allowed.strip_prefix('.') {
        Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
        None => allowed == host,
    })
}

/// Tells whether a URI is where the API is. On loopback the port tells whose server it is,
/// and https is for others.
fn is_below(uri: &Uri, base: &Uri) -> bool {
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    let is_same = host(uri) == host(base);
    let in_the_clear = uri.scheme_str() == Some("http");
    is_same && (!in_the_clear || (uri.scheme(), uri.port_u16()) == (base.scheme(), base.port_u16()))
}

fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attach::sample;

    fn why(uri: &str, hosts: &[&str], base_url: &str) -> String {
        let token = sample::token(|token| {
            token.hosts = hosts.iter().map(|&host| host.to_owned()).collect();
            base_url.clone_into(&mut token.base_url);
        });
        match check(&uri.parse().unwrap(), None, &token) {
            Ok(()) => "ok".to_owned(),
            Err(AttachError::NoHost) => "no host".to_owned(),
            Err(AttachError::Insecure { host }) => format!("insecure: {host}"),
            Err(AttachError::NotAHost { host, hosts }) => format!("{host} of {}", hosts.join(" ")),
            Err(AttachError::HostsUnknown) => "unknown".to_owned(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_token_goes_to_its_own_hosts_over_https_or_to_this_machine() {
        let hosts = &["api.example.com", ".example.org", "127.0.0.1", "[::1]", "localhost"];
        for (uri, expected) in [
            ("https://api.example.com/v1?x=1", "ok"),
            ("https://API.Example.COM:8443/", "ok"),
            ("https://a.b.example.org/", "ok"),
            ("http://127.0.0.1:8080/", "ok"),
            ("http://[::1]:8080/", "ok"),
            ("http://localhost/", "ok"),
            ("http://api.example.com/", "insecure: api.example.com"),
            ("ftp://api.example.com/", "insecure: api.example.com"),
            ("http://127.0.0.1.example.com/", "insecure: 127.0.0.1.example.com"),
            ("/v1", "no host"),
        ] {
            assert_eq!(why(uri, hosts, ""), expected, "{uri}");
        }
        for uri in [
            "https://example.com/",
            "https://example.org/",
            "https://evilexample.org/",
            "https://api.example.com.evil.example/",
            "https://api.example.com@evil.example/",
            "https://api.example.com./",
            "https://127.0.0.2/",
        ] {
            assert!(
                why(uri, hosts, "")
                    .ends_with(" of api.example.com .example.org 127.0.0.1 [::1] localhost"),
                "{uri}"
            );
        }
    }

    #[test]
    fn where_the_api_is_counts_as_a_host() {
        let (https, http) = ("https://api.example.com/v1", "http://127.0.0.1:8080/v1");
        for (uri, base_url, expected) in [
            ("https://api.example.com:8443/v2", https, "ok"),
            ("https://b.example.com/v1", https, "b.example.com of api.example.com"),
            ("http://127.0.0.1:8080/v2", http, "ok"),
            ("http://127.0.0.1:8081/v1", http, "127.0.0.1 of 127.0.0.1"),
            ("https://127.0.0.1:8081/v1", http, "ok"),
        ] {
            assert_eq!(why(uri, &[], base_url), expected, "{uri} below {base_url}");
        }
    }

    #[test]
    fn a_token_without_hosts_goes_nowhere_until_the_program_says_where() {
        assert_eq!(why("https://api.example.com/", &[], ""), "unknown");
        let token = sample::token(|token| token.hosts = vec!["old.example.com".to_owned()]);
        let hosts = ["api.example.com".to_owned()];
        let ask = |uri: &str| check(&uri.parse().unwrap(), Some(&hosts), &token);
        ask("https://api.example.com/").unwrap();
        // They are in the place of those that tokend knows.
        assert!(matches!(ask("https://old.example.com/"), Err(AttachError::NotAHost { .. })));
        assert!(matches!(ask("http://api.example.com/"), Err(AttachError::Insecure { .. })));
    }
}
