//! Keeps credentials, tokens and the ledger of issuances in a SQLite database
//! whose content is sealed.
//!
//! All SQL of the daemon is here. A [`Store`] is synchronous and belongs to one
//! thread; a [`Worker`] is that thread. What a stolen database tells is how many
//! rows there are, how long they are and when they were written. Those plain
//! columns aren't authenticated: whoever can write the file can remove rows.

mod copy;
mod database;
mod directory;
mod entry;
mod envelope;
mod error;
mod examine;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod history;
mod journal;
mod key;
mod keyring;
mod ledger;
mod load;
mod mark;
mod outline;
mod pages;
mod party;
mod privacy;
mod progress;
mod quota;
mod record;
mod report;
mod residue;
mod restoration;
mod restore;
mod retention;
mod revocation;
mod rotation;
mod schema;
mod seal;
mod sealed;
mod stamp;
mod upgrade;
mod worker;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, TransactionBehavior};
use tokend_core::{Random, Stamp, StoreFailure};

use self::{
    copy::Copying,
    directory::Directory,
    envelope::Vault,
    error::{WriteError, full},
    keyring::Keyring,
    mark::Marks,
    residue::Residue,
    writer::Writer,
};
pub use self::{
    directory::DATABASE,
    error::{CloseError, OpenError},
    examine::{examine, leftovers},
    key::{
        CREDENTIAL, Cost, Derivation, DerivationError, Key, KeyError, KeySource, NoPassphrase,
        Passphrase, Patience,
    },
    keyring::Parse,
    privacy::Exposed,
    restore::{Candidate, Restored, Staged},
    sealed::{Lock, Sealed},
    worker::{Answer, Copier, Opener, Worker},
};
use crate::{
    credential::CredentialId,
    ports::{Findings, Loaded, Outline, Query, Reply, StoredCredential, Write},
};

/// An open store. No other process can open it meanwhile.
pub struct Store<R> {
    // Fields are dropped in this order: the lock goes last. To close the file ends the locks
    // that SQLite has on it (fcntl(2)), so it outlives the connection.
    connection: Connection,
    file: File,
    vault: Vault,
    random: R,
    path: PathBuf,
    marks: Marks,
    residue: Residue,
    keyring: Option<Keyring>,
    copying: Option<Copying>,
    copies: u64,
    /// The copy from before the schema was upgraded.
    before: Option<PathBuf>,
    directory: Directory,
}

impl<R: Random> Store<R> {
    /// How many prepared statements are kept: all that there are.
    const STATEMENTS: usize = 57;

    /// Makes a store in `directory`, which exists and is closed to others, with a
    /// new data key that `key` wraps. A store that is there already is left alone.
    pub fn create(directory: &Path, key: &Key, mut random: R) -> Result<(), OpenError> {
        let directory = Directory::claim(directory)?;
        let path = directory.database();
        if path.symlink_metadata().is_ok() {
            return Err(OpenError::Exists { path });
        }
        if let Some(path) = directory.leftover() {
            return Err(OpenError::Leftover { path });
        }
        // It is made aside and then moved to its place, so that there is never
        // half a store.
        let draft = directory.draft();
        database::draft(&draft, key, &mut random)?;
        fs::rename(&draft, &path).map_err(|source| OpenError::io(&path, source))?;
        directory.sync()
    }

    /// Opens the store in `directory` and brings its schema up to date.
    ///
    /// Nothing is written before the lock is held and the key is known to fit. How far it
    /// has come is marked beside it and in the file `elsewhere`; if it is behind a mark, it
    /// was restored: no refresh token in it is sent any more, and what its ledger lacks is
    /// presumed to be all that limits allow.
    pub fn open(
        directory: &Path,
        elsewhere: Option<&Path>,
        key: &Key,
        random: R,
    ) -> Result<Self, OpenError> {
        Self::open_in(Directory::claim(directory)?, elsewhere, key, random)
    }

