//! Parts of texts.

use minijinja::{Error, Value};
use regex_lite::RegexBuilder;

use super::{is_nothing, mistaken, text};

/// How long a pattern may be, in bytes. Longer ones nobody can read.
const LONGEST: usize = 500;

/// How much memory a compiled pattern may take, in bytes. Each byte of a text costs
/// time by it, a tenth of a second for a whole answer at the worst.
const LARGEST: usize = 16 * 1024;

/// How deep the groups of a pattern may be. Its compiler recurses.
const DEEPEST: u32 = 20;

/// The filter `capture`: the first group of a pattern in a text, or all that the
/// pattern finds if it has no group; nothing if it finds nothing.
pub(super) fn capture(value: &Value, pattern: &str) -> Result<Value, Error> {
    if pattern.len() > LONGEST {
        return Err(mistaken(format!("a pattern has at most {LONGEST} characters")));
    }
    let regex = RegexBuilder::new(pattern).size_limit(LARGEST).nest_limit(DEEPEST).build();
    let regex = regex.map_err(|error| mistaken(format!("not a pattern: {error}")))?;
    if is_nothing(value) {
        return Ok(Value::UNDEFINED);
    }
    let text = text(value)?;
    let found = regex.captures(&text).and_then(|found| {
        let group = usize::from(found.len() > 1);
        found.get(group).map(|found| Value::from(found.as_str()))
    });
    Ok(found.unwrap_or(Value::UNDEFINED))
}

/// The filter `without`: a text without a prefix, whose case doesn't matter, if it
/// starts with it.
pub(super) fn without(value: &Value, prefix: &str) -> Result<Value, Error> {
    if is_nothing(value) {
        return Ok(Value::UNDEFINED);
    }
    let text = text(value)?;
    let rest = text.split_at_checked(prefix.len());
    let rest = rest.filter(|(start, _)| start.eq_ignore_ascii_case(prefix));
    Ok(Value::from(rest.map_or(&*text, |(_, rest)| rest)))
}
