//! Shows that the disk of a world loses what a real one may lose, and nothing else.

use rusqlite::Connection;

use crate::world::{Ending, platter::Platter, vfs::Watched};

const ROWS: u32 = 5;

/// Writes some rows, ends, and returns how many are there afterwards.
fn left(synchronous: &str, ending: Ending) -> u32 {
    let directory = tempfile::tempdir().unwrap();
    let watched = Watched::new(directory.path());
    let path = directory.path().join("rows.db");
    let connect = || {
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE").unwrap();
        connection
    };
    let connection = connect();
    connection.execute_batch("CREATE TABLE rows (number INTEGER) STRICT").unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.pragma_update(None, "synchronous", synchronous).unwrap();
    for number in 0..ROWS {
        connection.execute("INSERT INTO rows VALUES (?)", [number]).unwrap();
    }
    watched.platter().end(ending);
    assert!(connection.execute("INSERT INTO rows VALUES (9)", []).is_err(), "it has ended");
    drop(connection);
    watched.platter().settle().unwrap();
    let connection = connect();
    let sound: String =
        connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    connection.query_row("SELECT count(*) FROM rows", [], |row| row.get(0)).unwrap()
}

#[test]
fn what_was_synced_outlives_any_power_cut_and_what_was_not_may_be_lost() {
    let cuts = || (0..60).map(Ending::PowerCut);
    assert!(cuts().all(|ending| left("FULL", ending) == ROWS));
    let lazy: Vec<u32> = cuts().map(|ending| left("NORMAL", ending)).collect();
    for rows in 0..=ROWS {
        assert!(lazy.contains(&rows), "{rows} rows are never left: {lazy:?}");
    }
}

#[test]
fn what_was_written_outlives_a_kill() {
    assert_eq!(left("NORMAL", Ending::Kill), ROWS);
    assert_eq!(left("OFF", Ending::Kill), ROWS);
}

#[test]
fn a_write_that_was_not_synced_may_be_torn() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let file =
        std::fs::File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    let mut torn = 0;
    for seed in 0..60 {
        let mut platter = Platter::default();
        std::fs::write(&path, [b'.'; 2_048]).unwrap();
        platter.opened(&path, &file, false).unwrap();
        platter.write(&path, &file, &[b'#'; 1_024], 512).unwrap();
        platter.end(Ending::PowerCut(seed));
        platter.settle().unwrap();
        let left = std::fs::read(&path).unwrap();
        assert!(left[..512].iter().chain(&left[1_536..]).all(|byte| *byte == b'.'));
        // A sector is whole.
        assert!(left.chunks(512).all(|sector| sector.iter().all(|byte| *byte == sector[0])));
        torn += u32::from(left[512] != left[1_024]);
    }
    assert!(torn > 3, "{torn}");
}

#[test]
fn what_a_failed_sync_has_lost_no_later_one_brings_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let file =
        std::fs::File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    let lost = |seed| {
        let mut platter = Platter::default();
        std::fs::write(&path, ".").unwrap();
        platter.opened(&path, &file, false).unwrap();
        platter.write(&path, &file, b"#", 0).unwrap();
        platter.expect(0, crate::world::Trouble::SyncFails(seed));
        assert!(platter.sync(&path).is_err());
        platter.sync(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"#", "it can be read as long as there is power");
        platter.end(Ending::PowerCut(0));
        platter.settle().unwrap();
        std::fs::read(&path).unwrap() == b"."
    };
    assert!((0..20).any(lost) && !(0..20).all(lost));
}
