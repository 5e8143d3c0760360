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

/// Whether a text is a `cookie-value` of RFC 6265 §4.1.1, which can be in quotes: some
/// servers set it so, and take it back no other way.
pub(crate) fn is_cookie_value(text: &str) -> bool {
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    quoted.unwrap_or(text).bytes().all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_can_be_in_quotes_and_carries_nothing_that_ends_it() {
        for good in ["", "a", "\"a\"", "\"\"", "a=b=="] {
            assert!(is_cookie_value(good), "{good}");
        }
        for bad in ["\"", "\"a", "a\"b", "a;b", "a, b", "a b", "\"a b\"", "a\\b", "a\r\nb", "é"] {
            assert!(!is_cookie_value(bad), "{bad}");
        }
    }
}
