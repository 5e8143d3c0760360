//! What XML calls a character and a name.

/// Whether XML 1.0 §2.2 has such a character.
pub(crate) fn is_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Whether it is the name of an element or attribute: a name, or two with a colon
/// between them (Namespaces in XML 1.0 §4).
pub(crate) fn is_name(text: &str) -> bool {
    let (prefix, local) = text.split_once(':').unwrap_or(("x", text));
    is_plain(prefix) && is_plain(local)
}

/// Whether it is a name without a colon (XML 1.0 §2.3).
fn is_plain(text: &str) -> bool {
    text.starts_with(is_start) && text.chars().all(|c| is_start(c) || is_inside(c))
}

fn is_start(c: char) -> bool {
    matches!(c,
        'A'..='Z' | '_' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}'
        | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}'
        | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}'
        | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
        | '\u{10000}'..='\u{effff}')
}

fn is_inside(c: char) -> bool {
    matches!(c,
        '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_markup() {
        for name in ["a", "_a-1.b", "soap:Envelope", "Ünïcode", "xmlns:soap", "a·b"] {
            assert!(is_name(name), "{name}");
        }
        for text in ["", "1a", "-a", "a b", "a>", "a:b:c", ":a", "a:", "a/", "@a", "#text", "a="] {
            assert!(!is_name(text), "{text}");
        }
    }
}
