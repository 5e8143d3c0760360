//! The method of a request.

use http::Method;

use crate::definition::error::{Fault, Located};
use crate::definition::file::Text;
use crate::suggestion;
use crate::suggestion::Suggestion;

/// The methods that HTTP itself has for this (RFC 9110 §9, RFC 5789).
const USUAL: [Method; 6] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD];

/// Compiles `method`: any in capitals that isn't a usual one misspelt, and that
/// carries the request no further than its server.
pub(super) fn compile(text: &Text) -> Result<Method, Located> {
    let name = text.get_ref();
    let usual = || USUAL.iter().map(Method::as_str);
    let known = usual().any(|known| known == name);
    let is_word = !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
    let is_misspelt = !known && suggestion::nearest(name, usual()).is_some();
    match Method::from_bytes(name.as_bytes()) {
        Ok(method)
            if is_word && !is_misspelt && method != Method::CONNECT && method != Method::TRACE =>
        {
            Ok(method)
        }
        _ => {
            let value = name.clone();
            let suggestion = Suggestion::among(&value, usual());
            Err(Fault::UnknownValue { value, suggestion }.at(text.span()))
        }
    }
}
