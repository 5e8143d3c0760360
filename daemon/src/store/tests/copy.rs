//! Copies that are made while the store is in use.

use std::{
    io::Read as _,
    sync::{Arc, mpsc},
};

use super::{
    super::{copy::COPY, restore::Staged},
    *,
};
use crate::ports::{Backups as _, Store as _, StoreCopy, Ticket, Unchecked};

/// Copies the store to the end, and does something after each slice.
fn copied(store: &mut Store<SplitMix>, mut between: impl FnMut(&mut Store<SplitMix>)) -> StoreCopy {
    store.begin_copy().unwrap();
    loop {
        between(store);
        if let Some(copied) = store.copy_more() {
            return copied.unwrap().check().unwrap();
        }
    }
}

fn bytes(mut copy: StoreCopy) -> Vec<u8> {
    let mut bytes = Vec::new();
    copy.file.read_to_end(&mut bytes).unwrap();
    assert_eq!(copy.size, bytes.len() as u64);
    bytes
}

/// Returns a home whose store is this copy.
fn restored(bytes: &[u8]) -> Home {
    let home = Home::new();
    let staged = Staged::take(home.path(), &mut &*bytes).unwrap();
    staged.place(None, &key(1), SplitMix::new(9)).unwrap();
    home
}

fn names(home: &Home) -> Vec<String> {
    let entries = fs::read_dir(home.path()).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> = entries.map(|it| name(it).into_string().unwrap()).collect();
    names.sort();
    names
}

/// A store of several slices.
fn large() -> Home {
    let home = Home::new();
    let mut store = home.open();
    for id in 0..40 {
        let mut credential = Credential::clone(&credential(id, &format!("c{id}")));
        credential.secrets.insert("client_secret".into(), "x".repeat(100_000).into());
        done(&mut store, &[Write::Credential(Arc::new(credential))]);
    }
    store.close().unwrap();
    home
}

#[test]
fn a_copy_is_of_the_moment_at_which_it_was_begun_whatever_is_written_meanwhile() {
    let home = large();
    let mut store = home.open();
    let mut number = 0;
    let copy = copied(&mut store, |store| {
        number += 1;
        done(store, &[reserve(number, at(number), &[])]);
    });
    assert!(number > 3, "it took {number} slices");
    assert_eq!(copy.contents.credentials, 40);
    assert!(!copy.contents.is_derived && copy.contents.key_id.len() == 16);
    let restored = restored(&bytes(copy));
    let mut of_then = restored.open();
    assert_eq!(loaded(&mut of_then).len(), 40);
    let ledger = |store: &Store<SplitMix>| -> u64 {
        let count = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        let sql = "SELECT count(*) FROM issuances";
        store.connection.query_row(sql, [], count).unwrap().unsigned_abs()
    };
    assert_eq!((ledger(&of_then), ledger(&store)), (0, number));
    // What was written is safe, and nothing is left of the copy.
    drop(store);
    assert_eq!(ledger(&home.open()), number);
    assert_eq!(names(&home), ["tokend.db", "tokend.lock", "tokend.mark"]);
}

#[test]
fn what_is_removed_meanwhile_leaves_the_store_at_once_and_the_copy_is_whole_all_the_same() {
    let home = large();
    let mut store = home.open();
    let copy = copied(&mut store, |store| {
        done(store, &[Write::Remove(CredentialId([7; 16]))]);
        assert_eq!(fs::metadata(home.path().join("tokend.db-wal")).unwrap().len(), 0);
    });
    assert_eq!(copy.contents.credentials, 40);
    assert_eq!(loaded(&mut restored(&bytes(copy)).open()).len(), 40);
    assert_eq!(loaded(&mut store).len(), 39);
}

#[test]
fn a_damaged_store_is_not_copied() {
    let home = large();
    let mut database = fs::read(home.database()).unwrap();
    let middle = database.len() / 2 / 4_096 * 4_096;
    database[middle..middle + 4_096].fill(0x55);
    fs::write(home.database(), database).unwrap();
    let mut store = home.open();
    store.begin_copy().unwrap();
    let copied = loop {
        if let Some(copied) = store.copy_more() {
            break copied.unwrap();
        }
    };
    let failure = copied.check().unwrap_err();
    assert!(failure.message.contains("damaged") && !failure.full, "{failure:?}");
}

#[test]
fn what_a_crash_left_of_a_copy_is_gone_with_the_next_start() {
    let home = furnished();
    let mut store = home.open();
    store.begin_copy().unwrap();
    assert!(names(&home).contains(&format!("{COPY}1")));
    let left = Home(closed_directory());
    for name in names(&home) {
        fs::copy(home.path().join(&name), left.path().join(&name)).unwrap();
    }
    assert_eq!(loaded(&mut left.open()).len(), 1);
    assert!(!names(&left).contains(&format!("{COPY}1")));
    // In order, too.
    store.close().unwrap();
    assert!(!names(&home).contains(&format!("{COPY}1")));
}

#[test]
fn copies_are_made_one_after_the_other_between_writes() {
    let home = large();
    let (sender, answers) = mpsc::channel();
    let mut worker =
        Worker::spawn(home.open(), move |answer| sender.send(answer).unwrap()).unwrap();
    let backups = worker.copier();
    let given_up = backups.copy();
    drop(given_up);
    let copies = [backups.copy(), backups.copy()];
    for number in 1..=50 {
        worker.submit(Ticket(number), reserve(number, at(number), &[]));
    }
    let copies = copies.map(|copy| {
        let unchecked: Unchecked = copy.blocking_recv().unwrap().unwrap();
        unchecked().unwrap()
    });
    assert!(copies.iter().all(|copy| copy.contents.credentials == 40));
    worker.finish().unwrap();
    assert_eq!(answers.iter().count(), 50);
    assert!(backups.copy().blocking_recv().is_err(), "the store is closed");
}

#[test]
fn a_store_that_nothing_uses_is_examined_and_stays_as_it_is() {
    let home = furnished();
    let crashed = {
        let mut store = home.open();
        done(&mut store, &[reserve(3, at(20), &[])]);
        home.crashed()
    };
    let files = |home: &Home| {
        let read = |name: &String| fs::read(home.path().join(name)).unwrap();
        names(home).iter().filter(|name| *name != "tokend.lock").map(read).collect::<Vec<_>>()
    };
    let before = files(&crashed);
    assert_eq!(examine(crashed.path(), Some(&key(1))).unwrap().credentials, 1);
    let error = examine(crashed.path(), Some(&key(2))).unwrap_err();
    assert!(matches!(error, OpenError::WrongKey { .. }), "{error}");
    assert!(files(&crashed) == before);
    let store = home.open();
    let error = examine(home.path(), None).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    drop(store);
    let left = ["tokend.db.before-v5", "tokend.db.replaced-now"].map(|name| home.path().join(name));
    for path in &left {
        fs::write(path, "").unwrap();
    }
    assert_eq!(leftovers(home.path()), left);
}
