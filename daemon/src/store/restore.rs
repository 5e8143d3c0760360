//! Brings a copy of a store back, in the place of the one that is there.
//!
//! It is made ready aside: checked, brought up to date, and noted as restored, whatever the marks
//! say. With the name that it is given then it is decided: whoever takes the state directory next
//! keeps the store that is there under another name and moves the new one over it. Whenever that
//! is interrupted, there is one store, whole, and it is gone on with.

use std::{
    fs::{self, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rusqlite::Connection;
use tokend_core::Random;
use tracing::info;

use super::{
    Key, Lock, OpenError,
    copy::{self, COPY, Draft},
    database,
    directory::Directory,
    envelope::{self, Vault},
    mark::Marks,
    privacy,
    residue::cut_off,
    restoration, schema,
};
use crate::ports::Contents;

/// What the names of stores begin with that others took the place of.
pub(super) const REPLACED: &str = "tokend.db.replaced-";

/// What is to take the place of the store as soon as no one uses that.
pub(super) const RESTORED: &str = "tokend.db.restored";

/// What SQLite keeps beside a database.
pub(super) const LOGS: [&str; 2] = ["-wal", "-journal"];

/// A copy of a store that is sound and lies in a state directory, beside the store if there is
/// one.
pub struct Candidate {
    draft: Draft,
    contents: Contents,
    directory: PathBuf,
}

/// A candidate in a state directory that no other process uses.
pub struct Staged {
    candidate: Candidate,
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
    /// It has the name by which it is known as the next store.
    Decided,
    /// The store before has another name as well.
    Kept,
    /// What was its log has another name.
    Cleared,
    /// The copy is the store.
    Placed,
}

impl Candidate {
    /// Takes a copy of a store into a state directory that is this process's, and checks it.
    ///
    /// # Errors
    ///
    /// Fails if what is read is no store, was written by a newer tokend or is damaged; and if
    /// there is no room for it. Nothing has changed.
    pub fn take(directory: &Path, backup: &mut (impl Read + ?Sized)) -> Result<Self, OpenError> {
        // The next start removes what a crash leaves of it.
        let path = directory.join(format!("{COPY}restored"));
        let io = |source| OpenError::io(&path, source);
        let mut draft = Draft::new(path.clone()).map_err(io)?;
        io::copy(backup, &mut draft.file).map_err(io)?;
        let contents = copy::inspect(&path)?;
        Ok(Self { draft, contents, directory: directory.to_owned() })
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

    /// Brings it up to date and notes in it that it was restored.
    ///
    /// # Errors
    ///
    /// Fails if the key doesn't fit, or the disk is full.
    pub fn note(
        &self,
        elsewhere: Option<&Path>,
        key: &Key,
        mut random: impl Random,
    ) -> Result<(), OpenError> {
        let path = &self.draft.path;
        let sqlite = |source| OpenError::sqlite(path, source);
        let mut connection = database::look(path)?;
        connection.set_db_config(database::KEEP_LOG, false).map_err(sqlite)?;
        let vault = Vault::open(&connection, key, path)?;
        schema::migrate(&mut connection, schema::STEPS).map_err(sqlite)?;
        let marked = Marks::new(&self.directory, elsewhere).read(&vault);
        let marked = marked.map_err(|error| OpenError::io(path, error))?;
        restoration::note(&mut connection, &vault, &mut random, marked, path)?;
        connection.close().map_err(|(_, source)| sqlite(source))
    }

    /// Has it take the place of the store as soon as someone takes the directory: it is done by
    /// then, or it was never wanted. Returns what is in it once that is on the disk.
    ///
    /// # Errors
    ///
    /// Fails if it can't be written.
    pub fn decide(self) -> Result<Contents, OpenError> {
        let path = self.directory.join(RESTORED);
        self.draft.keep_as(&path).map_err(|source| OpenError::io(&path, source))?;
        Ok(self.contents)
    }
}

impl Staged {
    /// Takes a copy of a store into `directory`, and checks it.
    ///
    /// # Errors
    ///
    /// Fails if another process uses the store there; and as [`Candidate::take`].
    pub fn take(directory: &Path, backup: &mut impl Read) -> Result<Self, OpenError> {
        let directory = Directory::claim(directory)?;
        directory.clear()?;
        complete(&directory)?;
        let candidate = Candidate::take(directory.path(), backup)?;
        Ok(Self { candidate, directory })
    }

    /// Returns what is in it.
    pub fn contents(&self) -> &Contents {
        self.candidate.contents()
    }

    /// Returns what a passphrase is tried against.
    ///
    /// # Errors
    ///
    /// Fails if its key comes of none.
    pub fn lock(&self) -> Result<Lock, OpenError> {
        self.candidate.lock()
    }

    /// Puts it in the place of the store that is there, which is kept under a name with the time
    /// in it. The next start treats it as restored: see [`Store::open`](super::Store::open).
    ///
    /// # Errors
    ///
    /// Fails if the key doesn't fit, or a file can't be written. The store is the one before, or,
    /// if it was decided already, the next start goes on with it.
    pub fn place(
        self,
        elsewhere: Option<&Path>,
        key: &Key,
        random: impl Random,
    ) -> Result<Restored, OpenError> {
        self.place_by_steps(elsewhere, key, random, |_| ())
    }

    pub(super) fn place_by_steps(
        self,
        elsewhere: Option<&Path>,
        key: &Key,
        random: impl Random,
        mut after: impl FnMut(Step),
    ) -> Result<Restored, OpenError> {
        let Self { candidate, directory } = self;
        candidate.note(elsewhere, key, random)?;
        after(Step::Noted);
        let contents = candidate.decide()?;
        after(Step::Decided);
        let kept = complete_by_steps(&directory, after)?;
        Ok(Restored { contents, kept })
    }
}

/// Puts the store in its place that is to be there, if one was decided on. Returns where the one
/// before is, if there was one.
///
/// # Errors
///
/// Fails if a file can't be moved. The store is the one or the other.
pub(super) fn complete(directory: &Directory) -> Result<Option<PathBuf>, OpenError> {
    complete_by_steps(directory, |_| ())
}

fn complete_by_steps(
    directory: &Directory,
    mut after: impl FnMut(Step),
) -> Result<Option<PathBuf>, OpenError> {
    let restored = directory.path().join(RESTORED);
    let io = |source| OpenError::io(&restored, source);
    let Some(metadata) = look(&restored).map_err(io)? else { return Ok(None) };
    privacy::check(&restored, &metadata)?;
    let made = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    let made = made.unwrap_or_default().strftime("%Y%m%dT%H%M%SZ");
    let database = directory.database();
    let before = look(&database).map_err(io)?;
    let aside = name(&database, &format!("{REPLACED}{made}"), before.as_ref()).map_err(io)?;
    if before.is_some() {
        if let Err(error) = database::connect(&database).and_then(move_log) {
            // It is kept as it is, its log beside it.
            info!(%error, "the log of the store before can't be moved into it");
        }
        if look(&aside).map_err(io)?.is_none() {
            // No space is needed for a second name; where files have one, it gives that up.
            fs::hard_link(&database, &aside)
                .or_else(|_| fs::rename(&database, &aside))
                .map_err(io)?;
        }
    }
    after(Step::Kept);
    // What is left of a log would be taken for the new store's.
    for log in LOGS {
        match fs::rename(beside(&database, log), beside(&aside, log)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
    }
    directory.sync()?;
    after(Step::Cleared);
    fs::rename(&restored, &database).map_err(io)?;
    directory.sync()?;
    after(Step::Placed);
    let kept = before.is_some().then_some(aside);
    if let Some(kept) = &kept {
        info!(before = %kept.display(), "the store is a restored one");
    } else {
        info!("the store is a restored one, and there was none before");
    }
    Ok(kept)
}

fn look(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Finds a name that nothing has, or the store already, since this was interrupted.
fn name(database: &Path, first: &str, before: Option<&Metadata>) -> io::Result<PathBuf> {
    let mut number = 1;
    loop {
        let name = if number == 1 { first.to_owned() } else { format!("{first}-{number}") };
        let path = database.with_file_name(name);
        let is_it = |there: &Metadata| {
            before.is_some_and(|it| (it.dev(), it.ino()) == (there.dev(), there.ino()))
        };
        if look(&path)?.is_none_or(|there| is_it(&there)) {
            return Ok(path);
        }
        number += 1;
    }
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
