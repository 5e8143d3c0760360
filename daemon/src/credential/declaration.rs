//! A credential as a file says that it is to be, with what its references hold.

use std::{
    collections::BTreeMap,
    fmt::{Display, Formatter},
    path::PathBuf,
};

use secrecy::SecretString;
use tokend_core::{Name, Policy};
use tokend_provider::Limit;

use super::{Reader, Source};

/// A credential as it is to be.
#[derive(Debug, Clone)]
pub struct Declared {
    /// Its name.
    pub name: Name,
    /// The name of its provider definition.
    pub provider: String,
    /// The definition's variables, all that are to be set.
    pub variables: BTreeMap<String, String>,
    /// The definition's secrets that the file speaks of. Others that are there stay.
    pub secrets: BTreeMap<String, Supplied>,
    /// Who may read its tokens, and nobody else.
    pub readers: Vec<Reader>,
    /// Who may submit newer tokens.
    pub submitters: Vec<Reader>,
    /// Who may have the token replaced now.
    pub refreshers: Vec<Reader>,
    /// When its tokens are refreshed ahead of their end.
    pub policy: Policy,
    /// Limits on issuances beside those of the definition.
    pub limits: Vec<Limit>,
    /// The file that it stays bound to; `None` if it was applied once, and is changed by hand
    /// from then on.
    pub place: Option<Place>,
}

/// What a reference holds.
#[derive(Debug, Clone)]
pub enum Supplied {
    /// This, by now.
    Read {
        /// The secret.
        secret: SecretString,
        /// Where the daemon looks for it from now on.
        source: Option<Source>,
        /// What refers to it, for people.
        from: String,
    },
    /// What the daemon has already, by minding the same place.
    Minded,
    /// Nothing that can be read now.
    Unreadable {
        /// Where the daemon looks for it from now on.
        source: Option<Source>,
        /// Why, and what to do, for people.
        problem: String,
    },
}

/// Where in a file something is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}
