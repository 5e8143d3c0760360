//! The tables, and how older databases get them.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::OpenError;

/// Marks the file as tokend's (`PRAGMA application_id`): "tokd".
const APPLICATION: i64 = 0x746f_6b64;

/// The steps that lead to the newest schema; the n-th leads to version n. A step
/// that was released is never changed.
pub(super) const STEPS: &[&str] = &[
    "
CREATE TABLE envelope (
    generation INTEGER PRIMARY KEY,
    key_id BLOB NOT NULL,
    data_key BLOB NOT NULL,
    index_key BLOB NOT NULL
) STRICT;

CREATE TABLE credentials (
    id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    sealed BLOB NOT NULL
) STRICT;

CREATE TABLE tokens (
    credential BLOB PRIMARY KEY NOT NULL REFERENCES credentials (id) ON DELETE CASCADE,
    sealed BLOB NOT NULL
) STRICT;

-- The ledger. It outlives the credentials: their issuances stay spent.
CREATE TABLE issuances (
    number INTEGER PRIMARY KEY, -- in the order of reservation
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    credential BLOB NOT NULL CHECK (length(credential) = 16),
    account BLOB NOT NULL CHECK (length(account) = 32),
    counts INTEGER NOT NULL DEFAULT 1 CHECK (counts IN (0, 1)),
    reserved_wall_ms INTEGER NOT NULL,
    reserved_boot_ms INTEGER NOT NULL,
    reserved_boot_id BLOB NOT NULL CHECK (length(reserved_boot_id) = 16),
    request BLOB NOT NULL,
    settled_wall_ms INTEGER,
    settled_boot_ms INTEGER,
    settled_boot_id BLOB CHECK (length(settled_boot_id) = 16),
    date_ms INTEGER, -- the provider's Date header
    outcome BLOB
) STRICT;

CREATE INDEX issuances_by_account ON issuances (account, counts);
CREATE INDEX issuances_by_credential ON issuances (credential);
",
    "
-- What providers have told of their limits, with an answer to an issuance.
CREATE TABLE quotas (
    number INTEGER PRIMARY KEY, -- in the order of the answers
    issuance BLOB NOT NULL CHECK (length(issuance) = 16),
    account BLOB NOT NULL CHECK (length(account) = 32),
    told_wall_ms INTEGER NOT NULL,
    told_boot_ms INTEGER NOT NULL,
    told_boot_id BLOB NOT NULL CHECK (length(told_boot_id) = 16),
    date_ms INTEGER,
    disproved INTEGER NOT NULL DEFAULT 0 CHECK (disproved IN (0, 1)), -- a token came since
    sealed BLOB NOT NULL
) STRICT;

CREATE INDEX quotas_by_account ON quotas (account);

-- Whether it replaced a token that had ended or was about to.
ALTER TABLE issuances ADD COLUMN planned INTEGER NOT NULL DEFAULT 1 CHECK (planned IN (0, 1));
",
    "
-- Refresh tokens that have been sent and not replaced.
CREATE TABLE refreshes (
    credential BLOB PRIMARY KEY NOT NULL REFERENCES credentials (id) ON DELETE CASCADE,
    sealed BLOB NOT NULL
) STRICT;

-- How far the store has come: one row. A mark outside of the database says so as well.
CREATE TABLE progress (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    count INTEGER NOT NULL
) STRICT;

INSERT INTO progress VALUES (1, 0);

-- So long after its reservation something of it may be sent.
ALTER TABLE issuances ADD COLUMN within_ms INTEGER NOT NULL DEFAULT 45000;
",
    "
-- Tokens that are to be ended at their providers. They outlive their credentials.
CREATE TABLE revocations (
    id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    sealed BLOB NOT NULL
) STRICT;
",
    "
-- That the store was restored from a backup: one row. The ledger lacks what was asked for
-- between the backup and the time at which that was noticed, NULL until a clock is read.
CREATE TABLE restoration (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    noticed_wall_ms INTEGER,
    noticed_boot_ms INTEGER,
    noticed_boot_id BLOB CHECK (length(noticed_boot_id) = 16)
) STRICT;

-- How much that was, as operators say.
CREATE TABLE accepted (
    account BLOB PRIMARY KEY NOT NULL CHECK (length(account) = 32),
    used INTEGER NOT NULL CHECK (used >= 0)
) STRICT;
",
    "
-- Whom the ledger's rows are about, each once.
CREATE TABLE ledger_accounts (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 32)
) STRICT;

CREATE TABLE ledger_credentials (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16)
) STRICT;

