//! The ledger: which issuances were reserved, and what came of them.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use tokend_core::{BootTime, Budget, Cause, IssuanceId, Random, Spent, Stamp};

use super::{
    entry::{OUTCOME, REQUEST},
    error::WriteError,
    party::{ACCOUNTS, BOOTS, CREDENTIALS},
    quota,
    record::{Outcome, OutcomeRecord, RequestRecord, SettledRecord},
    restoration, retention,
    seal::Cell,
    stamp::{self, boot_ms, wall_ms},
    writer::Writer,
};
use crate::{
    credential::CredentialId,
    ports::{Account, Reply, Reservation, Settled},
};

/// How many issuances are looked at beyond those that a limit allows: they only
/// tell how old the others are at most.
const SURPLUS: i64 = 64;

impl<R: Random> Writer<'_, R> {
    /// Writes an issuance into the ledger, if the limits allow it. It counts from
    /// then on, whatever is heard of it or not.
    pub(super) fn reserve(&mut self, reservation: &Reservation) -> Result<Reply, WriteError> {
        let Reservation { account, cause, at, .. } = reservation;
        let key = self.vault.account(&account.name);
        let spent = spent(self.connection, &key, considered(account), at)?;
        let quotas = quota::read(self.connection, self.vault, &key)?;
        let budget = Budget {
            limits: &account.limits,
            quotas: &quotas,
            spent: &spent,
            presumed: restoration::presumed(self.connection, &key, at)?,
            sharers: account.sharers,
        };
        let allowance = match budget.admit(*cause, at) {
            Ok(allowance) => allowance,
            Err(retry_after) => {
                let unknown = budget.is_unknown(at);
                return Ok(Reply::Refused { retry_after, unknown });
            }
        };
        let row = row(reservation.issuance, reservation.credential);
        let cell = Cell { column: REQUEST, row: &row };
        let replacements = Some(reservation.replacements);
        let record = RequestRecord { cause: *cause, replacements };
        let request = self.vault.seal(cell, &record, self.random);
        self.connection
            .prepare_cached(
                "INSERT INTO issuances (id, credential, account, counts, planned, reserved_wall_ms, \
                 reserved_boot_ms, reserved_boot, request, within_ms) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                reservation.issuance.0,
                CREDENTIALS.number(self.connection, &reservation.credential.0)?,
                ACCOUNTS.number(self.connection, &key)?,
                *cause != Cause::KeepAlive,
                cause.is_planned(),
                wall_ms(at.moment.wall),
                boot_ms(at.moment.boot),
                BOOTS.number(self.connection, &at.boot_id.0)?,
                request,
                boot_ms(BootTime(reservation.within)),
            ])?;
        if let Some(fingerprint) = reservation.spends {
            self.note_sending(reservation, fingerprint)?;
        }
        retention::prune(self.connection, &key, reservation)?;
        Ok(Reply::Reserved(allowance))
    }

    /// Writes what came of an issuance, and returns whose it was. It stops counting if
    /// `sent` is false.
    pub(super) fn settle(
        &mut self,
        issuance: IssuanceId,
        sent: bool,
        outcome: Outcome,
        settled: &Settled,
    ) -> Result<CredentialId, WriteError> {
        let (credential, account, counts, request): (_, _, bool, Vec<u8>) = self
            .connection
            .prepare_cached(
                "SELECT (SELECT id FROM ledger_credentials WHERE number = credential), \
                 (SELECT id FROM ledger_accounts WHERE number = account), counts, request \
                 FROM issuances WHERE id = ? AND outcome IS NULL",
            )?
            .query_row([issuance.0], |row| {
                Ok((CredentialId(row.get(0)?), row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .optional()?
            .ok_or(WriteError::NoIssuance(issuance))?;
        let row = row(issuance, credential);
        // One that was kept alive says nothing of how many more there are.
        let issued = matches!(outcome, Outcome::Issued) && counts;
        let record = OutcomeRecord { took: settled.took, outcome };
        let cell = Cell { column: OUTCOME, row: &row };
        let (request, outcome) =
            match self.vault.open_record(Cell { column: REQUEST, row: &row }, &request) {
                Ok(request) => {
                    let record = SettledRecord::from((request, record));
                    (None, self.vault.seal(cell, &record, self.random))
                }
                // It stays as it is.
                Err(_) => (Some(request), self.vault.seal(cell, &record, self.random)),
            };
        self.connection
            .prepare_cached(
                "UPDATE issuances SET counts = counts AND ?, settled_wall_ms = ?, settled_boot_ms = ?, \
                 settled_boot = ?, date_ms = ?, request = ?, outcome = ? \
                 WHERE id = ? AND outcome IS NULL",
            )?
            .execute(params![
                sent,
                wall_ms(settled.at.moment.wall),
                boot_ms(settled.at.moment.boot),
                BOOTS.number(self.connection, &settled.at.boot_id.0)?,
                settled.at.date.map(wall_ms),
                request,
                outcome,
                issuance.0,
            ])?;
        self.told(issuance, &account, issued, settled)?;
        Ok(credential)
    }
}

/// Returns what identifies an issuance's row, its credential included: a row that
/// is given to another credential can't be opened.
pub(super) fn row(issuance: IssuanceId, credential: CredentialId) -> [u8; 32] {
    let mut row = [0; 32];
    row[..16].copy_from_slice(&issuance.0);
    row[16..].copy_from_slice(&credential.0);
    row
}

/// Returns how many of an account's youngest issuances are looked at.
pub(super) fn considered(account: &Account) -> i64 {
    let most = account.limits.iter().map(|limit| limit.count.get()).max();
    i64::from(most.unwrap_or_default()) + SURPLUS
}

/// Returns the youngest issuances of an account that count, at most so many, oldest
/// first.
///
/// The provider counts one from some time between its reservation and its end. So it
/// counts here from its end; from the last time at which it may have been sent, if
/// its end isn't known.
///
/// They are chosen by the order in which they were written, which no clock can
/// change: those before the last `count` have no say in a limit of `count`.
pub(super) fn spent(
    connection: &Connection,
    key: &[u8; 32],
    most: i64,
    now: &Stamp,
) -> rusqlite::Result<Vec<Spent>> {
    let mut statement = connection.prepare_cached(
        "SELECT coalesce(settled_wall_ms, reserved_wall_ms), \
         coalesce(settled_boot_ms, reserved_boot_ms), \
         (SELECT id FROM ledger_boots WHERE number = coalesce(settled_boot, reserved_boot)), \
         date_ms, \
         CASE WHEN settled_wall_ms IS NULL THEN within_ms ELSE 0 END, planned \
         FROM issuances \
         WHERE account = (SELECT number FROM ledger_accounts WHERE id = ?) AND counts = 1 \
         ORDER BY number DESC LIMIT ?",
    )?;
    let rows = statement.query_map(params![key, most], |row| {
        let stamp = stamp::read(row, 0, row.get(3)?)?;
        let within = u64::try_from(row.get::<_, i64>(4)?).unwrap_or_default();
        let at = stamp.after(Duration::from_millis(within));
        Ok(Spent { at, planned: row.get(5)? })
    })?;
    let mut spent: Vec<Spent> = rows.collect::<Result<_, _>>()?;
    spent.reverse();
    straighten(&mut spent, now);
    Ok(spent)
}

/// Corrects the stamps of issuances in the order in which they were written: none
/// can be older than the one before it. So an issuance of unknown fate that was
/// written while the clock was behind doesn't seem long past. One that lies in
/// the future says nothing about the others.
fn straighten(spent: &mut [Spent], now: &Stamp) {
    let mut earliest: Option<Timestamp> = None;
    for Spent { at, .. } in spent {
        if let Some(earliest) = earliest {
            *at = at.not_before(earliest);
        }
        if let Some(age) = at.elapsed(now) {
            let then = now.moment.wall.checked_sub(age).unwrap_or(Timestamp::MIN);
            earliest = earliest.max(Some(then));
        }
    }
}
