//! Whom the ledger's rows are about. Each account, credential and boot is written once, and a row
//! has its number: there are many rows.

use rusqlite::{Connection, OptionalExtension};

/// A table of those whom rows are about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parties(&'static str);

pub(super) const ACCOUNTS: Parties = Parties("ledger_accounts");
pub(super) const CREDENTIALS: Parties = Parties("ledger_credentials");
pub(super) const BOOTS: Parties = Parties("ledger_boots");

impl Parties {
    /// Returns the number of one, and writes it if it is new.
    pub(super) fn number(self, connection: &Connection, id: &[u8]) -> rusqlite::Result<i64> {
        let Self(table) = self;
        let known = connection
            .prepare_cached(&format!("SELECT number FROM {table} WHERE id = ?"))?
            .query_row([id], |row| row.get(0))
            .optional()?;
        match known {
            Some(number) => Ok(number),
            None => connection
                .prepare_cached(&format!("INSERT INTO {table} (id) VALUES (?) RETURNING number"))?
                .query_row([id], |row| row.get(0)),
        }
    }
}

/// Forgets a credential of which there is no row any more.
pub(super) fn forget_credential(connection: &Connection, number: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM ledger_credentials WHERE number = ?1 \
             AND NOT EXISTS (SELECT 1 FROM issuances WHERE credential = ?1)",
        )?
        .execute([number])?;
    Ok(())
}

/// Forgets a boot of which there is no row any more. Rows of the oldest boots come first, so it
/// takes no long search to find one; to find none takes one for each boot.
pub(super) fn forget_boot(connection: &Connection, number: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM ledger_boots WHERE number = ?1 AND NOT EXISTS (SELECT 1 FROM issuances \
             WHERE reserved_boot = ?1 OR settled_boot = ?1)",
        )?
        .execute([number])?;
    Ok(())
}
