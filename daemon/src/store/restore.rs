//! Brings a copy of a store back, in the place of the one that is there.
//!
//! It is made ready aside: checked, brought up to date, and noted as restored, whatever the marks
//! say. Then the present store is copied, and the new one is moved over it. Whenever that is
//! interrupted, there is one store, whole: the one before or the restored one.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, ErrorCode};
use tokend_core::Random;

use super::{
    Key, Lock, OpenError,
    copy::{self, COPY, Draft},
    database,
    directory::Directory,
    envelope::{self, Vault},
    mark::Marks,
    residue::cut_off,
    restoration, schema,
};
use crate::ports::Contents;

/// What the names of stores begin with that others took the place of.
pub(super) const REPLACED: &str = "tokend.db.replaced-";

/// What SQLite keeps beside a database.
pub(super) const LOGS: [&str; 2] = ["-wal", "-journal"];

/// A copy of a store that is sound and lies beside the store, which no other process uses.
pub struct Staged {
    draft: Draft,
    contents: Contents,
    // It goes last.
    directory: Directory,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What is in the store now.
    pub contents: Contents,
    /// Where the one is that was there before, if there was one.
    pub kept: Option<PathBuf>,
}

/// How far it has come: what a crash then leaves is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The copy says that it was restored.
    Noted,
    /// The store before has another name as well.
    Kept,
    /// What was its log has another name.
    Cleared,
    /// The copy is the store.
    Placed,
}

impl Staged {
    /// Takes a copy of a store into `directory`, and checks it.
    ///
    /// # Errors
    ///
    /// Fails if another process uses the store there; if what is read is no store, was written by
    /// a newer tokend or is damaged; and if there is no room for it. Nothing has changed.
    pub fn take(directory: &Path, backup: &mut impl Read) -> Result<Self, OpenError> {
        let directory = Directory::claim(directory)?;
        directory.clear()?;
        let path = directory.draft();
        let io = |source| OpenError::io(&path, source);
        let mut draft = Draft::new(path.clone()).map_err(io)?;
        io::copy(backup, &mut draft.file).map_err(io)?;
        let contents = copy::inspect(&path)?;
        Ok(Self { draft, contents, directory })
    }

    /// Returns what is in it.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Returns what a passphrase is tried against.
    ///
    /// # Errors
    ///
    /// Fails if its key comes of none.
    pub fn lock(&self) -> Result<Lock, OpenError> {
        envelope::lock(&database::look(&self.draft.path)?, &self.draft.path)
    }

    /// Puts it in the place of the store that is there, which is kept under a name with `time` in
    /// it. The next start treats it as restored: see [`Store::open`](super::Store::open).
    ///
    /// # Errors
    ///
    /// Fails if the key doesn't fit, or a file can't be written. The store is the one before,
    /// unless all that is missing is the mark, which the next start writes.
    pub fn place(
        self,
        elsewhere: Option<&Path>,
        key: &Key,
        random: impl Random,
        time: &str,
    ) -> Result<Restored, OpenError> {
        self.place_by_steps(elsewhere, key, random, time, |_| ())
    }

    pub(super) fn place_by_steps(
        self,
        elsewhere: Option<&Path>,
        key: &Key,
        mut random: impl Random,
        time: &str,
        mut after: impl FnMut(Step),
    ) -> Result<Restored, OpenError> {
        let Self { draft, contents, directory } = self;
        let path = draft.path.clone();
        let sqlite = |source| OpenError::sqlite(&path, source);
        let mut marks = Marks::new(directory.path(), elsewhere);
        let mut connection = database::look(&path)?;
        connection.set_db_config(database::KEEP_LOG, false).map_err(sqlite)?;
        let vault = Vault::open(&connection, key, &path)?;
        schema::migrate(&mut connection, schema::STEPS).map_err(sqlite)?;
        let marked = marks.read(&vault).map_err(|error| OpenError::io(&path, error))?;
        let reached = restoration::note(&mut connection, &vault, &mut random, marked, &path)?;
        connection.close().map_err(|(_, source)| sqlite(source))?;
        after(Step::Noted);

        let database = directory.database();
        let io = |source| OpenError::io(&database, source);
        let kept = match File::open(&database) {
            Ok(file) => Some(keep(&file, &database, time)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io(error)),
        };
        after(Step::Kept);
        // What is left of a log would be taken for the new store's.
        let aside = kept.clone();
        let aside = aside.unwrap_or_else(|| database.with_file_name(format!("{REPLACED}{time}")));
        for log in LOGS {
            match fs::rename(beside(&database, log), beside(&aside, log)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
                _ => {}
            }
        }
        after(Step::Cleared);
        draft.keep_as(&database).map_err(io)?;
        after(Step::Placed);
        marks.write(&vault, reached).map_err(io)?;
        Ok(Restored { contents, kept })
    }
}

/// Copies the present store, if it can be with all that is in its log.
fn keep(file: &File, database: &Path, time: &str) -> Result<PathBuf, OpenError> {
    let io = |source| OpenError::io(database, source);
    match database::connect(database).and_then(move_log) {
        // One that is damaged is kept as it is, its log beside it.
        Err(error) if is_damage(&error) => {}
        moved => moved.map_err(|source| OpenError::sqlite(database, source))?,
    }
    let mut draft = Draft::new(database.with_file_name(format!("{COPY}kept"))).map_err(io)?;
    copy::copy_file(file, &mut draft.file).map_err(io)?;
    let names = (1..).map(|number| match number {
        1 => format!("{REPLACED}{time}"),
        number => format!("{REPLACED}{time}-{number}"),
    });
    let mut paths = names.map(|name| database.with_file_name(name));
    let path = paths.find(|path| path.symlink_metadata().is_err()).expect("there are many names");
    draft.keep_as(&path).map_err(io)?;
    Ok(path)
}

/// Returns the path of what SQLite keeps beside a database.
pub(super) fn beside(database: &Path, log: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(log);
    name.into()
}

fn move_log(connection: Connection) -> rusqlite::Result<()> {
    // What a crash has left of a transaction goes first.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    cut_off(&connection)?;
    connection.set_db_config(database::KEEP_LOG, false)?;
    connection.close().map_err(|(_, error)| error)
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}
