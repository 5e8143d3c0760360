//! Names and values of headers that a definition may set.

use http::{HeaderName, HeaderValue};

use crate::definition::error::{Fault, Located};
use crate::definition::file::Text;

/// Parses the name of a header that a definition may set.
pub(crate) fn name(text: &Text) -> Result<HeaderName, Located> {
    let fault = |fault: fn(String) -> Fault| fault(text.get_ref().clone()).at(text.span());
    let name: HeaderName = text.get_ref().parse().map_err(|_| fault(Fault::HeaderName))?;
    // These frame the message; a wrong one smuggles a second request.
    match name.as_str() {
        "host" | "content-length" | "transfer-encoding" | "connection" | "upgrade" | "te"
        | "trailer" | "expect" => Err(fault(Fault::ReservedHeader)),
        _ => Ok(name),
    }
}

/// Makes a value of printable ASCII; others mean different things to different
/// servers (RFC 9110 §5.5).
pub(crate) fn value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(text).ok().filter(|_| text.is_ascii())
}

/// Checks the name of a cookie: a token, as a header's is (RFC 6265 §4.1.1).
pub(crate) fn cookie(name: &Text) -> Result<&str, Located> {
    let text = name.get_ref().as_str();
    match text.parse::<HeaderName>() {
        Ok(_) => Ok(text),
        Err(_) => Err(Fault::CookieName(text.to_owned()).at(name.span())),
    }
}

/// Whether a text is made of the `cookie-octet` of RFC 6265 §4.1.1.
pub(crate) fn is_cookie_value(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte))
}
