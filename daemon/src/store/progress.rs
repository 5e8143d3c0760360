//! How far a store has come: a count that a mark outside of it is held against.

use rusqlite::Connection;
use tokend_core::Random;

use super::{error::WriteError, load, writer::Writer};

/// Returns how often something may have been sent.
pub(super) fn reached(connection: &Connection) -> rusqlite::Result<u64> {
    let count = connection
        .prepare_cached("SELECT count FROM progress")?
        .query_row([], |row| row.get::<_, i64>(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Counts once more, to more than `least`.
pub(super) fn advance(connection: &Connection, least: u64) -> rusqlite::Result<u64> {
    let least = i64::try_from(least).unwrap_or(i64::MAX - 1);
    let count = connection
        .prepare_cached("UPDATE progress SET count = max(count, ?) + 1 RETURNING count")?
        .query_row([least], |row| row.get::<_, i64>(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

impl<R: Random> Writer<'_, R> {
    /// Notes of all refresh tokens that they may have been replaced since they were stored.
    pub(super) fn distrust(&mut self) -> Result<(), WriteError> {
        for (credential, token) in load::pairs(self.connection, self.vault)? {
            self.note_restored(&credential, token.as_ref())?;
        }
        Ok(())
    }
}
