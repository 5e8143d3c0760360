//! The copy from before a schema is upgraded.

use std::{env, process::Command};

use super::{
    super::{
        database,
        envelope::Vault,
        schema::{self, NEWEST, STEPS},
        upgrade::BEFORE,
        writer::Writer,
    },
    *,
};

/// Makes a store as a tokend with this schema has made it, with a credential in it.
pub(super) fn store_of_version(home: &Home, version: usize) {
    let path = home.database();
    database::draft(&path, &key(1), &mut SplitMix::new(1)).unwrap();
    fs::remove_file(&path).unwrap();
    super::super::privacy::create(&path).unwrap();
    let mut connection = database::connect(&path).unwrap();
    connection.pragma_update(None, "application_id", 0x746f_6b64).unwrap();
    schema::migrate(&mut connection, &STEPS[..version]).unwrap();
    Vault::create(&connection, &key(1), &mut SplitMix::new(1)).unwrap();
    let vault = Vault::open(&connection, &key(1), &path).unwrap();
    let mut random = SplitMix::new(3);
    let mut writer = Writer { connection: &connection, vault: &vault, random: &mut random };
    writer.apply(&Write::Credential(credential(1, "causely"))).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
}

fn old(version: usize) -> Home {
    let home = Home(closed_directory());
    store_of_version(&home, version);
    home
}

/// The copies beside a store, each with the version of its schema.
fn copies(home: &Home) -> Vec<(String, i64)> {
    let entries = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap());
    let copies = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().unwrap();
        name.starts_with(BEFORE).then(|| {
            let copy = Home(closed_directory());
            fs::copy(entry.path(), copy.database()).unwrap();
            let version = schema::version(&copy.raw()).unwrap();
            assert_eq!(loaded(&mut copy.open()).len(), 1, "it is whole");
            (name, version)
        })
    });
    copies.collect()
}

fn newest() -> String {
    format!("{BEFORE}{NEWEST}")
}

#[test]
fn every_older_store_is_copied_before_it_is_upgraded_and_the_newest_is_not() {
    for version in 1..STEPS.len() {
        let home = old(version);
        let mut store = home.open();
        assert_eq!(loaded(&mut store).len(), 1);
        assert_eq!(schema::version(&store.connection).unwrap(), NEWEST);
        drop(store);
        let made = i64::try_from(version).unwrap();
        assert_eq!(copies(&home), [(newest(), made)]);
        // It is made once.
        drop(home.open());
        assert_eq!(copies(&home), [(newest(), made)]);
    }
    let home = furnished();
    drop(home.open());
    assert_eq!(copies(&home), []);
}

#[test]
fn wherever_an_upgrade_is_interrupted_the_copy_is_of_the_store_before_it() {
    for done in 1..STEPS.len() {
        let home = old(1);
        // The copy is there, and so are some steps.
        drop(home.open());
        let copy = fs::read(home.path().join(newest())).unwrap();
        fs::write(home.database(), &copy).unwrap();
        schema::migrate(&mut database::connect(&home.database()).unwrap(), &STEPS[..done]).unwrap();
        // Another upgrade was half copied as well.
        fs::write(home.path().join("tokend.db.copy-before"), "half").unwrap();
        let mut store = home.open();
        assert_eq!(loaded(&mut store).len(), 1);
        drop(store);
        assert_eq!(copies(&home), [(newest(), 1)], "{done} steps were done");
        assert!(!home.path().join("tokend.db.copy-before").exists());
    }
}

#[test]
fn a_copy_that_can_not_be_made_stops_the_upgrade_before_anything_has_changed() {
    let home = old(2);
    fs::create_dir(home.path().join(newest())).unwrap();
    let before = fs::read(home.database()).unwrap();
    let error = Store::open(home.path(), None, &key(1), SplitMix::new(2)).err().unwrap();
    assert!(matches!(&error, OpenError::Io { path, .. } if path.ends_with(newest())), "{error}");
    assert!(fs::read(home.database()).unwrap() == before);
    fs::remove_dir(home.path().join(newest())).unwrap();
    drop(home.open());
    assert_eq!(copies(&home), [(newest(), 2)]);

    let full = OpenError::uncopied(&home.database(), std::io::ErrorKind::StorageFull.into());
    assert!(matches!(&full, OpenError::NoRoom { .. }), "{full}");
}

#[test]
fn one_copy_is_kept_and_it_goes_as_soon_as_something_is_to_be_in_no_file_any_more() {
    let removed = |change: fn(&mut Store<SplitMix>)| {
        let home = old(2);
        let earlier = home.path().join(format!("{BEFORE}2"));
        fs::copy(home.database(), &earlier).unwrap();
        let mut store = home.open();
        assert!(!earlier.exists());
        // What refreshes replace leaves it alone.
        done(&mut store, &[reserve(1, at(0), &[]), issued(1, token(1, "t0ken"), at(1))]);
        assert_eq!(copies(&home).len(), 1);
        change(&mut store);
        assert_eq!(copies(&home), []);
    };
    removed(|store| done(store, &[Write::Remove(CredentialId([1; 16]))]));
    removed(|store| done(store, &[Write::Credential(credential(1, "causely"))]));
    removed(|store| store.rewrap(&key(1), &key(2)).unwrap());
    removed(|store| assert_eq!(store.rotate(&key(1)).unwrap(), 0));
}

#[test]
fn a_week_later_the_copy_is_gone_at_the_next_start() {
    let home = old(2);
    let made = |home: &Home| fs::metadata(home.path().join(newest())).unwrap().modified().unwrap();
    drop(home.open());
    let start = |days: u64| {
        let mut now = at(0);
        let made = jiff::Timestamp::try_from(made(&home)).unwrap();
        now.moment.wall = tokend_core::after(made, Duration::from_secs(days * 24 * 3_600 + 1));
        home.open().load(&now).unwrap();
    };
    start(6);
    assert_eq!(copies(&home).len(), 1);
    start(7);
    assert_eq!(copies(&home), []);
}

/// Names the directory in which another process of this test does its part.
const PART: &str = "TOKEND_TEST_UPGRADE";

/// Prepares this test's part in another process.
fn part(test: &str, directory: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", &format!("store::tests::upgrade::{test}")]);
    command.env(PART, directory).stdout(std::process::Stdio::null());
    command
}

#[test]
fn a_process_that_is_killed_while_it_upgrades_leaves_a_store_and_its_copy() {
    if let Some(directory) = env::var_os(PART) {
        let opened = Store::open(Path::new(&directory), None, &key(1), SplitMix::new(2));
        drop(opened.unwrap());
        return;
    }
    let test = "a_process_that_is_killed_while_it_upgrades_leaves_a_store_and_its_copy";
    // What is there at the moment of the kill: nothing, a part of the copy, the copy.
    for sign in ["tokend.lock", "tokend.db.copy-before", &newest()] {
        let home = old(1);
        let mut other = part(test, home.path()).spawn().unwrap();
        while !home.path().join(sign).exists() && other.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        let _ = other.kill();
        other.wait().unwrap();
        let mut store = home.open();
        assert_eq!(loaded(&mut store).len(), 1, "{sign}");
        assert_eq!(schema::version(&store.connection).unwrap(), NEWEST);
        drop(store);
        assert_eq!(copies(&home), [(newest(), 1)], "{sign}");
    }
}