    fn open_in(
        directory: Directory,
        elsewhere: Option<&Path>,
        key: &Key,
        random: R,
    ) -> Result<Self, OpenError> {
        restore::complete(&directory)?;
        let marks = Marks::new(directory.path(), elsewhere);
        let path = directory.database();
        database::check(&path)?;
        directory.check_files()?;
        directory.clear()?;
        let sqlite = |source| OpenError::sqlite(&path, source);
        let file = File::open(&path).map_err(|source| OpenError::io(&path, source))?;
        let mut connection = database::look(&path)?;
        let vault = Vault::open(&connection, key, &path)?;
        connection.set_db_config(database::KEEP_LOG, false).map_err(sqlite)?;

        let before = upgrade::keep(&connection, &file, &directory, schema::NEWEST)?;
        // A store that was made and never opened has no log yet. Once a connection has written
        // without one, it can't move its log into the database any more.
        let journal: String = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
            .map_err(sqlite)?;
        if journal != "wal" {
            return Err(OpenError::NoLog { path });
        }
        schema::migrate(&mut connection, schema::STEPS).map_err(sqlite)?;
        upgrade::forget_earlier(&directory, before.as_deref())
            .map_err(|source| OpenError::io(directory.path(), source))?;
        connection.set_prepared_statement_cache_capacity(Self::STATEMENTS);
        let mut store = Self {
            connection,
            file,
            vault,
            random,
            path,
            marks,
            residue: Residue::default(),
            keyring: None,
            copying: None,
            copies: 0,
            before,
            directory,
        };
        // Before anything outside is told how far it has come, and anyone what is in it.
        let settled = store.residue.settle(&store.connection);
        settled.map_err(|source| OpenError::sqlite(&store.path, source))?;
        store.compare()?;
        Ok(store)
    }

    /// Holds the store against the marks that were left outside of it.
    fn compare(&mut self) -> Result<(), OpenError> {
        let io = |error| OpenError::io(&self.path, error);
        let sqlite = |error| OpenError::sqlite(&self.path, error);
        let marked = self.marks.read(&self.vault).map_err(io)?;
        let reached = progress::reached(&self.connection).map_err(sqlite)?;
        let reached = if reached < marked {
            let (connection, random) = (&mut self.connection, &mut self.random);
            restoration::note(connection, &self.vault, random, marked, &self.path)?
        } else {
            reached
        };
        if reached > marked {
            self.marks.write(&self.vault, reached).map_err(io)?;
        }
        Ok(())
    }

    /// Reads which credentials there are, and who may read them.
    pub fn outline(&self) -> Result<Outline, OpenError> {
        let outline = outline::outline(&self.connection, &self.vault);
        outline.map_err(|source| OpenError::sqlite(&self.path, source))
    }

    /// Reads one credential of the outline; `None` if it can't be read.
    pub fn one(&self, id: CredentialId, now: &Stamp) -> Option<StoredCredential> {
        outline::one(&self.connection, &self.vault, id, now)
    }

    /// Reads everything that the daemon starts with.
    pub fn load(&mut self, now: &Stamp) -> Result<Loaded, OpenError> {
        self.load_beside(now, |_| {})
    }

    /// Does the same, and between any two credentials what is wanted of the store meanwhile.
    fn load_beside(
        &mut self,
        now: &Stamp,
        mut attend: impl FnMut(&Self),
    ) -> Result<Loaded, OpenError> {
        self.outlive_before(now.moment.wall);
        let sqlite = |source| OpenError::sqlite(&self.path, source);
        let attend = || attend(self);
        let loaded = load::load(&self.connection, &self.vault, now, attend).map_err(sqlite)?;
        let is_restored = restoration::date(&self.connection, now).map_err(sqlite)?;
        let lacks = restoration::is_noted(&self.connection).map_err(sqlite)?;
        Ok(Loaded { is_restored, lacks, ..loaded })
    }

    /// Does all `writes` in their order in one transaction, and returns when they
    /// are on disk.
    ///
    /// A write that can't be done changes nothing and leaves the others alone; if
    /// the transaction can't be committed, none is done. What people have removed or replaced
    /// is in none of the files any more, unless the disk is full.
    pub fn write(&mut self, writes: &[Write]) -> Vec<Result<Reply, StoreFailure>> {
        match self.transact(writes) {
            Ok((results, reached)) => {
                for (write, _) in writes.iter().zip(&results).filter(|(_, result)| result.is_ok()) {
                    self.residue.note(write);
                }
                if self.residue.is_promised() {
                    self.forget_before();
                }
                if self.residue.is_due() {
                    self.wipe();
                }
                let failure = |error: WriteError| error.into_failure(&self.path);
                let results = results.into_iter().map(|result| result.map_err(failure)).collect();
                match reached.map(|reached| self.marks.write(&self.vault, reached)) {
                    Some(Err(error)) => self.unmarked(writes, results, &error),
                    Some(Ok(())) | None => results,
                }
            }
            Err(error) => {
                self.residue.doubt();
                let failure = WriteError::from(error).into_failure(&self.path);
                vec![Err(failure); writes.len()]
            }
        }
    }