CREATE TABLE ledger_boots (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16)
) STRICT;

INSERT INTO ledger_accounts (id) SELECT DISTINCT account FROM issuances;
INSERT INTO ledger_credentials (id) SELECT DISTINCT credential FROM issuances;
INSERT INTO ledger_boots (id)
    SELECT reserved_boot_id FROM issuances
    UNION SELECT settled_boot_id FROM issuances WHERE settled_boot_id IS NOT NULL;

-- The ledger with their numbers. It outlives the credentials: their issuances stay spent.
CREATE TABLE numbered (
    number INTEGER PRIMARY KEY, -- in the order of reservation
    id BLOB NOT NULL CHECK (length(id) = 16),
    credential INTEGER NOT NULL,
    account INTEGER NOT NULL,
    counts INTEGER NOT NULL CHECK (counts IN (0, 1)),
    planned INTEGER NOT NULL CHECK (planned IN (0, 1)),
    reserved_wall_ms INTEGER NOT NULL,
    reserved_boot_ms INTEGER NOT NULL,
    reserved_boot INTEGER NOT NULL,
    within_ms INTEGER NOT NULL,
    request BLOB, -- until it is settled; the outcome has it then
    settled_wall_ms INTEGER,
    settled_boot_ms INTEGER,
    settled_boot INTEGER,
    date_ms INTEGER, -- the provider's Date header
    outcome BLOB,
    CHECK (request IS NOT NULL OR outcome IS NOT NULL)
) STRICT;

INSERT INTO numbered
    SELECT number, id,
        (SELECT number FROM ledger_credentials WHERE id = issuances.credential),
        (SELECT number FROM ledger_accounts WHERE id = issuances.account),
        counts, planned, reserved_wall_ms, reserved_boot_ms,
        (SELECT number FROM ledger_boots WHERE id = issuances.reserved_boot_id),
        within_ms, request, settled_wall_ms, settled_boot_ms,
        (SELECT number FROM ledger_boots WHERE id = issuances.settled_boot_id),
        date_ms, outcome
    FROM issuances ORDER BY number;

DROP TABLE issuances;
ALTER TABLE numbered RENAME TO issuances;

CREATE INDEX issuances_by_account ON issuances (account, counts);
CREATE INDEX issuances_by_credential ON issuances (credential);
CREATE INDEX issuances_unsettled ON issuances (id) WHERE outcome IS NULL;
",
];

/// The version that they lead to.
#[expect(clippy::cast_possible_wrap, reason = "there are few")]
pub(super) const NEWEST: i64 = STEPS.len() as i64;

/// Makes the tables in an empty database.
pub(super) fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "application_id", APPLICATION)?;
    migrate(connection, STEPS)
}

/// Refuses a database that isn't tokend's or that this version doesn't know.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let path = || path.to_owned();
    let sqlite = |source| OpenError::sqlite(&path(), source);
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application = pragma("application_id").map_err(sqlite)?;
    let found = version(connection).map_err(sqlite)?;
    if application != APPLICATION || found < 1 {
        return Err(OpenError::Foreign { path: path() });
    }
    if found > NEWEST {
        return Err(OpenError::Newer { path: path(), found, known: NEWEST });
    }
    Ok(())
}

/// Returns how many steps were done.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Does those of the `steps` that haven't been done yet, each in a transaction.
pub(super) fn migrate(connection: &mut Connection, steps: &[&str]) -> rusqlite::Result<()> {
    let done = version(connection)?;
    for (version, step) in (1_i64..).zip(steps).filter(|(version, _)| *version > done) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_missing_steps_are_done() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &["CREATE TABLE a (x)"]).unwrap();
        connection.execute_batch("INSERT INTO a VALUES (7)").unwrap();
        let steps = ["CREATE TABLE a (x)", "ALTER TABLE a ADD y DEFAULT 8", "CREATE TABLE b (z)"];
        migrate(&mut connection, &steps).unwrap();
        assert_eq!(version(&connection).unwrap(), 3);
        let row = connection.query_row("SELECT x, y FROM a", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        });
        assert_eq!(row.unwrap(), (7, 8));
    }

    #[test]
    fn a_step_that_fails_changes_nothing_and_keeps_the_ones_before_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        let steps = ["CREATE TABLE a (x)", "CREATE TABLE b (x); CREATE TABLE a (x)"];
        migrate(&mut connection, &steps).unwrap_err();
        assert_eq!(version(&connection).unwrap(), 1);
        let tables = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
        assert_eq!(tables.unwrap(), 1);
    }
}
