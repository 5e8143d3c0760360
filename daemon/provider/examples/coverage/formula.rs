//! Hashes and signatures as rows write them: `sha256hex(base64(id+date+secret))`.

use super::sketch::Sketch;
use super::words;

/// What digests are called, and the filter for each.
const DIGESTS: [(&str, &str); 5] = [
    ("sha512", "sha512"),
    ("sha384", "sha384"),
    ("sha256", "sha256"),
    ("sha1", "sha1"),
    ("md5", "md5"),
];

/// Reads a formula, and returns the expression for it; nothing, if there is none.
pub(crate) fn expression(text: &str, sketch: &mut Sketch) -> Option<String> {
    let text = text.split_once(": ").map_or(text, |(_, formula)| formula);
    let (open, close) = (text.find('(')?, text.rfind(')')?);
    let inside = text.get(open + 1..close)?;
    let call = text[..open].split([' ', '=']).next_back()?.to_ascii_lowercase().replace('-', "");
    let parts: Option<Vec<String>> =
        split(inside).into_iter().map(|part| operand(part, sketch)).collect();
    let operand = parts?.join(" ~ ");
    let operand = if operand.contains(" ~ ") { format!("({operand})") } else { operand };
    let then = |filter: &str| format!("({operand} | {filter})");
    let digest = DIGESTS.iter().find(|(name, _)| call.contains(name)).map(|(_, filter)| *filter);
    let is_hex = call.ends_with("hex") || words::has(&text[close..], r"\bhex");
    let made = match digest {
        Some(digest) if call.contains("hmac") => {
            let key = sketch.find("secret").or_else(|| sketch.references(true).pop());
            let key = key.unwrap_or_else(|| sketch.input("secret"));
            then(&format!("hmac_{digest}({key})"))
        }
        Some(digest) => then(digest),
        None if call.contains("base64url") => return Some(then("base64url")),
        None if call.contains("base64") => return Some(then("base64")),
        None => return None,
    };
    let is_base64 = words::has(&text[close..], "base64");
    Some(format!("({made} | {})", if is_hex || !is_base64 { "hex" } else { "base64" }))
}

/// A part: another formula, a moment, something random, or an input.
fn operand(text: &str, sketch: &mut Sketch) -> Option<String> {
    let text = text.trim();
    if text == ":" {
        return Some("':'".to_owned());
    }
    if text.contains('(') {
        return expression(text, sketch);
    }
    Some(match text {
        _ if words::has(text, r"(time|timestamp).*ms|millis") => "now_ms".to_owned(),
        _ if words::has(text, r"^(timestamp|time|now|ts)\b") => "now".to_owned(),
        _ if words::has(text, r"date|created") => "(now | date('rfc3339'))".to_owned(),
        _ if words::has(text, r"^nonce") => "nonce".to_owned(),
        _ if words::has(text, r"req.?id|uuid|guid") => "uuid".to_owned(),
        // Such as the version of a scheme.
        _ if words::has(text, r"^[a-z]\d$") => format!("'{text}'"),
        _ => match sketch.find(text) {
            Some(known) => known,
            None => sketch.input(text),
        },
    })
}

/// Splits what is joined by `+`, `:` or `,` outside of brackets; a colon is a part.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (position, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '+' | ':' | ',' if depth == 0 => {
                parts.push(&text[start..position]);
                if letter == ':' {
                    parts.push(&text[position..=position]);
                }
                start = position + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.into_iter().filter(|part| !part.trim().is_empty()).collect()
}
