//! Reads credentials that files declare, for `credentials.d` and for `tokend-cli apply`.

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod mistake;
mod parse;
mod reference;
mod resolve;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use tokend_core::{Name, Policy};
use tokend_provider::{Library, Limit};

pub use self::{
    mistake::Mistake,
    parse::{Manner, parse},
    reference::Reference,
    resolve::{Surroundings, resolve},
};
use crate::credential::{Place, Reader};

/// A credential as a file declares it.
#[derive(Debug, Clone)]
pub struct Declaration {
    /// Its name.
    pub name: Name,
    /// The name of its provider definition.
    pub provider: String,
    /// The definition's variables.
    pub variables: BTreeMap<String, String>,
    /// Where the definition's secrets are, by name.
    pub secrets: BTreeMap<String, Reference>,
    /// Who may read its tokens.
    pub readers: Vec<Reader>,
    /// Who may submit newer ones.
    pub submitters: Vec<Reader>,
    /// Who may have them replaced now.
    pub refreshers: Vec<Reader>,
    /// When its tokens are refreshed ahead of their end.
    pub policy: Policy,
    /// Limits on issuances beside those of the definition.
    pub limits: Vec<Limit>,
    /// Where it stands.
    pub place: Place,
}

/// Reads all files `*.toml` of some directories, in the order of their names. Users and groups
/// are looked up, which can wait for the network.
///
/// # Errors
/// Returns all mistakes of all files. Then nothing that they declare is to be taken up.
pub fn read(directories: &[PathBuf], library: &Library) -> Result<Vec<Declaration>, Vec<Mistake>> {
    let (mut all, mut mistakes) = (Vec::new(), Vec::new());
    for directory in directories {
        match files(directory) {
            Ok(files) => {
                for file in files {
                    match fs::read_to_string(&file) {
                        Ok(text) => match parse(&file, &text, library, Manner::Bound) {
                            Ok(declarations) => all.extend(declarations),
                            Err(more) => mistakes.extend(more),
                        },
                        Err(error) => mistakes.push(Mistake::unreadable(&file, &error)),
                    }
                }
            }
            Err(error) => mistakes.push(Mistake::unreadable(directory, &error)),
        }
    }
    let mut places = BTreeMap::new();
    for Declaration { name, place, .. } in &all {
        if let Some(before) = places.insert(name, place) {
            mistakes.push(Mistake::twice(name, place, before));
        }
    }
    if mistakes.is_empty() { Ok(all) } else { Err(mistakes) }
}

/// Lists the files `*.toml` of a directory in the order of their names, but for editors' own,
/// which begin with a dot. One that isn't there has none.
fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let is_file = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        !name.starts_with(b".") && path.extension().is_some_and(|extension| extension == "toml")
    };
    let mut files: Vec<PathBuf> = paths.into_iter().filter(is_file).collect();
    files.sort();
    Ok(files)
}
