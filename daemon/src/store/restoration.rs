//! That a store was restored from a backup, and how much its ledger lacks since.
//!
//! It is written down as soon as it is noticed, in the transaction that catches up with the
//! mark, when no clock is at hand; the next reading of the clock completes it. Until then all
//! counts as if it had been noticed just now.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};
use tokend_core::{Presumed, Random, Stamp};

use super::{
    OpenError,
    envelope::Vault,
    progress,
    stamp::{self, boot_ms, wall_ms},
    writer::Writer,
};
use crate::ports::LONGEST_ISSUANCE;

/// Notes in a store that is behind its mark that it was restored: none of its refresh tokens is
/// trusted any more. Returns how far it has come by that.
pub(super) fn note(
    connection: &mut Connection,
    vault: &Vault,
    random: &mut impl Random,
    marked: u64,
    path: &Path,
) -> Result<u64, OpenError> {
    let sqlite = |error| OpenError::sqlite(path, error);
    let transaction = connection.transaction().map_err(sqlite)?;
    let mut writer = Writer { connection: &transaction, vault, random };
    writer.note_restoration().map_err(sqlite)?;
    writer.distrust().map_err(|error| OpenError::restored(path, error))?;
    let reached = progress::advance(&transaction, marked).map_err(sqlite)?;
    transaction.commit().map_err(sqlite)?;
    Ok(reached)
}

impl<R: Random> Writer<'_, R> {
    /// Writes down that the store was restored. What was known of an earlier time says nothing
    /// of this one.
    pub(super) fn note_restoration(&self) -> rusqlite::Result<()> {
        self.connection.execute("INSERT OR REPLACE INTO restoration (only) VALUES (1)", [])?;
        self.connection.execute("DELETE FROM accepted", [])?;
        Ok(())
    }

    /// Writes down how much the ledger lacks of each of these accounts.
    pub(super) fn accept(&self, accounts: &[String], used: u32) -> rusqlite::Result<()> {
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO accepted (account, used) VALUES (?, ?) \
             ON CONFLICT (account) DO UPDATE SET used = excluded.used",
        )?;
        for account in accounts {
            insert.execute(params![self.vault.account(account), used])?;
        }
        Ok(())
    }
}

/// Notes when it was noticed that the store was restored. Returns whether that is news.
pub(super) fn date(connection: &Connection, now: &Stamp) -> rusqlite::Result<bool> {
    let dated = connection
        .prepare_cached(
            "UPDATE restoration SET noticed_wall_ms = ?, noticed_boot_ms = ?, noticed_boot_id = ? \
             WHERE noticed_wall_ms IS NULL",
        )?
        .execute(params![wall_ms(now.moment.wall), boot_ms(now.moment.boot), now.boot_id.0])?;
    Ok(dated > 0)
}

/// Tells whether the store was ever restored.
pub(super) fn is_noted(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM restoration")?.exists([])
}

/// Returns what the ledger lacks of an account.
pub(super) fn presumed(
    connection: &Connection,
    account: &[u8; 32],
    now: &Stamp,
) -> rusqlite::Result<Option<Presumed>> {
    let noticed_at = connection
        .prepare_cached(
            "SELECT noticed_wall_ms, noticed_boot_ms, noticed_boot_id FROM restoration",
        )?
        .query_row([], |row| match row.get::<_, Option<i64>>(0)? {
            Some(_) => stamp::read(row, 0, None),
            None => Ok(*now),
        })
        .optional()?;
    let Some(at) = noticed_at else { return Ok(None) };
    let used = connection
        .prepare_cached("SELECT used FROM accepted WHERE account = ?")?
        .query_row([account], |row| row.get(0))
        .optional()?;
    Ok(Some(Presumed { at, within: LONGEST_ISSUANCE, used }))
}
