//! What providers have told of their limits.

use rusqlite::{Connection, params};
use tokend_core::{IssuanceId, Quota, Random, Stamp, Told};

use super::{
    envelope::Vault,
    error::WriteError,
    record::QuotasRecord,
    seal::{Cell, Column},
    stamp::{self, boot_ms, wall_ms},
    writer::Writer,
};
use crate::ports::Settled;

pub(super) const TOLD: Column = Column { table: "quotas", name: "sealed" };

/// How many answers of an account are kept. The latest knows best, but a refusal
/// that said how long to wait must not be forgotten for what came next.
const KEPT: u32 = 4;

impl<R: Random> Writer<'_, R> {
    /// Writes what an answer told, if it told something. A token that came disproves
    /// what was told before of nothing being left. What couldn't be written when it was told
    /// takes its place before what was told since.
    pub(super) fn told(
        &mut self,
        issuance: IssuanceId,
        account: &[u8; 32],
        issued: bool,
        settled: &Settled,
    ) -> Result<(), WriteError> {
        let later = self.told_after(account, &settled.at)?;
        if issued {
            let first = later.first().copied().unwrap_or(i64::MAX);
            self.connection
                .prepare_cached("UPDATE quotas SET disproved = 1 WHERE account = ? AND number < ?")?
                .execute(params![account, first])?;
        }
        if settled.quotas.is_empty() {
            return Ok(());
        }
        let cell = Cell { column: TOLD, row: &issuance.0 };
        let record = QuotasRecord::from(&settled.quotas[..]);
        let sealed = self.vault.seal(cell, &record, self.random);
        let at = &settled.at;
        self.connection
            .prepare_cached(
                "INSERT INTO quotas (issuance, account, told_wall_ms, told_boot_ms, \
                 told_boot_id, date_ms, sealed) VALUES (?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                issuance.0,
                account,
                wall_ms(at.moment.wall),
                boot_ms(at.moment.boot),
                at.boot_id.0,
                at.date.map(wall_ms),
                sealed,
            ])?;
        let mut renumber = self.connection.prepare_cached(
            "UPDATE quotas SET number = (SELECT max(number) + 1 FROM quotas) WHERE number = ?",
        )?;
        for number in later {
            renumber.execute([number])?;
        }
        self.connection
            .prepare_cached(
                "DELETE FROM quotas WHERE account = ?1 AND number <= \
                 (SELECT number FROM quotas WHERE account = ?1 \
                  ORDER BY number DESC LIMIT 1 OFFSET ?2)",
            )?
            .execute(params![account, KEPT])?;
        Ok(())
    }

    /// Returns what an account was told later in the same boot, in its order: no clock that
    /// outlives a boot tells that for sure, and nothing waits for longer to be written.
    fn told_after(&self, account: &[u8; 32], at: &Stamp) -> rusqlite::Result<Vec<i64>> {
        self.connection
            .prepare_cached(
                "SELECT number FROM quotas WHERE account = ? AND told_boot_id = ? \
                 AND told_boot_ms > ? ORDER BY number",
            )?
            .query_map(params![account, at.boot_id.0, boot_ms(at.moment.boot)], |row| row.get(0))?
            .collect()
    }
}

/// Returns what has been told of an account, and when. Of limits of one size the last
/// answer that spoke of one tells. What can't be opened any more tells nothing: the
/// limits that are known beforehand still hold.
pub(super) fn read(
    connection: &Connection,
    vault: &Vault,
    account: &[u8; 32],
) -> rusqlite::Result<Vec<Told>> {
    let mut statement = connection.prepare_cached(
        "SELECT issuance, told_wall_ms, told_boot_ms, told_boot_id, date_ms, disproved, sealed \
         FROM quotas WHERE account = ? ORDER BY number DESC",
    )?;
    let mut rows = statement.query([account])?;
    let mut all: Vec<Told> = Vec::new();
    while let Some(row) = rows.next()? {
        let issuance: [u8; 16] = row.get(0)?;
        let at = stamp::read(row, 1, row.get(4)?)?;
        let disproved = row.get(5)?;
        let sealed: Vec<u8> = row.get(6)?;
        let cell = Cell { column: TOLD, row: &issuance };
        if let Ok(record) = vault.open_record::<QuotasRecord>(cell, &sealed) {
            let mut quotas: Vec<Quota> = record.into();
            quotas.retain(|quota| !all.iter().any(|newer| newer.quota.limit == quota.limit));
            all.extend(quotas.into_iter().map(|quota| Told { quota, at, disproved }));
        }
    }
    Ok(all)
}
