//! How a row says that the API refuses a token.

use serde_json::{Value, json};
use tokend_provider::{BodyRule, Rejection as Rules};
use toml::Table;

use super::dimension::Mark;
use super::row::Row;
use super::sketch::{Sketch, set};
use super::trial::Trial;
use super::words;

/// Answers of the API that refuse the token.
#[derive(Debug, Clone)]
pub(crate) struct Rejection {
    refusals: Vec<Refusal>,
    is_said: bool,
}

#[derive(Debug, Clone)]
struct Refusal {
    status: u16,
    body: String,
}

impl Rejection {
    /// Writes them into `[rejected]`.
    pub(crate) fn write(row: &Row, sketch: &mut Sketch) -> Self {
        let mut rejection = Self { refusals: Vec::new(), is_said: true };
        let mut statuses = Vec::new();
        for text in &row.unauthorised {
            if !words::is_unknown(text) && !words::has(text, r"on login\b") {
                rejection.add(text, &mut statuses, sketch);
            }
        }
        if rejection.refusals.is_empty() {
            rejection.is_said = false;
            rejection.refusals.push(Refusal { status: 401, body: String::new() });
        } else {
            sketch.set(&["rejected", "statuses"], statuses);
        }
        rejection
    }

    fn add(&mut self, text: &str, statuses: &mut Vec<i64>, sketch: &mut Sketch) {
        let codes = text.split(['+', ' ', ',']).next().unwrap_or_default().split('|');
        let codes: Vec<u16> = codes.filter_map(|code| code.parse().ok()).collect();
        let codes: Vec<u16> = codes.into_iter().filter(|it| (100..600).contains(it)).collect();
        let said = text.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '|');
        let said = said.trim_start_matches(['+', ' ']);
        let Some((rule, body)) = rule(said, &codes) else {
            let plain = codes.iter().filter(|code| **code >= 300);
            for code in plain {
                statuses.push(i64::from(*code));
                self.refusals.push(Refusal { status: *code, body: String::new() });
            }
            return;
        };
        sketch.push(&["rejected", "body"], rule);
        let status = codes.first().copied().unwrap_or(200);
        self.refusals.push(Refusal { status, body });
    }

    /// Holds the rules to the answers.
    pub(crate) fn check(&self, trial: &Trial) -> Mark {
        let rules = trial.definition.rejection();
        if let Some(refusal) = self.refusals.iter().find(|it| !refuses(rules, it.status, &it.body))
        {
            return Mark::No(format!("an answer {} doesn't count as a refusal", refusal.status));
        }
        let success = json!({ "code": 0, "status": 0, "data": [], "result": "0000" }).to_string();
        if refuses(rules, 200, &success) {
            return Mark::No("a success counts as a refusal".to_owned());
        }
        Mark::of(self.is_said)
    }
}

