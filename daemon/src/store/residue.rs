//! Sees to it that what was removed or replaced doesn't stay in the files.
//!
//! SQLite overwrites what it deletes (`secure_delete`), but the log keeps each page as it was
//! until it is moved into the database and cut off, which costs two more waits for the disk.
//! An operator who removes something is answered after that; what a refresh replaces goes
//! when no one waits.

use rusqlite::{Connection, ErrorCode, ffi};

use super::error::full;
use crate::ports::Write;

/// So many writes may leave something behind in a store that is never quiet.
const LEFT: usize = 256;

/// What is left behind in the log.
#[derive(Debug, Default)]
pub(super) struct Residue {
    /// How many writes have left something.
    left: usize,
    /// Whether someone was promised that it is gone.
    promised: bool,
    /// Whether it couldn't be wiped out the last time.
    stuck: bool,
}

impl Residue {
    /// Takes note of a write that was done.
    pub(super) fn note(&mut self, write: &Write) {
        match write {
            Write::Credential(_)
            | Write::Doubted(_)
            | Write::Anew { .. }
            | Write::Remove(_)
            | Write::Discard(_)
            | Write::Revoke { .. }
            | Write::EndRevocation { .. } => {
                self.left += 1;
                self.promised = true;
            }
            Write::Token { .. }
            | Write::Rotation { .. }
            | Write::Attempt(_)
            | Write::Failure { .. } => self.left += 1,
            // It replaces a fingerprint or a number at most.
            Write::Reserve(_) | Write::Accept { .. } => {}
        }
    }

    /// Takes note of a transaction that failed. It may be in the log as a whole, if all that failed
    /// was to wait for the disk, and would be done after a crash although it was refused.
    pub(super) fn doubt(&mut self) {
        self.left = self.left.max(1);
    }

    /// Tells whether there is anything.
    pub(super) fn is_there(&self) -> bool {
        self.left > 0
    }

    /// Tells whether someone was promised that something is gone.
    pub(super) fn is_promised(&self) -> bool {
        self.promised
    }

    /// Tells whether it has to go now.
    pub(super) fn is_due(&self) -> bool {
        self.is_there() && (self.promised || self.left >= LEFT)
    }

    /// Moves what whoever had the store before has left in the log into the database, and
    /// returns when all that can be read is on the disk: whoever was killed may not have
    /// synced it.
    ///
    /// # Errors
    ///
    /// Fails if that can't be done. On a full disk it stays in the log, which was synced
    /// before.
    pub(super) fn settle(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        match cut_off(connection) {
            Ok(()) => Ok(()),
            Err(error) if full(&error) => {
                self.keep(&error);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Moves the log into the database and cuts it off.
    ///
    /// If that fails, all that was written is safe, and it is due again after the next write.
    pub(super) fn wipe(&mut self, connection: &Connection) {
        match cut_off(connection) {
            Ok(()) => *self = Self::default(),
            Err(error) => self.keep(&error),
        }
    }

    /// Has it be due again.
    fn keep(&mut self, error: &rusqlite::Error) {
        if !self.stuck {
            tracing::warn!(%error,
                "what was removed is still in tokend.db-wal, sealed; tokend tries again by \
                 itself to wipe it out");
        }
        self.stuck = true;
        self.promised = true;
        // Something is there, even if no write has left it: a new data key has.
        self.left = self.left.max(1);
    }
}

/// Moves what is in the log into the database and leaves the log empty.
pub(super) fn cut_off(connection: &Connection) -> rusqlite::Result<()> {
    let is_busy =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0))?;
    if is_busy {
        let busy = ffi::Error { code: ErrorCode::DatabaseBusy, extended_code: ffi::SQLITE_BUSY };
        return Err(rusqlite::Error::SqliteFailure(busy, None));
    }
    Ok(())
}
