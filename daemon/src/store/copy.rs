//! Copies of a store: made while it is in use, as it is sealed, and checked.
//!
//! Once the log is moved into the database, the database file doesn't change until that is done
//! again. So it is copied like any file, in slices between which the store writes into its log,
//! and whatever moves the log waits until the rest is copied.

use std::{
    fs::{self, File},
    io::{self, Seek, SeekFrom, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use rusqlite::Connection;
use tokend_core::{Random, StoreFailure};

use super::{
    DATABASE, Key, OpenError, Store, database, envelope,
    error::{WriteError, full},
    privacy,
    residue::cut_off,
    restore::{LOGS, beside},
    schema,
};
use crate::ports::{Contents, StoreCopy};

/// What the names of copies that are being made begin with, in the state directory.
pub(super) const COPY: &str = "tokend.db.copy-";

/// So much is copied at once: about a millisecond's work.
const SLICE: usize = 1 << 20;

/// SQLite's own default: so many pages of the log, and it is moved.
const MOVE_AT: u32 = 1_000;

/// A copy that is being made.
pub(super) struct Copying {
    draft: Draft,
    size: u64,
    done: u64,
    /// What went wrong.
    failed: Option<io::Error>,
}

/// A file that is removed unless it comes to something.
pub(super) struct Draft {
    pub(super) path: PathBuf,
    pub(super) file: File,
}

impl Draft {
    /// Makes an empty file that only its owner can open, in place of what was left of one.
    pub(super) fn new(path: PathBuf) -> io::Result<Self> {
        forget(&path)?;
        let file = privacy::create(&path)?;
        Ok(Self { path, file })
    }

    /// Gives it a name for good, and returns when that is on the disk.
    pub(super) fn keep_as(self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, path)?;
        File::open(path.parent().unwrap_or(path))?.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // The next start removes what can't be removed now.
        let _ = forget(&self.path);
    }
}

/// Removes a database and what SQLite keeps beside it.
fn forget(path: &Path) -> io::Result<()> {
    for log in LOGS {
        remove(&beside(path, log))?;
    }
    remove(path)
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Copying {
    /// Copies some more; tells whether all is copied, or can't be.
    fn go_on(&mut self, database: &File) -> bool {
        if self.failed.is_none() && self.done < self.size {
            match copy_slice(database, self.done, self.size, &mut self.draft.file) {
                Ok(length) => self.done += length,
                Err(error) => self.failed = Some(error),
            }
        }
        self.failed.is_some() || self.done == self.size
    }
}

/// Copies a slice from an offset on, and returns how long it is.
fn copy_slice(from: &File, at: u64, size: u64, to: &mut impl Write) -> io::Result<u64> {
    let left = usize::try_from(size - at).unwrap_or(SLICE).min(SLICE);
    let mut slice = vec![0; left];
    from.read_exact_at(&mut slice, at)?;
    to.write_all(&slice)?;
    Ok(left as u64)
}

/// Copies a database file whose log is empty.
pub(super) fn copy_file(from: &File, to: &mut impl Write) -> io::Result<u64> {
    let (size, mut done) = (from.metadata()?.len(), 0);
    while done < size {
        done += copy_slice(from, done, size, to)?;
    }
    Ok(size)
}

impl<R: Random> Store<R> {
    /// Begins to copy the store as it is now. From now on its log grows until that is done.
    ///
    /// # Errors
    ///
    /// Fails if there is no room for it.
    pub(super) fn begin_copy(&mut self) -> Result<(), StoreFailure> {
        self.end_copy();
        let sqlite = |error| WriteError::from(error).into_failure(&self.path);
        cut_off(&self.connection).map_err(sqlite)?;
        self.connection.pragma_update(None, "wal_autocheckpoint", 0).map_err(sqlite)?;
        self.copies += 1;
        let path = self.path.with_file_name(format!("{COPY}{}", self.copies));
        let begun = self.file.metadata().and_then(|metadata| {
            let draft = Draft::new(path.clone())?;
            Ok(Copying { draft, size: metadata.len(), done: 0, failed: None })
        });
        match begun {
            Ok(copying) => self.copying = Some(copying),
            Err(error) => {
                self.end_copy();
                return Err(failure(&path, &error));
            }
        }
        Ok(())
    }

    /// Tells whether a copy is being made.
    pub(super) fn is_copying(&self) -> bool {
        self.copying.is_some()
    }

    /// Copies a slice. Returns the whole once there is no more, or why there is none.
    pub(super) fn copy_more(&mut self) -> Option<Result<Copied, StoreFailure>> {
        if !self.copying.as_mut()?.go_on(&self.file) {
            return None;
        }
        let Copying { draft, failed, .. } = self.end_copy()?;
        Some(match failed {
            None => Ok(Copied(draft)),
            Some(error) => Err(failure(&draft.path, &error)),
        })
    }

    /// Copies all that is left: the log is about to be moved into the database.
    pub(super) fn hurry_copy(&mut self) {
        if let Some(copying) = &mut self.copying {
            while !copying.go_on(&self.file) {}
        }
    }

    /// Gives up what is being copied, if anything is.
    pub(super) fn end_copy(&mut self) -> Option<Copying> {
        if let Err(error) = self.connection.pragma_update(None, "wal_autocheckpoint", MOVE_AT) {
            tracing::warn!(%error, "the log isn't moved into the database by itself any more");
        }
        self.copying.take()
    }
}

/// A copy that is whole, if the store is.
pub(super) struct Copied(Draft);

impl Copied {
    /// Looks whether it is sound. It takes its time: all of it is read.
    ///
    /// # Errors
    ///
    /// Fails if the store is damaged.
    pub(super) fn check(self) -> Result<StoreCopy, StoreFailure> {
        let contents = inspect(&self.0.path).map_err(|error| unsound(&error))?;
        let io = |error| failure(&self.0.path, &error);
        let mut file = self.0.file.try_clone().map_err(io)?;
        let size = file.seek(SeekFrom::End(0)).map_err(io)?;
        file.rewind().map_err(io)?;
        // From now on it has no name, and goes with whoever reads it.
        Ok(StoreCopy { file, size, contents })
    }
}

/// Checks a database that no one else uses, and has it need no log: it is a file by itself.
pub(super) fn inspect(path: &Path) -> Result<Contents, OpenError> {
    let sqlite = |source| OpenError::sqlite(path, source);
    let connection = database::look(path)?;
    connection.set_db_config(database::KEEP_LOG, false).map_err(sqlite)?;
    connection
        .pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
        .map_err(sqlite)?;
    let contents = contents(&connection, path)?;
    connection.close().map_err(|(_, source)| sqlite(source))?;
    Ok(contents)
}

/// Checks a database and tells what is in it.
pub(super) fn contents(connection: &Connection, path: &Path) -> Result<Contents, OpenError> {
    let sqlite = |source| OpenError::sqlite(path, source);
    let text = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    let verdict = connection.query_row("PRAGMA integrity_check(1)", [], text).map_err(sqlite)?;
    if verdict != "ok" {
        return Err(OpenError::Unsound { path: path.to_owned(), reason: verdict });
    }
    let credentials = connection
        .query_row("SELECT count(*) FROM credentials", [], |row| row.get::<_, i64>(0))
        .map_err(sqlite)?;
    let label = envelope::label(connection, path)?;
    Ok(Contents {
        schema: schema::version(connection).map_err(sqlite)?,
        credentials: credentials.unsigned_abs(),
        key_id: Key::id_of(&label),
        is_derived: !matches!(Key::derivation_of(&label), Ok(None)),
    })
}

/// The name of the database in a backup's message.
pub(super) fn unsound(error: &OpenError) -> StoreFailure {
    match error {
        OpenError::Sqlite { path, source } if full(source) => {
            failure(path, &io::ErrorKind::StorageFull.into())
        }
        OpenError::Unsound { reason, .. } => {
            let message = format!("{DATABASE} is damaged, so no copy of it was made: {reason}");
            StoreFailure { full: false, message }
        }
        error => StoreFailure { full: false, message: chain(error) },
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn failure(path: &Path, error: &io::Error) -> StoreFailure {
    let full = error.kind() == io::ErrorKind::StorageFull;
    let message = if full {
        let directory = path.parent().unwrap_or(path).display();
        format!("no space left in {directory} for a copy of the store: free some and try again")
    } else {
        format!("can't make {}: {error}", path.display())
    };
    StoreFailure { full, message }
}
