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
