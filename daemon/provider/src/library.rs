//! All provider definitions that a daemon knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::definition::{Definition, Source};
use crate::suggestion;

/// The definitions that are compiled in, by name.
const BUILT_IN: [(&str, &str); 5] = [
    ("causely", include_str!("../definitions/causely.toml")),
    ("fyma", include_str!("../definitions/fyma.toml")),
    ("iot-x", include_str!("../definitions/iot-x.toml")),
    ("oauth2-client-credentials", include_str!("../definitions/oauth2-client-credentials.toml")),
    ("toggle", include_str!("../definitions/toggle.toml")),
];

/// Provider definitions by name.
#[derive(Debug, Clone, Default)]
pub struct Library {
    definitions: BTreeMap<String, Arc<Definition>>,
}

impl Library {
    /// Returns the definitions that come with tokend.
    #[expect(clippy::missing_panics_doc, reason = "the texts are constants, and tests parse them")]
    pub fn built_in() -> Self {
        let mut library = Self::default();
        for (name, text) in BUILT_IN {
            let definition = Definition::parse(name, Source::BuiltIn, text);
            library.insert(definition.expect("built-in definitions are parsed by the tests"));
        }
        library
    }

    /// Adds a definition. It takes the place of one with the same name.
    pub fn insert(&mut self, definition: Definition) {
        self.definitions.insert(definition.name().to_owned(), Arc::new(definition));
    }

    /// Takes a definition out.
    pub fn remove(&mut self, name: &str) {
        self.definitions.remove(name);
    }

    /// Returns a definition by its name.
    pub fn get(&self, name: &str) -> Option<Arc<Definition>> {
        self.definitions.get(name).cloned()
    }

    /// Returns the name that a misspelt one was meant to be, if one is near.
    pub fn suggest(&self, name: &str) -> Option<&str> {
        suggestion::nearest(name, self.definitions.keys().map(String::as_str))
    }

    /// Iterates over the definitions in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.definitions.values()
    }
}

#[cfg(test)]
mod tests;
