//! Where a token may go.

use http::Uri;

use super::AttachError;
use crate::{Token, host};

/// Checks that a token may go where a request goes: over https, or to this machine, and to
/// a host of its own. These are `hosts`, if the program has said so, else what tokend knows.
///
/// # Errors
/// [`AttachError::NoHost`], `Insecure`, `NotAHost` or `HostsUnknown`.
pub(super) fn check(uri: &Uri, hosts: Option<&[String]>, token: &Token) -> Result<(), AttachError> {
    let host = uri.host().ok_or(AttachError::NoHost)?.to_ascii_lowercase();
    if !host::is_private(uri) {
        return Err(AttachError::Insecure { host });
    }
    let may_go = match hosts {
        Some(hosts) => hosts.iter().any(|allowed| host::covers(allowed, &host)),
        None => token.is_for(uri),
    };
    if may_go {
        return Ok(());
    }
    let base = token.base_url().filter(|_| hosts.is_none()).and_then(|url| url.parse::<Uri>().ok());
    let base = base.as_ref().and_then(Uri::host).map(str::to_owned);
    let hosts: Vec<_> = hosts.unwrap_or(token.hosts()).iter().cloned().chain(base).collect();
    Err(match hosts[..] {
        [] => AttachError::HostsUnknown,
        _ => AttachError::NotAHost { host, hosts },
    })
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
        let hosts = ["API.example.com".to_owned()];
        let ask = |uri: &str| check(&uri.parse().unwrap(), Some(&hosts), &token);
        ask("https://api.example.com/").unwrap();
        // They are in the place of those that tokend knows.
        assert!(matches!(ask("https://old.example.com/"), Err(AttachError::NotAHost { .. })));
        assert!(matches!(ask("http://api.example.com/"), Err(AttachError::Insecure { .. })));
    }
}
