//! Parts of URLs.

use minijinja::{Error, Value};
use url::Url;

use super::{is_nothing, refused, text};

/// The filter `host`: the host name of a URL.
pub(super) fn host(text: &str) -> Result<String, Error> {
    let url = Url::parse(text).ok();
    let host = url.as_ref().and_then(Url::host_str);
    host.map(str::to_owned).ok_or_else(|| refused("not a URL"))
}

/// The filter `param`: a parameter in the query or else in the fragment of a URL,
/// or in a bare query; nothing if it isn't there. The first of several counts.
pub(super) fn param(value: &Value, name: &str) -> Result<Value, Error> {
    if is_nothing(value) {
        return Ok(Value::UNDEFINED);
    }
    let text = text(value)?;
    let (before, fragment) = text.split_once('#').unwrap_or((&text, ""));
    let pairs = [query(before), fragment];
    let mut pairs = pairs.iter().flat_map(|it| url::form_urlencoded::parse(it.as_bytes()));
    let found = pairs.find(|(key, _)| key == name);
    Ok(found.map_or(Value::UNDEFINED, |(_, value)| Value::from(value)))
}

/// The query of a URL, be it relative, or the text itself if it is no URL.
fn query(text: &str) -> &str {
    let (start, query) = text.split_once('?').unwrap_or((text, ""));
    let is_bare = start.contains('=') && !start.contains("://") && !start.starts_with('/');
    if is_bare { text } else { query }
}

/// The filter `openid_configuration`: where an issuer has its metadata (OpenID Connect
/// Discovery 1.0 §4.1).
pub(super) fn openid_configuration(issuer: &Value) -> Result<String, Error> {
    let issuer = text(issuer)?;
    Ok(format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')))
}

/// The filter `authorization_server_metadata`: where an issuer has its metadata
/// (RFC 8414 §3.1).
pub(super) fn authorization_server_metadata(issuer: &Value) -> Result<String, Error> {
    let issuer = text(issuer)?;
    let mut url = Url::parse(&issuer).map_err(|_| refused("not a URL"))?;
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_in_queries_and_fragments() {
        for text in [
            "https://acme.example/cb?code=a%20b",
            "https://acme.example/x=y?n=1&code=a+b&code=c#code=d",
            "https://acme.example/cb#access_token=t&code=a+b",
            "/cb?code=a+b",
            "?code=a+b",
            "code=a+b",
            "next=/?x&code=a+b",
            "#code=a+b",
        ] {
            assert_eq!(param(&Value::from(text), "code").unwrap(), Value::from("a b"), "{text}");
        }
        for text in ["", "code", "https://acme.example/code=1", "/code=1", "https://h?Code=1"] {
            assert!(param(&Value::from(text), "code").unwrap().is_undefined(), "{text}");
        }
        assert!(param(&Value::from(vec![1]), "code").is_err());
    }
}
