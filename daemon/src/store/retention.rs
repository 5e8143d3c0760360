//! Takes issuances out of the ledger that no one needs any more.

use std::{collections::BTreeSet, time::Duration};

use rusqlite::{Connection, OptionalExtension, params};
use tokend_core::Stamp;

use super::{ledger, party, stamp};
use crate::ports::Reservation;

/// How long issuances are kept at least: the longest month and a week over.
const KEPT_FOR: Duration = Duration::from_secs(40 * 24 * 3_600);

/// How many of an account's youngest issuances are kept whatever their age: a
/// clock that is far ahead for a while must not empty the ledger.
const KEPT: i64 = 128;

/// How many go at a time. More than one, so that a backlog shrinks; few, so that
/// no reservation has to wait long.
const AT_ONCE: i64 = 16;

/// Removes some of the account's oldest issuances, if they are old enough for the
/// budget and for people who look at them.
///
/// The youngest issuance of each credential stays: it tells whether the provider
/// refused the credential.
pub(super) fn prune(
    connection: &Connection,
    account: &[u8; 32],
    reservation: &Reservation,
) -> rusqlite::Result<()> {
    let windows = reservation.account.limits.iter().map(|limit| limit.window.longest());
    let age = windows.fold(KEPT_FOR, Duration::max);
    let is_old = |stamp: &Stamp| stamp.elapsed(&reservation.at).map(|elapsed| elapsed > age);
    let kept = KEPT.max(ledger::considered(&reservation.account));
    for (counts, kept) in [(true, kept), (false, 0)] {
        if oldest(connection, account, counts)?.is_some_and(|oldest| is_old(&oldest) != Some(false))
        {
            let candidates = dispensable(connection, account, counts, kept)?;
            // What was written before an old one is old, even if its clock was ahead.
            let old = candidates.iter().rposition(|(_, stamp)| is_old(stamp) == Some(true));
            let mut delete = connection.prepare_cached(
                "DELETE FROM issuances WHERE number = ? \
                 RETURNING credential, reserved_boot, settled_boot",
            )?;
            let mut boots = BTreeSet::new();
            for (number, _) in candidates.iter().take(old.map_or(0, |last| last + 1)) {
                let (credential, reserved, settled): (_, _, Option<i64>) = delete
                    .query_row([number], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
                party::forget_credential(connection, credential)?;
                boots.extend([reserved].into_iter().chain(settled));
            }
            for boot in boots {
                party::forget_boot(connection, boot)?;
            }
        }
    }
    Ok(())
}

/// Returns when the oldest of an account's issuances was, of those that count or
/// of those that don't.
fn oldest(
    connection: &Connection,
    account: &[u8; 32],
    counts: bool,
) -> rusqlite::Result<Option<Stamp>> {
    connection
        .prepare_cached(
            "SELECT reserved_wall_ms, reserved_boot_ms, \
             (SELECT id FROM ledger_boots WHERE number = reserved_boot), date_ms FROM issuances \
             WHERE account = (SELECT number FROM ledger_accounts WHERE id = ?) AND counts = ? \
             ORDER BY number LIMIT 1",
        )?
        .query_row(params![account, counts], |row| stamp::read(row, 0, row.get(3)?))
        .optional()
}

/// Returns the first issuances that may go if they are old: all but the youngest
/// `kept` and the youngest of each credential.
fn dispensable(
    connection: &Connection,
    account: &[u8; 32],
    counts: bool,
    kept: i64,
) -> rusqlite::Result<Vec<(i64, Stamp)>> {
    let youngest: Option<i64> = connection
        .prepare_cached(
            "SELECT number FROM issuances \
             WHERE account = (SELECT number FROM ledger_accounts WHERE id = ?) AND counts = ? \
             ORDER BY number DESC LIMIT 1 OFFSET ?",
        )?
        .query_row(params![account, counts, kept], |row| row.get(0))
        .optional()?;
    let Some(youngest) = youngest else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare_cached(
        "SELECT number, reserved_wall_ms, reserved_boot_ms, \
         (SELECT id FROM ledger_boots WHERE number = reserved_boot), date_ms \
         FROM issuances AS this \
         WHERE account = (SELECT number FROM ledger_accounts WHERE id = ?) AND counts = ? \
         AND number <= ? AND ( \
             EXISTS (SELECT 1 FROM issuances AS later \
                     WHERE later.credential = this.credential AND later.number > this.number) \
             OR NOT EXISTS (SELECT 1 FROM credentials WHERE id = \
                 (SELECT id FROM ledger_credentials WHERE number = this.credential))) \
         ORDER BY number LIMIT ?",
    )?;
    statement
        .query_map(params![account, counts, youngest, AT_ONCE], |row| {
            Ok((row.get(0)?, stamp::read(row, 1, row.get(4)?)?))
        })?
        .collect()
}
