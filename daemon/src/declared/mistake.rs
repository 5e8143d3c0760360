//! What is wrong with a declaration, and where.

use std::{
    fmt::{Display, Formatter},
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use tokend_core::Name;

use crate::credential::Place;

/// A mistake in a file that declares credentials. The line itself isn't shown: someone may have
/// written a secret there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file, or the directory that can't be read.
    pub file: PathBuf,
    /// The line and the column in characters, both from 1, if it has a place.
    pub position: Option<(usize, usize)>,
    /// What is wrong and what to do, for people.
    pub message: String,
}

impl Mistake {
    /// Places a mistake at some bytes of a text.
    pub(super) fn at(file: &Path, text: &str, span: &Range<usize>, message: String) -> Self {
        Self { file: file.to_owned(), position: Some(position(text, span.start)), message }
    }

    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self { file: path.to_owned(), position: None, message: format!("can't be read: {error}") }
    }

    pub(super) fn twice(name: &Name, place: &Place, before: &Place) -> Self {
        Self {
            file: place.file.clone(),
            position: Some((place.line, 1)),
            message: format!("{name} is declared at {before} already: take one of them out"),
        }
    }
}

/// Returns line and column of a byte.
pub(super) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

impl Display for Mistake {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Self { file, position, message } = self;
        match position {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {message}", file.display()),
            None => write!(f, "{}: {message}", file.display()),
        }
    }
}
