//! Finds what an expression calls, without its texts in quotes.

/// Tells whether a part of a list or a text is taken by its positions: `x[1:]`.
pub(super) fn has_slice(text: &str) -> bool {
    let mut open = Vec::new();
    for (_, character) in unquoted(text) {
        match character {
            '[' | '(' | '{' => open.push(character),
            ']' | ')' | '}' => drop(open.pop()),
            ':' if open.last() == Some(&'[') => return true,
            _ => {}
        }
    }
    false
}

/// Lists the filters: the names behind `|`.
pub(super) fn filters(text: &str) -> Vec<&str> {
    let bars = unquoted(text).filter(|(_, character)| *character == '|');
    bars.filter_map(|(position, _)| name(&text[position + 1..])).collect()
}

/// Lists the tests: the names behind `is` or `is not`.
pub(super) fn tests(text: &str) -> Vec<&str> {
    let starts = unquoted(text).filter(|(position, _)| {
        let (before, after) = text.split_at(*position);
        let inside = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        after.starts_with("is ") && !before.ends_with(inside)
    });
    starts
        .filter_map(|(position, _)| {
            let rest = text[position + 2..].trim_start();
            name(rest.strip_prefix("not ").unwrap_or(rest))
        })
        .collect()
}

/// Returns the name that a text starts with.
fn name(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    (end > 0).then(|| &text[..end])
}

/// Iterates over the characters outside quotes, with their positions.
fn unquoted(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quote = None;
    let mut escaped = false;
    text.char_indices().filter(move |(_, character)| {
        let Some(end) = quote else {
            quote = Some(*character).filter(|c| matches!(c, '"' | '\''));
            return quote.is_none();
        };
        if !escaped && *character == end {
            quote = None;
        }
        escaped = !escaped && *character == '\\';
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_told_from_other_colons() {
        for slice in ["secret.key[:8]", "a[ 1 : 2 ]", "b[x[0]:]", "'q' ~ a[:]"] {
            assert!(has_slice(slice), "{slice}");
        }
        for other in
            ["body['a:b']", "{'a': 1}['a']", "a[0]", "x | default(\"[:]\")", "'it\\'s [:]'"]
        {
            assert!(!has_slice(other), "{other}");
        }
    }

    #[test]
    fn filters_and_tests_are_found_outside_quotes() {
        let text =
            "body.a|upper | default('x | y is z') is not defined or this.is == 1 and q is none";
        assert_eq!(filters(text), ["upper", "default"]);
        assert_eq!(super::tests(text), ["defined", "none"]);
    }
}
