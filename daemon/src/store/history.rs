//! Tells from the ledger how a credential's latest issuances went.

use rusqlite::Connection;
use tokend_core::{Cause, Failure, History, IssuanceId, Stamp, Verdict};

use super::{
    entry,
    envelope::Vault,
    ledger,
    record::{Outcome, RequestRecord},
    seal::Broken,
    stamp,
};
use crate::credential::CredentialId;

/// How many failures in a row are counted. Waits stop growing long before, and a
/// start must not read weeks of them.
const MOST_FAILURES: u32 = 1_000;

/// Reads a credential's history. A row that can't be opened makes all of it
/// unknown.
pub(super) fn read(
    connection: &Connection,
    vault: &Vault,
    credential: CredentialId,
    now: &Stamp,
) -> rusqlite::Result<Result<History, Broken>> {
    let mut history = History::default();
    let mut statement = connection.prepare_cached(
        "SELECT id, request, outcome, reserved_wall_ms, reserved_boot_ms, \
         (SELECT id FROM ledger_boots WHERE number = reserved_boot), \
         settled_wall_ms, settled_boot_ms, \
         (SELECT id FROM ledger_boots WHERE number = settled_boot) \
         FROM issuances WHERE credential = (SELECT number FROM ledger_credentials WHERE id = ?) \
         ORDER BY number DESC LIMIT ?",
    )?;
    let mut rows = statement.query((credential.0, MOST_FAILURES))?;
    let (mut is_known, mut is_said) = (false, false);
    while let Some(row) = rows.next()? {
        let issuance = IssuanceId(row.get(0)?);
        let id = ledger::row(issuance, credential);
        let (request, outcome): (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(1)?, row.get(2)?);
        let (RequestRecord { cause, replacements }, outcome) =
            match entry::open(vault, &id, request.as_deref(), outcome.as_deref()) {
                Ok((request, record)) => (request, record.map(|record| record.outcome)),
                Err(broken) => return Ok(Err(broken)),
            };
        // That a person has been interrupted, or that the machine lacked something, says nothing
        // of what the credential can do.
        let is_telling = match &outcome {
            Some(Outcome::Issued) => true,
            Some(Outcome::Failed(Failure { verdict: Verdict::Local, .. })) => false,
            _ => cause != Cause::Login,
        };
        if !is_telling {
            continue;
        }
        if !std::mem::replace(&mut is_known, true) {
            history.replacements = replacements;
        }
        let (failure, at) = match outcome {
            Some(Outcome::Issued) => break,
            Some(Outcome::Failed(failure)) => (failure, stamp::read(row, 6, None)?),
            None => (unknown_fate(), stamp::read(row, 3, None)?),
        };
        let ago = at.elapsed(now).unwrap_or_default();
        if !is_said && let Some(demanded) = failure.demanded() {
            is_said = true;
            history.away = Some(demanded.saturating_sub(ago)).filter(|left| !left.is_zero());
        }
        history.consecutive_failures += 1;
        history.latest.get_or_insert(issuance);
        history.last_failure.get_or_insert((failure, at.moment.wall, ago));
    }
    Ok(Ok(history))
}

fn unknown_fate() -> Failure {
    Failure {
        verdict: Verdict::Transient,
        retry_after: None,
        message: "tokend ended before the answer came".into(),
    }
}
