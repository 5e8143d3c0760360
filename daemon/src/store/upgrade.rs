//! A copy of the store from before its schema was upgraded, to go back to the tokend before.
//!
//! It holds what is removed or replaced later. So it goes as soon as a person removes or replaces
//! something or gives the store other keys, and else at the first start after a week.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::Connection;
use tokend_core::{Random, after};
use tracing::{info, warn};

use super::{
    OpenError, Store,
    copy::{self, COPY, Draft, remove},
    directory::Directory,
    error::full,
    residue::cut_off,
    schema,
};

/// What its name begins with; the version follows that it was upgraded to.
pub(super) const BEFORE: &str = "tokend.db.before-v";

/// Whoever is to go back has noticed by then.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Where the version of a schema is in a database (`PRAGMA user_version`,
/// <https://sqlite.org/fileformat2.html#user_version_number>).
const VERSION: u64 = 60;

/// Copies the store beside itself if its schema is about to be upgraded to this version. Returns
/// where the copy is, if there is one.
///
/// # Errors
///
/// Fails if there is no room for it. Nothing has changed.
pub(super) fn keep(
    connection: &Connection,
    file: &File,
    directory: &Directory,
    to: i64,
) -> Result<Option<PathBuf>, OpenError> {
    let database = directory.database();
    let from = schema::version(connection).map_err(|error| OpenError::sqlite(&database, error))?;
    let kept = database.with_file_name(format!("{BEFORE}{to}"));
    let io = |error| OpenError::uncopied(&kept, error);
    let there = version(&kept).map_err(io)?;
    if from >= to {
        return Ok(there.map(|_| kept));
    }
    // After an upgrade that was interrupted, the store before it is there already.
    if there.is_none_or(|there| there >= from) {
        // What is in the log may take room in the database, too.
        cut_off(connection).map_err(|error| {
            if full(&error) {
                OpenError::NoRoom { path: kept.clone() }
            } else {
                OpenError::sqlite(&database, error)
            }
        })?;
        let draft = database.with_file_name(format!("{COPY}before"));
        let mut draft = Draft::new(draft).map_err(io)?;
        copy::copy_file(file, &mut draft.file).map_err(io)?;
        draft.keep_as(&kept).map_err(io)?;
    }
    info!(copy = %kept.display(), from, to, "the store is upgraded, and was copied before");
    Ok(Some(kept))
}

/// Removes copies of earlier upgrades.
pub(super) fn forget_earlier(directory: &Directory, kept: Option<&Path>) -> io::Result<()> {
    for entry in fs::read_dir(directory.path())? {
        let entry = entry?;
        let is_copy = entry.file_name().as_encoded_bytes().starts_with(BEFORE.as_bytes());
        if is_copy && Some(&*entry.path()) != kept {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Reads the version of a database's schema; `None` if there is none.
fn version(path: &Path) -> io::Result<Option<i64>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = [0; 4];
    file.read_exact_at(&mut bytes, VERSION)?;
    Ok(Some(u32::from_be_bytes(bytes).into()))
}

impl<R: Random> Store<R> {
    /// Removes the copy from before the upgrade: what it holds is to be in no file any more.
    pub(super) fn forget_before(&mut self) {
        let Some(path) = self.before.take() else { return };
        let removed = remove(&path).and_then(|()| File::open(self.directory.path())?.sync_all());
        match removed {
            Ok(()) => info!(copy = %path.display(), "removed the copy from before the upgrade"),
            Err(error) => {
                warn!(copy = %path.display(), %error,
                    "what was removed is still in the copy from before the upgrade: remove it");
                self.before = Some(path);
            }
        }
    }

    /// Removes it if it has been there for long.
    pub(super) fn outlive_before(&mut self, now: Timestamp) {
        let Some(path) = &self.before else { return };
        let made = fs::metadata(path).and_then(|metadata| metadata.modified());
        let made = made.ok().and_then(|time| Timestamp::try_from(time).ok());
        if made.is_some_and(|made| after(made, KEPT) < now) {
            self.forget_before();
        }
    }
}
