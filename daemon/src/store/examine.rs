//! Looks at a store that nothing uses, and leaves it as it is.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    Key, OpenError, copy, database, directory::Directory, envelope::Vault, restore::REPLACED,
    upgrade::BEFORE,
};
use crate::ports::Contents;

/// Checks the store in `directory`, and whether `key` opens it, if one is given.
///
/// # Errors
///
/// Says what would keep a daemon from opening it.
pub fn examine(directory: &Path, key: Option<&Key>) -> Result<Contents, OpenError> {
    let directory = Directory::claim(directory)?;
    let path = directory.database();
    database::check(&path)?;
    directory.check_files()?;
    let connection = database::look(&path)?;
    let contents = copy::contents(&connection, &path)?;
    if let Some(key) = key {
        Vault::open(&connection, key, &path)?;
    }
    Ok(contents)
}

/// Lists the copies of stores that restorations and upgrades have left beside the store.
pub fn leftovers(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let is_copy = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        name.is_some_and(|name| name.starts_with(REPLACED) || name.starts_with(BEFORE))
    };
    let mut found: Vec<_> = entries.map(|entry| entry.path()).filter(is_copy).collect();
    found.sort();
    found
}
