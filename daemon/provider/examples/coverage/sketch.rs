//! A definition in the making, with made-up inputs for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokend_provider::{AcceptedInputs, Definition, Inputs, Source};
use toml::{Table, Value};

use super::{credential, words};

/// A definition in the making.
#[derive(Debug, Clone)]
pub(crate) struct Sketch {
    file: Table,
    /// What has been declared, in this order: the name, its value, whether it is secret.
    inputs: Vec<(String, String, bool)>,
}

impl Sketch {
    pub(crate) fn new(title: &str) -> Self {
        let mut sketch = Self { file: Table::new(), inputs: Vec::new() };
        sketch.set(&["title"], if title.is_empty() { "API" } else { title });
        sketch
    }

    /// Sets a key, by the tables that lead to it.
    pub(crate) fn set(&mut self, path: &[&str], value: impl Into<Value>) {
        set(&mut self.file, path, value.into());
    }

    /// Sets a key, unless it is set.
    pub(crate) fn propose(&mut self, path: &[&str], value: impl Into<Value>) {
        if self.get(path).is_none() {
            self.set(path, value);
        }
    }

    /// Reads a key.
    pub(crate) fn get(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.file.get(*first)?, |value, key| value.get(*key))
    }

    /// Adds a table to an array of tables.
    pub(crate) fn push(&mut self, path: &[&str], table: Table) {
        let mut tables = match self.get(path) {
            Some(Value::Array(tables)) => tables.clone(),
            _ => Vec::new(),
        };
        tables.push(Value::Table(table));
        self.set(path, tables);
    }

    /// Declares what a row names, once, and returns how expressions call it.
    pub(crate) fn input(&mut self, text: &str) -> String {
        let is_secret = credential::is_secret(text);
        self.declare(text, is_secret, credential::made_up(text))
    }

    /// Declares a variable, whatever its name says: a part of a host can't be secret.
    pub(crate) fn variable(&mut self, text: &str) -> String {
        let text = if credential::is_secret(text) { "host" } else { text };
        self.declare(text, false, credential::made_up(text))
    }

    /// Declares a variable that is a URL.
    pub(crate) fn url(&mut self, text: &str) -> String {
        let name = words::name(text).unwrap_or_default();
        self.declare(&format!("{name}_url"), false, "https://made-up.example.com".to_owned())
    }

    /// Declares a secret with a value of this kind.
    pub(crate) fn secret(&mut self, text: &str, value: &str) -> String {
        self.declare(text, true, value.to_owned())
    }

    fn declare(&mut self, text: &str, is_secret: bool, value: String) -> String {
        let name = words::name(text).unwrap_or_else(|| "value".to_owned());
        if let Some((_, _, is_secret)) = self.inputs.iter().find(|(known, ..)| *known == name) {
            return reference(&name, *is_secret);
        }
        let table = if is_secret { "secrets" } else { "variables" };
        self.set(&[table, &name, "description"], text);
        self.inputs.push((name.clone(), value, is_secret));
        reference(&name, is_secret)
    }

    /// Gives an input another value.
    pub(crate) fn give(&mut self, reference: &str, value: &str) -> String {
        let name = reference.split_once('.').map_or(reference, |(_, name)| name);
        if let Some((_, known, _)) = self.inputs.iter_mut().find(|(known, ..)| known == name) {
            value.clone_into(known);
        }
        reference.to_owned()
    }

    /// Finds a declared input by what a row calls it.
    pub(crate) fn find(&self, text: &str) -> Option<String> {
        let wanted = squeezed(text);
        let same = |(name, ..): &&(String, String, bool)| squeezed(name) == wanted;
        let like = |(name, ..): &&(String, String, bool)| {
            let name = squeezed(name);
            !wanted.is_empty() && (name.ends_with(&wanted) || wanted.ends_with(&name))
        };
        let starts = |(name, ..): &&(String, String, bool)| squeezed(name).starts_with(&wanted);
        let found = self.inputs.iter().find(same);
        let found = found.or_else(|| self.inputs.iter().find(like));
        let found = found.or_else(|| self.inputs.iter().filter(|_| wanted.len() > 3).find(starts));
        found.map(|(name, _, is_secret)| reference(name, *is_secret))
    }

    /// Lists how expressions call what is secret, or what isn't.
    pub(crate) fn references(&self, secret: bool) -> Vec<String> {
        let inputs = self.inputs.iter().filter(|(.., is_secret)| *is_secret == secret);
        inputs.map(|(name, ..)| reference(name, secret)).collect()
    }

    /// The made-up value of what expressions call so.
    pub(crate) fn value(&self, reference: &str) -> Option<&str> {
        let (_, name) = reference.split_once('.')?;
        let found = self.inputs.iter().find(|(known, ..)| known == name);
        found.map(|(_, value, _)| value.as_str())
    }

    /// The definition as its author would write it.
    pub(crate) fn text(&self) -> String {
        toml::to_string(&self.file).unwrap_or_default()
    }

    /// Parses it and hands the inputs over.
    pub(crate) fn finish(&self) -> Result<(Arc<Definition>, Arc<AcceptedInputs>), String> {
        let source = Source::File("row.toml".into());
        let definition = Definition::parse("row", source, &self.text());
        let definition = definition.map_err(|error| error.to_string())?;
        let mut inputs = Inputs { variables: BTreeMap::new(), secrets: BTreeMap::new() };
        for (name, value, is_secret) in &self.inputs {
            if *is_secret {
                inputs.secrets.insert(name.clone(), value.as_str().into());
            } else {
                inputs.variables.insert(name.clone(), value.clone());
            }
        }
        let accepted = definition.accept(inputs).map_err(|error| error.to_string())?;
        Ok((Arc::new(definition), Arc::new(accepted)))
    }
}

/// Sets a key, by the tables that lead to it.
pub(crate) fn set(table: &mut Table, path: &[&str], value: Value) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        table.insert((*first).to_owned(), value);
        return;
    }
    let below = table.entry((*first).to_owned()).or_insert_with(|| Table::new().into());
    if let Value::Table(below) = below {
        set(below, rest, value);
    }
}

/// A template of one expression.
pub(crate) fn hole(expression: &str) -> String {
    format!("{{{{ {expression} }}}}")
}

fn reference(name: &str, is_secret: bool) -> String {
    format!("{}.{name}", if is_secret { "secret" } else { "var" })
}

fn squeezed(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}
