//! Seals everything in a store with a new data key.

use rusqlite::{Connection, TransactionBehavior};
use tokend_core::Random;

use super::{
    Key, OpenError, Store,
    entry::{OUTCOME, REQUEST},
    envelope::Vault,
    journal::SENT,
    quota::TOLD,
    revocation::REVOCATION,
    seal::{Cell, Column},
    writer::{CREDENTIAL, TOKEN},
};

/// All columns that hold sealed cells, the envelope's aside, each with the columns
/// that identify the row.
pub(super) const SEALED: [(Column, &[&str]); 7] = [
    (CREDENTIAL, &["id"]),
    (TOKEN, &["credential"]),
    (REQUEST, &["id", HOLDER]),
    (OUTCOME, &["id", HOLDER]),
    (SENT, &["credential"]),
    (TOLD, &["issuance"]),
    (REVOCATION, &["id"]),
];

/// Whose an issuance is.
const HOLDER: &str = "(SELECT id FROM ledger_credentials WHERE number = credential)";

impl<R: Random> Store<R> {
    /// Draws a new data key, which `key` wraps, and seals everything with it. That is one
    /// transaction: whenever it is interrupted, the one data key that is in the envelope opens
    /// all that could be opened before.
    ///
    /// Returns how many cells can't be opened. They stay as they are, for good.
    ///
    /// # Errors
    ///
    /// Nothing has changed.
    pub fn rotate(&mut self, key: &Key) -> Result<usize, OpenError> {
        let sqlite = |source| OpenError::sqlite(&self.path, source);
        let (connection, random) = (&mut self.connection, &mut self.random);
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
        let next = Vault::succeed(&transaction, key, random, &self.path)?;
        let mut broken = 0;
        for (column, ids) in SEALED {
            broken +=
                reseal(&transaction, &self.vault, &next, column, ids, random).map_err(sqlite)?;
        }
        transaction.commit().map_err(sqlite)?;
        self.vault = next;
        self.forget_before();
        Ok(broken)
    }
}

/// Seals a column's cells anew, and returns how many can't be opened.
fn reseal(
    connection: &Connection,
    vault: &Vault,
    next: &Vault,
    Column { table, name }: Column,
    ids: &[&str],
    random: &mut impl Random,
) -> rusqlite::Result<usize> {
    let rows: Vec<i64> = connection
        .prepare(&format!("SELECT rowid FROM {table} WHERE {name} IS NOT NULL"))?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut read = connection
        .prepare(&format!("SELECT {name}, {} FROM {table} WHERE rowid = ?", ids.join(", ")))?;
    let mut write =
        connection.prepare(&format!("UPDATE {table} SET {name} = ? WHERE rowid = ?"))?;
    let mut broken = 0;
    for number in rows {
        let (sealed, id) = read.query_row([number], |row| {
            let mut id = Vec::new();
            for part in 1..=ids.len() {
                id.extend(row.get::<_, Vec<u8>>(part)?);
            }
            Ok((row.get::<_, Vec<u8>>(0)?, id))
        })?;
        let cell = Cell { column: Column { table, name }, row: &id };
        match vault.reseal(next, cell, &sealed, random) {
            Ok(sealed) => {
                write.execute((sealed, number))?;
            }
            Err(_) => broken += 1,
        }
    }
    Ok(broken)
}
