//! Texts and bytes in other alphabets.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use minijinja::value::{Serde, ValueKind};
use minijinja::{Error, Value};

use super::{bytes, is_nothing, refused, text};
use crate::escape;

/// Takes base64 with and without its padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The filter `base64`: with padding (RFC 4648 §4).
pub(super) fn base64(value: &Value) -> Result<String, Error> {
    Ok(BASE64_STANDARD.encode(bytes(value)?))
}

/// The filter `base64url`: for URLs and without padding (RFC 4648 §5).
pub(super) fn base64url(value: &Value) -> Result<String, Error> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes(value)?))
}

/// The filter `base64_decode`, of either alphabet, padded or not, with breaks or not.
pub(super) fn base64_decode(value: &Value) -> Result<Value, Error> {
    let plain = |byte: &u8| match byte {
        b'-' => Some(b'+'),
        b'_' => Some(b'/'),
        _ => Some(*byte).filter(|byte| !byte.is_ascii_whitespace()),
    };
    let encoded: Vec<u8> = bytes(value)?.iter().filter_map(plain).collect();
    LENIENT.decode(encoded).map(readable).map_err(|_| refused("not base64"))
}

/// The filter `hex`, in lower case.
pub(super) fn hex(value: &Value) -> Result<String, Error> {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    Ok(bytes(value)?.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect())
}

/// The filter `hex_decode`.
pub(super) fn hex_decode(value: &Value) -> Result<Value, Error> {
    let text = text(value)?;
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    pairs.collect::<Option<_>>().map(readable).ok_or_else(|| refused("not hexadecimal"))
}

/// The filter `percent`, for any part of a URL (RFC 3986 §2.3).
pub(super) fn percent(value: &Value) -> Result<String, Error> {
    Ok(escape::percent(&text(value)?))
}

/// The filter `form`, as browsers encode a form's fields.
pub(super) fn form(value: &Value) -> Result<String, Error> {
    Ok(escape::form(&text(value)?))
}

/// The filter `xml`, for the text of an element or an attribute.
pub(super) fn xml(value: &Value) -> Result<String, Error> {
    escape::xml(&text(value)?).ok_or_else(|| refused("not a text that XML can carry"))
}

/// The filter `from_json`: the value that a JSON text stands for. No object in it has
/// a key twice.
pub(super) fn from_json(value: &Value) -> Result<Value, Error> {
    if is_nothing(value) {
        return Ok(Value::UNDEFINED);
    }
    let parsed = crate::answer::json::parse(&text(value)?);
    parsed.map(|value| Value::from(Serde(value))).map_err(|_| refused("not JSON"))
}

/// The filter `json`: the JSON text of any value.
pub(super) fn json(value: &Value) -> Result<String, Error> {
    // Bytes would turn into a list of numbers, which nobody means.
    if value.is_undefined() || value.kind() == ValueKind::Bytes {
        return Err(refused("not a value that JSON can carry"));
    }
    serde_json::to_string(value).map_err(|_| refused("not a value that JSON can carry"))
}

/// A text if the bytes are one.
fn readable(bytes: Vec<u8>) -> Value {
    String::from_utf8(bytes).map_or_else(|error| Value::from_bytes(error.into_bytes()), Value::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encoded_reads_back(bytes: Vec<u8>) {
            let value = Value::from_bytes(bytes.clone());
            for encoded in [base64(&value).unwrap(), base64url(&value).unwrap()] {
                let decoded = base64_decode(&Value::from(encoded)).unwrap();
                prop_assert_eq!(decoded.as_bytes(), Some(&*bytes));
            }
            let decoded = hex_decode(&Value::from(hex(&value).unwrap())).unwrap();
            prop_assert_eq!(decoded.as_bytes(), Some(&*bytes));
        }

        #[test]
        fn any_text_is_of_an_alphabet_or_not(text: String) {
            let value = Value::from(text);
            let _ = (base64_decode(&value), hex_decode(&value));
        }

        #[test]
        fn no_text_breaks_out_of_json(text: String, key: String, number: f64) {
            let value = Value::from_pairs([(key.clone(), Value::from(text.clone()))]);
            let read: serde_json::Value = serde_json::from_str(&json(&value).unwrap()).unwrap();
            prop_assert_eq!(read, serde_json::json!({ key: text }));
            prop_assert!(!json(&Value::from(text)).unwrap().contains(['\n', '\r']));
            let number = json(&Value::from(number)).unwrap();
            prop_assert!(serde_json::from_str::<serde_json::Value>(&number).is_ok());
        }
    }
}
