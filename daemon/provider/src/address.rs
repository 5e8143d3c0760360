//! Decides which URLs a secret may be sent to.

use thiserror::Error;
use url::{Host, Url};

/// Why a URL isn't one that a secret may be sent to. Never quotes the URL,
/// whose query can be secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AddressError {
    /// It doesn't parse.
    #[error("is not a URL ({0})")]
    Malformed(url::ParseError),
    /// It holds white space or control characters, which URL parsers drop.
    #[error("has white space or control characters in it")]
    Whitespace,
    /// Neither https nor loopback.
    #[error("must start with https:// (http:// is for loopback addresses only)")]
    Insecure,
    /// It carries a user name or password, which end up in logs.
    #[error("must not contain a user name or password")]
    UserInfo,
    /// It has a fragment, which is never sent.
    #[error("must not have a fragment (#..)")]
    Fragment,
}

/// Parses an absolute URL and checks that a secret may be sent there: https,
/// or http to a loopback address.
pub(crate) fn parse(text: &str) -> Result<Url, AddressError> {
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(AddressError::Whitespace);
    }
    let url = Url::parse(text).map_err(AddressError::Malformed)?;
    check(&url)?;
    Ok(url)
}

/// Parses the URL of a page that a person opens, which can have a fragment.
pub(crate) fn page(text: &str) -> Result<Url, AddressError> {
    let (base, fragment) = match text.split_once('#') {
        Some((base, fragment)) => (base, Some(fragment)),
        None => (text, None),
    };
    if fragment.is_some_and(|it| it.contains(|c: char| c.is_whitespace() || c.is_control())) {
        return Err(AddressError::Whitespace);
    }
    let mut url = parse(base)?;
    url.set_fragment(fragment);
    Ok(url)
}

fn check(url: &Url) -> Result<(), AddressError> {
    match url.scheme() {
        "https" => {}
        "http" if url.host().is_some_and(|host| is_loopback(&host)) => {}
        _ => return Err(AddressError::Insecure),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::UserInfo);
    }
    if url.fragment().is_some() {
        return Err(AddressError::Fragment);
    }
    Ok(())
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_over_https_or_to_loopback_only() {
        for good in [
            "https://auth.example/token",
            "https://[2001:db8::1]:8443/t?x=1",
            "http://127.0.0.1:8080/t",
            "http://127.9.9.9/t",
            "http://[::1]/t",
            "http://localhost:1/t",
            "HTTP://LOCALHOST/t",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("http://auth.example/token", AddressError::Insecure),
            ("http://localhost.example/", AddressError::Insecure),
            ("http://127.0.0.1.example/", AddressError::Insecure),
            ("http://128.0.0.1/", AddressError::Insecure),
            ("http://[::ffff:127.0.0.1]/", AddressError::Insecure),
            ("ftp://auth.example/", AddressError::Insecure),
            ("file:///etc/passwd", AddressError::Insecure),
            ("data:,x", AddressError::Insecure),
            ("https://u:p@auth.example/", AddressError::UserInfo),
            ("https://auth.example/#f", AddressError::Fragment),
            ("https://auth.exa\nmple/", AddressError::Whitespace),
            (" https://auth.example/", AddressError::Whitespace),
        ] {
            assert_eq!(parse(bad), Err(why), "{bad}");
        }
        assert!(matches!(parse("auth.example"), Err(AddressError::Malformed(_))));
    }
}
