//! Guesses which known name a misspelt one was meant to be.

use std::fmt;

/// No name that is known is longer, in bytes.
const LONGEST: usize = 64;

/// What to say after an unknown name; empty, or a text that starts with a comma.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Suggestion(String);

impl Suggestion {
    /// Suggests the nearest of the known names, else lists them.
    pub fn among<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        if let Some(meant) = nearest(name, known.iter().copied()) {
            return Self::of(meant);
        }
        match known.as_slice() {
            [] => Self::default(),
            [only] => Self(format!(", expected `{only}`")),
            _ => Self(format!(", expected one of `{}`", known.join("`, `"))),
        }
    }

    /// Says whatever follows the comma.
    pub(crate) fn saying(text: &str) -> Self {
        Self(format!(", {text}"))
    }

    /// Suggests to add a table to the definition.
    pub(crate) fn add(table: &str) -> Self {
        Self(format!(", add [{table}]"))
    }

    /// Suggests one name.
    pub(crate) fn of(name: &str) -> Self {
        Self(format!(", did you mean `{name}`?"))
    }
}

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns the known name that differs least, if it differs little enough to
/// be what was meant: by one character in three, and at least one.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nobody misspells a name by making it this long.
    if name.len() > LONGEST {
        return None;
    }
    let tolerance = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_nearest_name_or_lists_all() {
        let known = ["token_url", "token_type"];
        assert_eq!(Suggestion::among("tokn_url", known).to_string(), ", did you mean `token_url`?");
        assert_eq!(
            Suggestion::among("scope", known).to_string(),
            ", expected one of `token_url`, `token_type`"
        );
        assert_eq!(Suggestion::among("x", []).to_string(), "");
    }

    #[test]
    fn a_short_name_may_differ_by_one_character_only() {
        assert_eq!(nearest("ab", ["cd"]), None);
        assert_eq!(nearest("ab", ["ac"]), Some("ac"));
    }
}
