//! Looks at the ledger, for people.

use std::time::Duration;

use rusqlite::{Connection, Row, params};
use tokend_core::{Budget, Failure, IssuanceId, Stamp};

use super::{entry, envelope::Vault, ledger, quota, record::Outcome, restoration, stamp};
use crate::{
    credential::CredentialId,
    ports::{Account, Dated, Entry, Findings, Number, Query, Spending},
};

/// What counts as lately.
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// How many issuances of an account are looked at: more in a day are a fault that
/// shows all the same.
const MOST: i64 = 10_000;

/// Answers a look.
pub(super) fn find(
    connection: &Connection,
    vault: &Vault,
    query: &Query,
) -> rusqlite::Result<Findings> {
    match query {
        Query::Issuances { credential, before, limit } => {
            issuances(connection, vault, *credential, *before, *limit).map(Findings::Issuances)
        }
        Query::Budgets { accounts, at } => {
            let spending = accounts.iter().map(|account| spending(connection, vault, account, at));
            spending.collect::<Result<_, _>>().map(Findings::Budgets)
        }
        Query::Rows => {
            let mut statement = connection.prepare_cached("SELECT count(*) FROM issuances")?;
            let rows: i64 = statement.query_row([], |row| row.get(0))?;
            Ok(Findings::Rows(rows.unsigned_abs()))
        }
    }
}

fn issuances(
    connection: &Connection,
    vault: &Vault,
    credential: Option<CredentialId>,
    before: Option<Number>,
    limit: usize,
) -> rusqlite::Result<Vec<Entry>> {
    // Two statements, so that each finds its index.
    let condition = if credential.is_some() {
        "credential = (SELECT number FROM ledger_credentials WHERE id = ?1)"
    } else {
        "?1 IS NULL"
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT number, id, (SELECT id FROM ledger_credentials WHERE number = credential), \
         reserved_wall_ms, request, outcome, counts, settled_wall_ms, date_ms FROM issuances \
         WHERE {condition} AND number < ?2 ORDER BY number DESC LIMIT ?3"
    ))?;
    let before = before.map_or(i64::MAX, |number| number.0);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement
        .query_map(params![credential.map(|id| id.0), before, limit], |row| entry(vault, row))?;
    rows.collect()
}

fn entry(vault: &Vault, row: &Row<'_>) -> rusqlite::Result<Entry> {
    let (issuance, credential) = (IssuanceId(row.get(1)?), CredentialId(row.get(2)?));
    let id = ledger::row(issuance, credential);
    let (request, outcome): (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(4)?, row.get(5)?);
    let sealed = entry::open(vault, &id, request.as_deref(), outcome.as_deref());
    let (request, outcome) = sealed.ok().unzip();
    let outcome = outcome.flatten();
    Ok(Entry {
        number: Number(row.get(0)?),
        credential,
        at: stamp::wall(row.get(3)?),
        cause: request.map(|request| request.cause),
        took: outcome.as_ref().map(|outcome| outcome.took),
        end: outcome.map(|outcome| end(outcome.outcome)),
        counts: row.get(6)?,
        dated: row
            .get::<_, Option<i64>>(7)?
            .zip(row.get(8)?)
            .map(|(here, there)| Dated { here: stamp::wall(here), there: stamp::wall(there) }),
    })
}

fn end(outcome: Outcome) -> Result<(), Failure> {
    match outcome {
        Outcome::Issued => Ok(()),
        Outcome::Failed(failure) => Err(failure),
    }
}

fn spending(
    connection: &Connection,
    vault: &Vault,
    account: &Account,
    now: &Stamp,
) -> rusqlite::Result<Spending> {
    let key = vault.account(&account.name);
    let most = ledger::considered(account).max(MOST);
    let spent = ledger::spent(connection, &key, most, now)?;
    let quotas = quota::read(connection, vault, &key)?;
    let Account { limits, sharers, .. } = account;
    let presumed = restoration::presumed(connection, &key, now)?;
    let budget = Budget { limits, quotas: &quotas, spent: &spent, presumed, sharers: *sharers };
    let lately = spent.iter().filter(|spent| spent.at.elapsed(now).is_none_or(|age| age < DAY));
    let last_day = u32::try_from(lately.count()).unwrap_or(u32::MAX);
    Ok(Spending { usages: budget.usage(now), last_day })
}
