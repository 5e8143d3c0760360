//! A new data key for everything.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokend_core::Quota;

use super::{
    super::{rotation::SEALED, seal::hexadecimal},
    budget::told,
    journal::send,
    revocation::{revocation, revoke},
    *,
};
use crate::ports::Leaving;

/// Gives out after so many draws, as if the process had been killed there.
pub(super) struct Mortal {
    pub(super) random: SplitMix,
    pub(super) left: usize,
}

impl Random for Mortal {
    fn fill(&mut self, bytes: &mut [u8]) {
        assert!(self.left > 0, "killed, as the test wants");
        self.left -= 1;
        self.random.fill(bytes);
    }
}

/// A store with a cell in each sealed column.
pub(super) fn complete() -> Home {
    let home = furnished();
    let mut store = home.open();
    let quota = Quota { limit: None, remaining: 0, reset_after: Duration::from_secs(600) };
    done(
        &mut store,
        &[
            send(3, "r3fresh", at(20)),
            reserve(4, at(30), &[]),
            told(4, quota, at(31)),
            revoke(revocation(7, 9), Leaving::Token),
        ],
    );
    store.close().unwrap();
    home
}

/// Returns how often each data key has sealed a cell, by its number; the envelope's own too.
pub(super) fn generations(home: &Home) -> BTreeMap<u32, usize> {
    let raw = home.raw();
    let mut found = BTreeMap::new();
    let cells = SEALED.map(|(column, _)| column).map(|column| (column.table, column.name));
    for (table, name) in cells.into_iter().chain([("envelope", "index_key")]) {
        let sql = format!("SELECT {name} FROM {table} WHERE {name} IS NOT NULL");
        let mut statement = raw.prepare(&sql).unwrap();
        let sealed = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        let sealed: Vec<_> = sealed.map(Result::unwrap).collect();
        assert!(!sealed.is_empty(), "{table}.{name}");
        for cell in sealed {
            let generation = cell[2..6].try_into().unwrap();
            *found.entry(u32::from_be_bytes(generation)).or_default() += 1;
        }
    }
    found
}

#[test]
fn every_sealed_column_is_known() {
    let plain = ["id", "credential", "account", "issuance"];
    let home = furnished();
    let raw = home.raw();
    let mut statement = raw
        .prepare(
            "SELECT tables.name, columns.name FROM sqlite_schema AS tables, \
             pragma_table_info(tables.name) AS columns \
             WHERE tables.type = 'table' AND columns.type = 'BLOB' AND tables.name <> 'envelope'",
        )
        .unwrap();
    let columns = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let mut found: Vec<(String, String)> = columns
        .map(Result::unwrap)
        .filter(|(_, name): &(String, String)| {
            !plain.contains(&name.as_str()) && !name.ends_with("_boot_id")
        })
        .collect();
    found.sort();
    let mut known =
        SEALED.map(|(column, _)| (column.table.to_owned(), column.name.to_owned())).to_vec();
    known.sort();
    assert_eq!(found, known);
}

#[test]
fn wherever_it_is_interrupted_one_key_opens_every_row_and_it_can_be_done_again() {
    let mut interrupted = 0;
    for left in 0.. {
        let home = complete();
        let cells: usize = generations(&home).values().sum();
        let random = Mortal { random: SplitMix::new(4), left };
        let mut store = Store::open(home.path(), None, &key(1), random).unwrap();
        let ended = catch_unwind(AssertUnwindSafe(|| store.rotate(&key(1)).unwrap()));
        // Before the transaction is rolled back at the next start, and after.
        let killed = home.crashed();
        drop(store);
        let generation = if ended.is_ok() { 2 } else { 1 };
        for home in [&killed, &home] {
            assert_eq!(loaded(&mut home.open()).len(), 1);
            assert_eq!(generations(home), [(generation, cells)].into());
            let mut store = home.open();
            assert_eq!(store.rotate(&key(1)).unwrap(), 0);
            store.close().unwrap();
            assert_eq!(generations(home), [(generation + 1, cells)].into());
            assert_eq!(loaded(&mut home.open()).len(), 1);
        }
        if ended.is_ok() {
            break;
        }
        interrupted += 1;
    }
    assert!(interrupted > 5, "{interrupted}");
}

#[test]
fn what_was_sealed_before_is_in_no_file_afterwards_and_the_ledger_stays_as_it_was() {
    let home = furnished();
    let read = |sql: &str| -> Vec<u8> { home.raw().query_row(sql, [], |row| row.get(0)).unwrap() };
    let sealed = [
        "SELECT sealed FROM credentials",
        "SELECT sealed FROM tokens",
        "SELECT outcome FROM issuances",
        "SELECT data_key FROM envelope",
    ];
    let before = sealed.map(read);
    let account = read("SELECT id FROM ledger_accounts");
    let mut store = home.open();
    store.rotate(&key(1)).unwrap();
    done(&mut store, &[reserve(9, at(20), &[])]);
    store.close().unwrap();
    for entry in fs::read_dir(home.path()).unwrap() {
        let content = fs::read(entry.unwrap().path()).unwrap();
        for cell in &before {
            let found = content.windows(cell.len()).any(|window| window == cell);
            assert!(!found, "{}", hexadecimal(cell));
        }
    }
    let accounts: i64 = home
        .raw()
        .query_row(
            "SELECT count(*) FROM issuances JOIN ledger_accounts AS accounts \
             ON accounts.number = account WHERE accounts.id = ?",
            [account],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(accounts, 3);
}

#[test]
fn a_damaged_row_stays_damaged_and_harms_no_other() {
    let home = furnished();
    done(&mut home.open(), &[Write::Credential(credential(2, "another"))]);
    home.raw()
        .execute("UPDATE credentials SET sealed = zeroblob(60) WHERE id = ?", [[2_u8; 16]])
        .unwrap();
    let mut store = home.open();
    assert_eq!(store.rotate(&key(1)).unwrap(), 1);
    let loaded = store.load(&at(1_000)).unwrap();
    assert_eq!((loaded.credentials.len(), loaded.damaged.len()), (1, 1));
}

#[test]
fn another_key_can_not_rotate() {
    let home = furnished();
    let mut store = home.open();
    let error = store.rotate(&key(2)).unwrap_err();
    assert!(matches!(error, OpenError::WrongKey { .. }), "{error}");
    assert_eq!(loaded(&mut store).len(), 1);
}
