//! Where a row's requests go.

use super::row::Row;
use super::sketch::{Sketch, hole};
use super::words;

/// Where the request for the token goes, and how many go before it.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// A template.
    pub(crate) url: String,
    /// What stands in the row behind the question mark.
    pub(crate) query: Vec<(String, String)>,
    /// How many requests it takes.
    pub(crate) steps: usize,
}

impl Address {
    /// Reads it; what the row leaves open is an input.
    pub(crate) fn read(row: &Row, sketch: &mut Sketch) -> Self {
        let is_url = |word: &&str| word.starts_with("http") || word.starts_with(['/', '{']);
        // What stands in braces is one word.
        let (mut path, mut is_inside) = (String::new(), false);
        for letter in row.path.chars() {
            is_inside = letter == '{' || is_inside && letter != '}';
            path.push(if is_inside && letter == ' ' { '_' } else { letter });
        }
        let found = path.split_whitespace().find(is_url).unwrap_or_default();
        let (found, query) = found.split_once('?').unwrap_or((found, ""));
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let query = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let steps = steps(row);
        Self { url: template(found, steps, sketch), query, steps }
    }
}

/// How many requests a row speaks of; at most four are tried.
fn steps(row: &Row) -> usize {
    let said = words::capture(&row.path, r"\b(\d) (?:steps|calls|requests)")
        .or_else(|| words::capture(&row.token_at, r"after (\d) (?:steps|calls|requests)"));
    if let Some(count) = said.and_then(|count| count.parse().ok()) {
        return usize::clamp(count, 1, 4);
    }
    if words::has(&row.path, r"\bloop\b") {
        return 3;
    }
    let arrows = row.path.matches("->").count();
    let is_two = words::has(&row.path, r"\b(after|then)\b") || words::has(&row.grant, r"\bthen\b");
    (1 + arrows).max(if is_two { 2 } else { 1 }).min(4)
}

fn template(found: &str, steps: usize, sketch: &mut Sketch) -> String {
    let mut url = String::new();
    let mut rest = found.trim_end_matches([',', ';']);
    if let Some((scheme, path)) = rest.split_once("://")
        && !scheme.contains('/')
    {
        url.push_str("https://");
        rest = path;
    }
    while let Some((before, behind)) = rest.split_once('{') {
        let (name, after) = behind.split_once('}').unwrap_or((behind, ""));
        url.push_str(before);
        let is_base = url.is_empty();
        let is_host = url.ends_with("//") && after.starts_with(['/', '.', ':']) || url.is_empty();
        if is_base && name.contains('.') && steps > 1 {
            // An earlier answer tells it.
            url.push_str(&hole("steps.step1.body.told_url"));
            sketch.set(&["http", "allow_hosts"], vec!["told.example.com"]);
        } else if is_base {
            url.push_str(&hole(&sketch.url(name)));
        } else if is_host {
            url.push_str(&hole(&sketch.variable(&format!("{name} name"))));
        } else {
            let known = sketch.find(name);
            url.push_str(&hole(&known.unwrap_or_else(|| sketch.input(name))));
        }
        rest = after;
    }
    url.push_str(rest);
    url.retain(|letter| !matches!(letter, '<' | '>' | '"' | '\\' | '^' | '`'));
    match url {
        url if url.is_empty() => "https://auth.example.com/token".to_owned(),
        url if url.starts_with('/') => format!("https://auth.example.com{url}"),
        url => url,
    }
}
