//! Stores that aren't opened stay as they are.

use std::os::unix::fs::PermissionsExt;

use super::{super::schema::NEWEST, *};

/// Returns the content of every file but the lock.
fn snapshot(home: &Home) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().path());
    paths
        .filter(|path| !path.ends_with("tokend.lock"))
        .map(|path| (path.clone(), fs::read(&path).unwrap()))
        .collect()
}

fn refused(home: &Home, key: &Key) -> OpenError {
    Store::open(home.path(), None, key, SplitMix::new(3)).err().expect("it is refused")
}

#[test]
fn the_wrong_key_is_told_and_nothing_is_overwritten() {
    let home = furnished();
    let before = snapshot(&home);
    let error = refused(&home, &key(2));
    assert!(matches!(error, OpenError::WrongKey { .. }));
    assert!(error.to_string().contains("give the key that was made with it"), "{error}");
    assert_eq!(snapshot(&home)[&home.database()], before[&home.database()]);
    assert_eq!(loaded(&mut home.open()).len(), 1, "the right one still fits");
}

#[test]
fn the_wrong_key_leaves_the_log_of_a_crash_alone() {
    let home = Home::new();
    let mut store = home.open();
    done(&mut store, &[Write::Credential(credential(1, "causely"))]);
    let crashed = home.crashed();
    let before = snapshot(&crashed);
    refused(&crashed, &key(2));
    let after = snapshot(&crashed);
    for (path, content) in before {
        assert!(after[&path] == content, "{}", path.display());
    }
    assert_eq!(loaded(&mut crashed.open()).len(), 1);
}

#[test]
fn a_second_daemon_is_refused_while_the_first_one_lives() {
    let home = furnished();
    let store = home.open();
    let error = refused(&home, &key(1)).to_string();
    let wanted = format!(
        "another tokend (pid {}) uses {}: stop it first",
        std::process::id(),
        home.path().display()
    );
    assert_eq!(error, wanted);
    let error = Store::create(home.path(), &key(1), SplitMix::new(1)).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }));
    store.close().unwrap();
    home.open();
}

#[test]
fn a_newer_schema_is_refused_without_writing() {
    let home = furnished();
    home.raw().pragma_update(None, "user_version", 99).unwrap();
    let before = snapshot(&home);
    let error = refused(&home, &key(1));
    let OpenError::Newer { found: 99, known, .. } = error else { panic!("{error}") };
    assert_eq!(known, NEWEST);
    assert_eq!(snapshot(&home)[&home.database()], before[&home.database()]);
}

#[test]
fn other_files_are_no_stores() {
    let home = Home::new();
    home.raw().pragma_update(None, "application_id", 7).unwrap();
    assert!(matches!(refused(&home, &key(1)), OpenError::Foreign { .. }));
    for content in ["", "no database at all, but longer than the header of one .............."] {
        let content = content.repeat(10);
        fs::write(home.database(), &content).unwrap();
        let error = refused(&home, &key(1));
        assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
        assert_eq!(fs::read_to_string(home.database()).unwrap(), content);
    }
}

#[test]
fn a_store_that_is_missing_is_not_made_by_opening_it() {
    let home = Home(closed_directory());
    let error = refused(&home, &key(1));
    assert!(error.to_string().contains("tokend init"), "{error}");
    assert!(!home.database().exists());
}

#[test]
fn a_store_that_is_there_is_not_made_anew() {
    let home = furnished();
    let before = snapshot(&home);
    let error = Store::create(home.path(), &key(1), SplitMix::new(4)).unwrap_err();
    assert!(matches!(error, OpenError::Exists { .. }));
    assert_eq!(snapshot(&home), before);
}

#[test]
fn what_an_interrupted_creation_left_is_no_obstacle() {
    let home = Home(closed_directory());
    let draft = home.path().join("tokend.db.new");
    fs::write(&draft, "half a database").unwrap();
    assert!(matches!(refused(&home, &key(1)), OpenError::Missing { .. }));
    Store::create(home.path(), &key(1), SplitMix::new(1)).unwrap();
    assert!(!draft.exists());
    home.open();
}

#[test]
fn a_database_that_others_can_read_is_refused() {
    let home = furnished();
    fs::set_permissions(home.database(), fs::Permissions::from_mode(0o640)).unwrap();
    let error = refused(&home, &key(1)).to_string();
    assert!(error.ends_with(&format!("`chmod 600 {}`", home.database().display())), "{error}");
}

#[test]
fn a_file_beside_the_database_that_others_can_read_is_refused() {
    let home = furnished();
    for name in ["tokend.db-wal", "tokend.db-journal", "tokend.lock", "tokend.mark"] {
        let path = home.path().join(name);
        let was_there = path.exists();
        fs::File::options().append(true).create(true).open(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
        let error = refused(&home, &key(1)).to_string();
        assert!(error.ends_with(&format!("`chmod 600 {}`", path.display())), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        if !was_there {
            fs::remove_file(&path).unwrap();
        }
    }
    home.open();
}

#[test]
fn the_log_of_a_store_that_is_gone_is_not_taken_for_a_new_ones() {
    let home = Home::new();
    let mut store = home.open();
    done(&mut store, &[Write::Credential(credential(1, "causely"))]);
    let crashed = home.crashed();
    fs::remove_file(crashed.database()).unwrap();
    let error = Store::create(crashed.path(), &key(1), SplitMix::new(1)).unwrap_err();
    assert!(matches!(error, OpenError::Leftover { .. }), "{error}");
    fs::remove_file(crashed.path().join("tokend.db-wal")).unwrap();
    Store::create(crashed.path(), &key(1), SplitMix::new(1)).unwrap();
    assert_eq!(loaded(&mut crashed.open()).len(), 0);
}