    /// Wraps the data key, which `key` opens, with `new` instead. That is one row: whenever it is
    /// interrupted, one of the two fits.
    ///
    /// # Errors
    ///
    /// Nothing has changed.
    pub fn rewrap(&mut self, key: &Key, new: &Key) -> Result<(), OpenError> {
        Vault::rewrap(&self.connection, key, new, &mut self.random, &self.path)?;
        self.forget_before();
        Ok(())
    }

    /// Tells whether something that was replaced is still in the files.
    pub fn has_residue(&self) -> bool {
        self.residue.is_there()
    }

    /// Wipes out what was replaced, if that can be done.
    pub fn wipe(&mut self) {
        self.hurry_copy();
        self.residue.wipe(&self.connection);
    }

    /// Looks at the ledger.
    pub fn look(&self, query: &Query) -> Result<Findings, StoreFailure> {
        report::find(&self.connection, &self.vault, query)
            .map_err(|error| WriteError::from(error).into_failure(&self.path))
    }

    /// Moves what is in the log into the database and closes both.
    pub fn close(self) -> Result<(), CloseError> {
        let Self { connection, file, path, directory, .. } = self;
        let error = |source| CloseError { path: path.clone(), source };
        residue::cut_off(&connection).map_err(error)?;
        connection.close().map_err(|(_, source)| error(source))?;
        drop(file);
        drop(directory);
        Ok(())
    }

    /// Takes reservations back that can't be marked: nothing may be sent for them.
    fn unmarked(
        &mut self,
        writes: &[Write],
        mut results: Vec<Result<Reply, StoreFailure>>,
        error: &io::Error,
    ) -> Vec<Result<Reply, StoreFailure>> {
        let full = error.kind() == io::ErrorKind::StorageFull;
        let message = format!("{} can't be written: {error}", mark::MARK);
        let failure = StoreFailure { full, message };
        let mut unsent = Vec::new();
        for (write, result) in writes.iter().zip(&mut results) {
            if let (Write::Reserve(reservation), Ok(Reply::Reserved(_))) = (write, &*result) {
                unsent.push(reservation.unsent(&failure));
                *result = Err(failure.clone());
            }
        }
        // If that fails as well, they count as spent, which is safe.
        if let Err(error) = self.transact(&unsent) {
            tracing::warn!(%error, "reservations that nothing is sent for count all the same");
        }
        results
    }

    /// Returns what became of the writes, and how far the store has come if something may be
    /// sent now.
    fn transact(&mut self, writes: &[Write]) -> rusqlite::Result<Transacted> {
        let mut transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut results = Vec::with_capacity(writes.len());
        for write in writes {
            let savepoint = transaction.savepoint()?;
            let reply =
                Writer { connection: &savepoint, vault: &self.vault, random: &mut self.random }
                    .apply(write);
            match reply {
                Ok(reply) => {
                    savepoint.commit()?;
                    results.push(Ok(reply));
                }
                // SQLite may have given up the whole transaction, or be about to.
                Err(WriteError::Sqlite(error)) if savepoint.is_autocommit() || full(&error) => {
                    return Err(error);
                }
                Err(error) => results.push(Err(error)),
            }
        }
        let is_reserved =
            |result: &Result<Reply, WriteError>| matches!(result, Ok(Reply::Reserved(_)));
        let reached = if results.iter().any(is_reserved) {
            Some(progress::advance(&transaction, 0)?)
        } else {
            None
        };
        transaction.commit()?;
        Ok((results, reached))
    }
}

/// What became of each write, and how far the store has come if something may be sent now.
type Transacted = (Vec<Result<Reply, WriteError>>, Option<u64>);
