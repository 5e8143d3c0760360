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

/// Returns the filter that is applied last, if the whole expression is one value and
/// filters behind it.
pub(super) fn last_filter(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    let mut start = 0;
    let mut parts = Vec::new();
    for (position, character) in unquoted(text) {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '|' if depth == 0 => {
                parts.push(&text[start..position]);
                start = position + 1;
            }
            _ => {}
        }
    }
    let last = text[start..].trim();
    let (first, others) = parts.split_first()?;
    let is_filter = |part: &str| {
        let rest = name(part).map(|name| part.trim_start()[name.len()..].trim());
        rest.is_some_and(|rest| rest.is_empty() || is_enclosed(rest))
    };
    let is_plain =
        |value: &str| value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.[]'".contains(&b));
    let first = first.trim();
    let is_value = is_plain(first) || is_enclosed(first);
    (is_value && others.iter().copied().chain([last]).all(is_filter)).then(|| name(last))?
}

/// Whether one pair of parentheses is around all of a text.
fn is_enclosed(text: &str) -> bool {
    let mut depth = 0_usize;
    let mut closed_at = None;
    for (position, character) in unquoted(text) {
        match character {
            '(' => depth += 1,
            ')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    closed_at.get_or_insert(position);
                }
            }
            _ => {}
        }
    }
    text.starts_with('(') && closed_at == Some(text.len() - 1)
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
    fn the_last_filter_counts_only_if_it_makes_the_whole_value() {
        for (text, filter) in [
            ("var.a | xml", "xml"),
            ("var.a|upper | json", "json"),
            ("(var.a ~ '|x') | default('b | c') | base64", "base64"),
            ("steps.a.body['x'] | replace('(', '|') | hex", "hex"),
        ] {
            assert_eq!(last_filter(text), Some(filter), "{text}");
        }
        for text in [
            "var.a",
            "var.a ~ var.b | xml",
            "var.a | upper or var.b | xml",
            "var.a | xml ~ var.b",
            "(var.a) ~ (var.b) | xml",
            "var.a | xml if var.b else var.c | xml",
            "'a' ~ 'b' | xml",
        ] {
            assert_eq!(last_filter(text), None, "{text}");
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
