//! All provider definitions that a daemon knows.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::definition::{Definition, Source};
use crate::suggestion;

/// The definitions that are compiled in, by name.
const BUILT_IN: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/definitions.rs"));

/// Provider definitions by name.
#[derive(Debug, Clone, Default)]
pub struct Library {
    definitions: BTreeMap<String, Entry>,
}

/// A definition. Of the many that are compiled in a daemon needs few, so they are
/// parsed when they are first asked for.
#[derive(Debug, Clone)]
enum Entry {
    Parsed(Arc<Definition>),
    BuiltIn(Arc<BuiltIn>),
}

type BuiltIn = LazyLock<Arc<Definition>, Box<dyn FnOnce() -> Arc<Definition> + Send + Sync>>;

impl Library {
    /// Returns the definitions that come with tokend.
    #[expect(clippy::missing_panics_doc, reason = "the texts are constants, and tests parse them")]
    pub fn built_in() -> Self {
        let entries = BUILT_IN.iter().map(|&(name, text)| {
            let parse = move || {
                let definition = Definition::parse(name, Source::BuiltIn, text);
                Arc::new(definition.unwrap_or_else(|error| panic!("{name}, {error}")))
            };
            let entry = Entry::BuiltIn(Arc::new(LazyLock::new(Box::new(parse))));
            (name.to_owned(), entry)
        });
        Self { definitions: entries.collect() }
    }

    /// Adds a definition. It takes the place of one with the same name.
    pub fn insert(&mut self, definition: Definition) {
        let name = definition.name().to_owned();
        self.definitions.insert(name, Entry::Parsed(Arc::new(definition)));
    }

    /// Takes a definition out.
    pub fn remove(&mut self, name: &str) {
        self.definitions.remove(name);
    }

    /// Returns a definition by its name.
    pub fn get(&self, name: &str) -> Option<Arc<Definition>> {
        self.definitions.get(name).map(Entry::parsed).cloned()
    }

    /// Takes over what hasn't changed since another library was read, parsed or not. A
    /// definition is the same one afterwards, and not only an equal one, if it is as it was.
    pub fn keep(&mut self, before: &Self) {
        for (name, entry) in &mut self.definitions {
            if let Some(former) = before.definitions.get(name).filter(|it| entry.equals(it)) {
                *entry = former.clone();
            }
        }
    }

    /// Returns the names of definitions that this library has and another one hasn't, or has
    /// otherwise: after [`keep`](Self::keep), those that are new or have changed.
    pub fn differing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        let differs = |(name, entry): &(&String, &Entry)| {
            other.definitions.get(*name).is_none_or(|other| !entry.equals(other))
        };
        self.definitions.iter().filter(differs).map(|(name, _)| name.as_str())
    }

    /// Tells whether there is a definition of this name.
    pub fn has(&self, name: &str) -> bool {
        self.definitions.contains_key(name)
    }

    /// Returns the name that a misspelt one was meant to be, if one is near.
    pub fn suggest(&self, name: &str) -> Option<&str> {
        suggestion::nearest(name, self.definitions.keys().map(String::as_str))
    }

    /// Iterates over the definitions in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.definitions.values().map(Entry::parsed)
    }
}

impl Entry {
    /// Tells whether both come of the same place with the same text. What is compiled in is.
    fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::BuiltIn(_), Self::BuiltIn(_)) => true,
            (Self::Parsed(a), Self::Parsed(b)) => {
                Arc::ptr_eq(a, b) || a.source() == b.source() && a.text() == b.text()
            }
            _ => false,
        }
    }

    fn parsed(&self) -> &Arc<Definition> {
        match self {
            Self::Parsed(definition) => definition,
            Self::BuiltIn(definition) => definition,
        }
    }
}

#[cfg(test)]
mod tests;
