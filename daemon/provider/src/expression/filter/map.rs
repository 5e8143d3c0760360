//! Parts of maps.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::{is_nothing, refused, text};

/// The filter `cookie`: a map of cookies as the header `Cookie` wants it, and of no
/// cookies nothing (RFC 6265 §4.2.1).
pub(super) fn cookie(map: &Value) -> Result<Value, Error> {
    let mut cookies = String::new();
    for name in keys(map)? {
        let key = text(&name)?;
        let value = map.get_item(&name)?;
        let value = text(&value)?;
        // Servers send more than the RFC lets them, quotes above all, and want it back.
        // What would begin another cookie or header can't be sent.
        let is_name = !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic() && b != b'=');
        let is_value = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if !is_name || !is_value || key.contains(';') || value.contains(';') {
            return Err(refused("not a cookie"));
        }
        if !cookies.is_empty() {
            cookies.push_str("; ");
        }
        cookies.push_str(&key);
        cookies.push('=');
        cookies.push_str(&value);
    }
    Ok(if cookies.is_empty() { Value::UNDEFINED } else { Value::from(cookies) })
}

/// The filter `starting`: the value of the first key that starts with a prefix,
/// nothing if there is none.
pub(super) fn starting(map: &Value, prefix: &str) -> Result<Value, Error> {
    if is_nothing(map) {
        return Ok(Value::UNDEFINED);
    }
    let found =
        keys(map)?.into_iter().find(|key| key.as_str().is_some_and(|key| key.starts_with(prefix)));
    found.map_or(Ok(Value::UNDEFINED), |key| map.get_item(&key))
}

fn keys(map: &Value) -> Result<Vec<Value>, Error> {
    if map.kind() != ValueKind::Map {
        return Err(refused("not a map"));
    }
    Ok(map.try_iter()?.collect())
}
