//! What free text says, read leniently.

use regex_lite::{Captures, Regex};

/// Finds a pattern, whatever the case.
pub(crate) fn find<'t>(text: &'t str, pattern: &str) -> Option<Captures<'t>> {
    Regex::new(&format!("(?i){pattern}")).expect("the patterns are our own").captures(text)
}

/// Whether a pattern is in a text, whatever the case.
pub(crate) fn has(text: &str, pattern: &str) -> bool {
    find(text, pattern).is_some()
}

/// What the first group of a pattern finds.
pub(crate) fn capture<'t>(text: &'t str, pattern: &str) -> Option<&'t str> {
    find(text, pattern)?.get(1).map(|group| group.as_str())
}

/// Whether the text says that nobody knows.
pub(crate) fn is_unknown(text: &str) -> bool {
    text.is_empty() || has(text, r"^\W*(unknown|not (seen|given|known|documented)|n/?a|\?)")
}

/// A name that expressions can use, made of the text's start.
pub(crate) fn name(text: &str) -> Option<String> {
    let text = text.split(['(', '=', ':', ',']).next().unwrap_or_default().trim();
    let mut name = String::new();
    let mut was_lower = false;
    for letter in text.trim_end_matches('?').chars() {
        if letter.is_ascii_uppercase() && was_lower {
            name.push('_');
        }
        was_lower = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        name.push(if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' });
    }
    let name = name.trim_matches('_');
    match name.chars().next() {
        None => None,
        Some(first) if first.is_ascii_lowercase() => Some(name.to_owned()),
        Some(_) => Some(format!("x_{name}")),
    }
}

/// How many seconds a duration in the text has: `20 minutes`, `30 min`, `8h`, `a day`.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let unit = concat!(
        r"(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?",
        r"|h|hrs?|hours?|d|days?|weeks?|months?)\b",
    );
    let found = find(text, &format!(r"\b(\d[\d,]*|an?|one|per|each|every)?[ _-]?{unit}"))?;
    let count = found.get(1).map_or("1", |count| count.as_str()).replace(',', "");
    let count: u64 = count.parse().unwrap_or(1);
    let unit = found.get(2).map_or("", |unit| unit.as_str()).to_ascii_lowercase();
    Some(match unit.as_str() {
        "ms" | "millisecond" | "milliseconds" => count / 1000,
        unit if unit.starts_with("mo") => count * 30 * 86_400,
        unit if unit.starts_with('m') => count * 60,
        unit if unit.starts_with('h') => count * 3_600,
        unit if unit.starts_with('d') => count * 86_400,
        unit if unit.starts_with('w') => count * 7 * 86_400,
        _ => count,
    })
}

/// The alternatives of a text: those between `|`, ` or ` and `;`.
pub(crate) fn alternatives(text: &str) -> Vec<&str> {
    let pattern = Regex::new(r"\s*(?:\||;|\bor\b)\s*").expect("the pattern is our own");
    pattern.split(text).map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// The parts of a text that go together: those between `+` and `and`, and each that
/// starts with the kind of a place.
pub(crate) fn joined(text: &str) -> Vec<String> {
    let kinds = r"(json:|xml:|headers?[: ]|cookies?\b|query:|bearer\b|auth:|basic:|body:|text\b)";
    let before = Regex::new(&format!(r"(?i)\s*(?:,|\+|&|\band\b|\bplus\b)\s*{kinds}"));
    let marked = before.expect("the pattern is our own").replace_all(text, " + ${1}");
    let parts = marked.split(" + ").flat_map(|part| part.split(" and "));
    parts.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// The text without what is in round brackets.
pub(crate) fn plain(text: &str) -> String {
    let mut depth = 0_usize;
    let mut plain = String::new();
    for letter in text.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(letter),
            _ => {}
        }
    }
    plain.trim().to_owned()
}
