//! Puts a token into the head of a request, and takes it out again.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Uri, header::COOKIE, request::Parts,
    uri::PathAndQuery,
};
use secrecy::{ExposeSecret as _, zeroize::Zeroizing};

use super::AttachError;
use crate::{Placement, Target, Token};

/// Puts a token where its placements say. What the request has in the same place, a header,
/// a cookie or a query parameter of the same name, gives way.
///
/// # Errors
/// [`AttachError::Uri`] if the token makes the query one that no URI can have.
pub(super) fn put(parts: &mut Parts, token: &Token) -> Result<(), AttachError> {
    let names = placements(token, &parts.method).filter_map(Placement::header);
    for name in names.filter(|name| *name != COOKIE) {
        parts.headers.remove(name);
    }
    let mut cookies = Vec::new();
    for placement in placements(token, &parts.method) {
        let value = placement.value().expose_secret();
        match placement.target() {
            Target::Header(_) => match placement.header() {
                // What is there are cookies of others, too.
                Some(COOKIE) => cookies.extend(crumbs(value).map(pair)),
                Some(name) => _ = parts.headers.append(name, sensitive(value)?),
                None => {}
            },
            Target::Cookie(name) => cookies.push((name.as_str(), value)),
            Target::Query(name) => parts.uri = with_parameter(&parts.uri, name, value)?,
            Target::Body(_) => {}
        }
    }
    if !cookies.is_empty() {
        set_cookies(&mut parts.headers, &cookies)?;
    }
    Ok(())
}

/// Takes a token out of a request that doesn't go where the token may go: what has a
/// placement's name and its value.
///
/// # Errors
/// As of [`put`].
pub(super) fn withdraw(parts: &mut Parts, token: &Token) -> Result<(), AttachError> {
    for placement in token.placements() {
        let secret = placement.value().expose_secret();
        match placement.target() {
            Target::Header(_) => {
                let Some(name) = placement.header() else { continue };
                if name == COOKIE {
                    let ours: Vec<_> = crumbs(secret).map(pair).collect();
                    remove_cookies(&mut parts.headers, |pair| ours.contains(&pair))?;
                    continue;
                }
                let values = parts.headers.get_all(&name).iter();
                let (gone, kept): (Vec<_>, Vec<_>) =
                    values.cloned().partition(|value| value.as_bytes() == secret.as_bytes());
                if !gone.is_empty() {
                    parts.headers.remove(&name);
                    for value in kept {
                        parts.headers.append(&name, value);
                    }
                }
            }
            Target::Cookie(name) => {
                let is_ours = |(own, value): (&str, &str)| own == name && value == secret;
                remove_cookies(&mut parts.headers, is_ours)?;
            }
            Target::Query(name) => {
                let is_ours = |own: &str, value: &str| own == name && value == secret;
                parts.uri = without_parameters(&parts.uri, is_ours, None)?;
            }
            Target::Body(_) => {}
        }
    }
    Ok(())
}

/// Takes out what stays behind when an API's answer leads away from its origin: the token,
/// where the answer repeats it, and the headers that it goes into, whatever the program has
/// put there.
///
/// # Errors
/// As of [`put`].
#[cfg(feature = "reqwest")]
pub(super) fn leave_behind(parts: &mut Parts, token: &Token) -> Result<(), AttachError> {
    withdraw(parts, token)?;
    for name in token.placements().iter().filter_map(Placement::header) {
        parts.headers.remove(name);
    }
    Ok(())
}

/// Returns the placements that apply to requests of this method.
pub(super) fn placements<'a>(
    token: &'a Token,
    method: &Method,
) -> impl Iterator<Item = &'a Placement> {
    let writes = ![Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
    token.placements().iter().filter(move |placement| writes || !placement.writes_only())
}

impl Placement {
    fn header(&self) -> Option<HeaderName> {
        match self.target() {
            Target::Header(name) => HeaderName::from_bytes(name.as_bytes()).ok(),
            Target::Query(_) | Target::Cookie(_) | Target::Body(_) => None,
        }
    }
}

fn sensitive(text: &str) -> Result<HeaderValue, AttachError> {
    let mut value = HeaderValue::from_str(text).map_err(|error| AttachError::Uri(error.into()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Sets cookies beside others', in one header (RFC 6265 §5.4).
fn set_cookies(headers: &mut HeaderMap, own: &[(&str, &str)]) -> Result<(), AttachError> {
    remove_cookies(headers, |(name, _)| own.iter().any(|(own, _)| *own == name))?;
    let mut all = Zeroizing::new(cookies(headers).join("; "));
    for (name, value) in own {
        let before = if all.is_empty() { "" } else { "; " };
        all.extend([before, name, "=", value]);
    }
    headers.insert(COOKIE, sensitive(&all)?);
    Ok(())
}

fn remove_cookies(
    headers: &mut HeaderMap,
    is_to_go: impl Fn((&str, &str)) -> bool,
) -> Result<(), AttachError> {
    let before = cookies(headers);
    let kept = before.iter().flat_map(|text| crumbs(text)).filter(|crumb| !is_to_go(pair(crumb)));
    let kept = kept.collect::<Vec<_>>().join("; ");
    headers.remove(COOKIE);
    if !kept.is_empty() {
        headers.insert(COOKIE, sensitive(&kept)?);
    }
    Ok(())
}

/// Returns the cookie headers' texts. Cookies that aren't text go.
fn cookies(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    values.filter_map(|value| std::str::from_utf8(value).ok()).map(str::to_owned).collect()
}

fn crumbs(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim).filter(|crumb| !crumb.is_empty())
}

fn pair(crumb: &str) -> (&str, &str) {
    crumb.split_once('=').unwrap_or((crumb, ""))
}

fn with_parameter(uri: &Uri, name: &str, value: &str) -> Result<Uri, AttachError> {
    let own = form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
    let own = Zeroizing::new(own);
    without_parameters(uri, |other, _| other == name, Some(&own))
}

/// Returns a URI whose query has some parameters less and perhaps one more; what stays is as
/// it was written.
fn without_parameters(
    uri: &Uri,
    is_to_go: impl Fn(&str, &str) -> bool,
    own: Option<&str>,
) -> Result<Uri, AttachError> {
    let is_kept = |text: &&str| {
        let pair = form_urlencoded::parse(text.as_bytes()).next();
        !pair.is_some_and(|(name, value)| is_to_go(&name, &value))
    };
    let before = uri.query().into_iter().flat_map(|query| query.split('&'));
    let kept = before.filter(|text| !text.is_empty()).filter(is_kept);
    let query = Zeroizing::new(kept.chain(own).collect::<Vec<_>>().join("&"));
    let mark = if query.is_empty() { "" } else { "?" };
    let text = Zeroizing::new([uri.path(), mark, &query].concat());
    let mut parts = uri.clone().into_parts();
    let path = PathAndQuery::try_from(text.as_str());
    parts.path_and_query = Some(path.map_err(|error| AttachError::Uri(error.into()))?);
    Uri::from_parts(parts).map_err(|error| AttachError::Uri(error.into()))
}

#[cfg(test)]
mod tests;