/// What a text says of the body, as a rule, and a body of which it holds.
fn rule(said: &str, codes: &[u16]) -> Option<(Table, String)> {
    let mut rule = Table::new();
    let statuses: Vec<i64> = codes.iter().map(|code| i64::from(*code)).collect();
    if !statuses.is_empty() {
        set(&mut rule, &["statuses"], statuses.into());
    }
    let mut contains = |text: &str, body: String| {
        set(&mut rule, &["contains"], text.into());
        Some((rule.clone(), body))
    };
    if words::has(said, r"not json|html|login page") {
        return contains("<html", "<!DOCTYPE html><html></html>".to_owned());
    }
    if words::has(said, r"\bxml\b") {
        let word = words::capture(said, r"status (\w+)").unwrap_or("error");
        return contains(word, format!("<response status=\"{word}\"></response>"));
    }
    if let Some(quoted) = words::capture(said, r#"^(?:text )?['"]([^'"]+)['"]"#) {
        return contains(quoted, format!("{{\"message\": \"{quoted}\"}}"));
    }
    let path = words::capture(said, r"^((?:/?[\w*.-]+(?:\[\])?[/.]?)+)(?: |$|[!=]=)")
        .filter(|path| !words::has(path, r"^\d*$|^(body|when|invalid|missing|expired)$"));
    let path = path.filter(|path| {
        words::has(said, r"[!=]=|\bin \{|\||^\w*(code|status|error\w*)$")
            || path.contains(['/', '['])
            || said.split(' ').count() > 1
    });
    let (path, other) = match (path, words::capture(said, r"^body (.+)")) {
        (None, Some(body)) => return self::rule(body, codes).or_else(|| fallback(body, codes)),
        (None, None) if said.trim().is_empty() => return None,
        (None, None) if words::has(said, "^(when|\\()|missing") => return None,
        (None, None) => {
            let word = words::capture(said, r"\b([A-Z][A-Z0-9_]{3,}|\w*[a-z][A-Z]\w+|invalid_\w+)")
                .unwrap_or("error");
            return contains(word, json!({ "error": word }).to_string());
        }
        (Some(path), _) => (path, words::has(said, "!=")),
    };
    // A word in capitals is a code, and not where it stands.
    if words::capture(said, r"^([A-Z][A-Z0-9_]{3,})")
        .is_some_and(|it| it.chars().all(|c| !c.is_ascii_lowercase()))
    {
        let word = words::capture(said, r"^(\w+)").unwrap_or("error");
        return contains(word, json!({ "error": word }).to_string());
    }
    let path = path.replace("[]", ".*").replace('/', ".");
    let path = path.trim_matches('.');
    let behind = said.split_once([' ', '=', '!']).map_or("", |(_, rest)| rest);
    let values: Vec<String> = behind
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
        .filter(|word| !word.is_empty() && *word != "in")
        .map(str::to_owned)
        .collect();
    set(&mut rule, &["path"], path.into());
    let (key, values, shown) = match values {
        values if other => ("other_than", values, "999".to_owned()),
        values if values.is_empty() => ("other_than", vec!["0".to_owned()], "999".to_owned()),
        values => {
            let first = values[0].clone();
            ("values", values, first)
        }
    };
    set(&mut rule, &[key], values.into());
    Some((rule, body(path, &shown).to_string()))
}

/// A body that says something at a place that the row doesn't name.
fn fallback(said: &str, codes: &[u16]) -> Option<(Table, String)> {
    self::rule(&format!("{} != 0", said.split(' ').next()?), codes)
}

fn body(path: &str, value: &str) -> Value {
    path.rsplit('.').fold(json!(value), |inner, name| match name {
        "*" => json!([inner]),
        name if name.parse::<usize>().is_ok() => json!([inner]),
        name => json!({ name: inner }),
    })
}

/// Goes by the rules as a caller does.
fn refuses(rules: &Rules, status: u16, body: &str) -> bool {
    rules.statuses.contains(&status) || rules.body.iter().any(|rule| holds(rule, status, body))
}

fn holds(rule: &BodyRule, status: u16, body: &str) -> bool {
    if !rule.statuses.is_empty() && !rule.statuses.contains(&status) {
        return false;
    }
    if rule.path.is_empty() {
        return body.contains(&rule.contains);
    }
    let Ok(tree) = serde_json::from_str::<Value>(body) else { return false };
    let names: Vec<&str> = rule.path.split('.').collect();
    found(&tree, &names).iter().any(|text| {
        (rule.values.is_empty() || rule.values.contains(text))
            && !rule.other_than.contains(text)
            && text.contains(&rule.contains)
    })
}

fn found(tree: &Value, names: &[&str]) -> Vec<String> {
    let Some((first, rest)) = names.split_first() else {
        return match tree {
            Value::String(text) => vec![text.clone()],
            Value::Number(_) | Value::Bool(_) => vec![tree.to_string()],
            _ => Vec::new(),
        };
    };
    let all = |values: Vec<&Value>| values.into_iter().flat_map(|it| found(it, rest)).collect();
    match (tree, *first) {
        (Value::Array(values), "*") => all(values.iter().collect()),
        (Value::Object(entries), "*") => all(entries.values().collect()),
        (Value::Array(values), number) => {
            all(number.parse::<usize>().ok().and_then(|it| values.get(it)).into_iter().collect())
        }
        (tree, name) => tree.get(name).map(|it| found(it, rest)).unwrap_or_default(),
    }
}
