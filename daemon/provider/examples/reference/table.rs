//! The tables of a definition, found in its schema.

use std::collections::VecDeque;

use serde_json::{Map, Value};

/// A table: where it can stand, and what it has.
pub(crate) struct Table {
    /// Where it can stand, as in TOML, in marks.
    pub(crate) paths: Vec<String>,
    /// What it is.
    pub(crate) description: String,
    /// Its keys: first those that are needed, then by name.
    pub(crate) rows: Vec<Row>,
    /// By which name the schema knows it; the whole definition has none.
    reference: Option<String>,
}

/// A key of a table.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) is: String,
    pub(crate) needed: bool,
}

/// What stands at a key.
enum Place<'a> {
    One(&'a str),
    Many(&'a str),
    OneOrMany(&'a str),
    Named(&'a str),
    Value,
}

/// Lists the tables, those near the top first.
pub(crate) fn tables(schema: &Value) -> Vec<Table> {
    let mut tables = vec![read(schema, "The top of the file".to_owned(), None)];
    let mut open = VecDeque::from([(String::new(), schema)]);
    while let Some((path, table)) = open.pop_front() {
        for (name, property) in properties(table) {
            let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let (reference, paths, below) = match place(property) {
                Place::One(reference) => (reference, vec![format!("`[{below}]`")], below),
                Place::Many(reference) => (reference, vec![format!("`[[{below}]]`")], below),
                Place::OneOrMany(reference) => {
                    (reference, vec![format!("`[{below}]`"), format!("`[[{below}]]`")], below)
                }
                Place::Named(reference) => {
                    let below = format!("{below}.X");
                    (reference, vec![format!("`[{below}]`")], below)
                }
                Place::Value => continue,
            };
            let Some((reference, found)) = resolve(schema, reference) else { continue };
            if found.get("properties").is_none() {
                continue;
            }
            let known = tables.iter_mut().find(|it| it.reference.as_deref() == Some(reference));
            if let Some(known) = known {
                known.paths.extend(paths);
                continue;
            }
            let mut table = read(found, String::new(), Some(reference.to_owned()));
            table.paths = paths;
            tables.push(table);
            open.push_back((below, found));
        }
    }
    for row in tables.iter_mut().flat_map(|table| &mut table.rows) {
        let Some((_, found)) = resolve(schema, &row.kind) else { continue };
        let (kind, is) = told(found);
        if !is.is_empty() {
            row.is = format!("{} {is}", row.is);
        }
        row.kind = kind;
    }
    tables
}

fn read(table: &Value, path: String, reference: Option<String>) -> Table {
    let required = table["required"].as_array().map_or(&[][..], Vec::as_slice);
    let mut rows: Vec<Row> = properties(table)
        .map(|(name, property)| Row {
            name: name.clone(),
            kind: kind(property),
            is: is(property),
            needed: required.iter().any(|it| it == name),
        })
        .collect();
    rows.sort_by(|a, b| (!a.needed, &a.name).cmp(&(!b.needed, &b.name)));
    let description = table["description"].as_str().unwrap_or_default().to_owned();
    Table { paths: vec![path], description, rows, reference }
}

fn properties(table: &Value) -> impl Iterator<Item = (&String, &Value)> {
    table["properties"].as_object().into_iter().flat_map(Map::iter)
}

/// Follows a reference to what isn't another one.
fn resolve<'a>(schema: &'a Value, reference: &'a str) -> Option<(&'a str, &'a Value)> {
    let found = schema.pointer(reference.strip_prefix('#')?)?;
    // One table or several of them: what they have is the same.
    match found["anyOf"][0]["$ref"].as_str() {
        Some(inner) if inner != reference => resolve(schema, inner),
        _ => Some((reference, found)),
    }
}

fn place(property: &Value) -> Place<'_> {
    if let Some(reference) = property["$ref"].as_str() {
        let several = reference.ends_with("/Requests");
        return if several { Place::OneOrMany(reference) } else { Place::One(reference) };
    }
    if let Some(reference) = property["items"]["$ref"].as_str() {
        return Place::Many(reference);
    }
    match property["additionalProperties"]["$ref"].as_str() {
        Some(reference) => Place::Named(reference),
        None => Place::Value,
    }
}

/// What a key's value is; a reference, if the schema tells that elsewhere.
fn kind(property: &Value) -> String {
    match place(property) {
        Place::OneOrMany(_) => "table or tables".to_owned(),
        Place::One(reference) => reference.to_owned(),
        Place::Many(_) => "tables".to_owned(),
        Place::Named(_) => "tables by name".to_owned(),
        Place::Value => plain(property),
    }
}

fn plain(property: &Value) -> String {
    let named = |name: &Value| match name.as_str() {
        Some("object") => "table",
        Some("array") => "list",
        Some("string") => "string",
        Some("integer") => "integer",
        Some("number") => "float",
        Some("boolean") => "boolean",
        _ => "any",
    };
    match &property["type"] {
        Value::Array(kinds) if kinds.len() > 3 => "any".to_owned(),
        Value::Array(kinds) => kinds.iter().map(named).collect::<Vec<_>>().join(" or "),
        name if name == "array" => format!("list of {}", plural(&plain(&property["items"]))),
        name if name == "object" && property["additionalProperties"].is_object() => {
            format!("table of {}", plural(&plain(&property["additionalProperties"])))
        }
        name => named(name).to_owned(),
    }
}

fn plural(kind: &str) -> String {
    if kind == "any" { "anything".to_owned() } else { format!("{kind}s") }
}

fn is(property: &Value) -> String {
    let is = property["description"].as_str().unwrap_or_default();
    match &property["default"] {
        // That something isn't the case unless it is said needs no saying.
        Value::Null | Value::Bool(false) | Value::Object(_) | Value::Array(_) => is.to_owned(),
        default => format!("{is} `{default}` if left out."),
    }
}

/// What the schema tells elsewhere: a table, or one of several words.
fn told(choices: &Value) -> (String, String) {
    let words: Vec<(&str, &str)> = choices["oneOf"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|choice| Some((choice["const"].as_str()?, choice["description"].as_str()?)))
        .collect();
    if words.is_empty() {
        return ("table".to_owned(), String::new());
    }
    let kind: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
    let is: Vec<String> =
        words.iter().map(|(word, is)| format!("`{word}`: {}", is.trim_end_matches('.'))).collect();
    (kind.join(", "), format!("{}.", is.join("; ")))
}
