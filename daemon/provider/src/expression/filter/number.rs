//! Numbers of texts.

use minijinja::value::Kwargs;
use minijinja::{Error, State, Value, filters};

use super::is_nothing;

/// The filter `int`, of nothing nothing.
pub(super) fn int(
    state: &State<'_, '_>,
    value: &Value,
    default: Option<Value>,
    options: Kwargs,
) -> Result<Value, Error> {
    if stays_nothing(value, default.as_ref(), &options) {
        return Ok(Value::UNDEFINED);
    }
    filters::int(state, value, default, None, options)
}

/// The filter `float`, of nothing nothing.
pub(super) fn float(
    state: &State<'_, '_>,
    value: &Value,
    default: Option<Value>,
    options: Kwargs,
) -> Result<Value, Error> {
    if stays_nothing(value, default.as_ref(), &options) {
        return Ok(Value::UNDEFINED);
    }
    filters::float(state, value, default, options)
}

/// Jinja's own filters take what isn't there for zero: as a life that would be a
/// token that has expired.
fn stays_nothing(value: &Value, default: Option<&Value>, options: &Kwargs) -> bool {
    is_nothing(value) && default.is_none() && !options.has("default")
}
