//! Backups that are put in the place of a store.

use std::os::unix::fs::PermissionsExt as _;

use tokend_core::DoubtReason;

use super::{
    super::{
        mark::MARK,
        restore::{REPLACED, Restored, Staged, Step},
        schema,
    },
    *,
};

/// A store with a token, and a copy of it; since then, the token was replaced.
fn outdated() -> (Home, Vec<u8>) {
    let home = furnished();
    let copy = fs::read(home.database()).unwrap();
    let mut store = home.open();
    done(&mut store, &[reserve(3, at(20), &[]), issued(3, token(3, "new"), at(21))]);
    // A crash left what is new in its log.
    let crashed = home.crashed();
    fs::copy(home.path().join(MARK), crashed.path().join(MARK)).unwrap();
    (crashed, copy)
}

fn restore(home: &Home, copy: &[u8]) -> Result<Restored, OpenError> {
    let staged = Staged::take(home.path(), &mut &*copy)?;
    staged.place(None, &key(1), SplitMix::new(5))
}

/// What the paths begin with of stores that others took the place of.
fn beside_it(home: &Home) -> String {
    home.path().join(REPLACED).display().to_string()
}

/// The value that is served, and whether the refresh token is in doubt for a restoration.
fn state(home: &Home) -> (String, bool, bool) {
    use secrecy::ExposeSecret as _;
    let mut store = home.open();
    let loaded = store.load(&at(1_000)).unwrap();
    assert_eq!(loaded.damaged, []);
    let first = &loaded.credentials[0];
    let value = first.token.as_ref().unwrap().payload.value.expose_secret().to_owned();
    let doubt = first.history.doubt.as_ref().map(|doubt| doubt.reason);
    store.close().unwrap();
    (value, doubt == Some(DoubtReason::Restored), loaded.lacks)
}

fn files(home: &Home) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn the_restored_store_is_known_as_one_even_if_no_mark_is_left_and_the_one_before_is_kept() {
    for with_mark in [true, false] {
        let (home, copy) = outdated();
        if !with_mark {
            fs::remove_file(home.path().join(MARK)).unwrap();
        }
        let restored = restore(&home, &copy).unwrap();
        assert_eq!(restored.contents.credentials, 1);
        assert_eq!(state(&home), ("t0ken".to_owned(), true, true), "mark: {with_mark}");
        // With what was in its log.
        let kept = restored.kept.unwrap();
        assert!(kept.display().to_string().starts_with(&beside_it(&home)), "{kept:?}");
        assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
        let before = Home(closed_directory());
        fs::copy(kept, before.database()).unwrap();
        assert_eq!(state(&before).0, "new");
    }
}

#[test]
fn whenever_it_is_interrupted_there_is_one_store_and_it_can_be_done_again() {
    let mut seen = Vec::new();
    let (home, copy) = outdated();
    let staged = Staged::take(home.path(), &mut &*copy).unwrap();
    let mut crashes = Vec::new();
    let crash = |step| {
        let left = Home(closed_directory());
        for file in files(&home) {
            fs::copy(&file, left.path().join(file.file_name().unwrap())).unwrap();
        }
        crashes.push((step, left));
    };
    staged.place_by_steps(None, &key(1), SplitMix::new(5), crash).unwrap();
    for (step, left) in crashes {
        seen.push(step);
        let expected = match step {
            Step::Noted => ("new".to_owned(), false, false),
            // The next start goes on with it.
            Step::Decided | Step::Kept | Step::Cleared | Step::Placed => {
                ("t0ken".to_owned(), true, true)
            }
        };
        assert_eq!(state(&left), expected, "{step:?}");
        let kept = || {
            files(&left)
                .iter()
                .filter(|it| it.display().to_string().starts_with(&beside_it(&left)))
                .count()
        };
        // The one before is there once, however often it was begun with.
        // A copy of its directory has two files where there was one with two names.
        let is_linked = matches!(step, Step::Kept | Step::Cleared);
        let expected = if step == Step::Noted { 0..=0 } else { 1..=1 + usize::from(is_linked) };
        assert!(expected.contains(&kept()), "{step:?}");
        restore(&left, &copy).unwrap();
        assert_eq!(state(&left), ("t0ken".to_owned(), true, true), "{step:?}");
        assert!(kept() >= 1, "{step:?}");
    }
    assert_eq!(seen, [Step::Noted, Step::Decided, Step::Kept, Step::Cleared, Step::Placed]);
}

#[test]
fn what_is_no_whole_store_of_this_key_and_version_is_refused_and_nothing_has_changed() {
    let (home, copy) = outdated();
    let before: Vec<_> = files(&home).iter().map(|path| fs::read(path).unwrap()).collect();
    let mut newer = copy.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    let cut = &copy[..copy.len() / 2];
    let mut torn = copy.clone();
    let end = torn.len();
    torn[4_096..end].fill(0x55);
    for (what, bytes) in [
        ("isn't a store", &b"nonsense"[..]),
        ("isn't a store", b""),
        ("newer tokend", &newer),
        ("", cut),
        ("", &torn),
    ] {
        let error = restore(&home, bytes).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    let staged = Staged::take(home.path(), &mut &*copy).unwrap();
    let error = staged.place(None, &key(2), SplitMix::new(5)).unwrap_err();
    assert!(matches!(error, OpenError::WrongKey { .. }), "{error}");
    let names = ["tokend.db", "tokend.db-wal", "tokend.lock", "tokend.mark"];
    assert_eq!(files(&home), names.map(|name| home.path().join(name)));
    let after: Vec<_> = files(&home).iter().map(|path| fs::read(path).unwrap()).collect();
    // But for the lock, which says who had it.
    assert!(after[0] == before[0] && after[1] == before[1] && after[3] == before[2]);
    let in_use = home.open();
    let error = Staged::take(home.path(), &mut &*copy).err().unwrap();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    in_use.close().unwrap();
    assert_eq!(state(&home).0, "new");
}

#[test]
fn a_damaged_store_is_kept_as_it_is_and_gives_way() {
    let (home, copy) = outdated();
    let mut damaged = fs::read(home.database()).unwrap();
    damaged[..100].fill(0x55);
    fs::write(home.database(), &damaged).unwrap();
    fs::write(home.path().join("tokend.db-wal"), "of no use").unwrap();
    let kept = restore(&home, &copy).unwrap().kept.unwrap();
    assert!(fs::read(&kept).unwrap() == damaged);
    let log = fs::read(format!("{}-wal", kept.display())).unwrap();
    assert_eq!(log, b"of no use", "its log is kept, too");
    assert_eq!(state(&home), ("t0ken".to_owned(), true, true));
}

#[test]
fn a_backup_of_an_older_schema_is_brought_up_to_date() {
    let old = Home(closed_directory());
    super::upgrade::store_of_version(&old, 1);
    let copy = fs::read(old.database()).unwrap();
    let (home, _) = outdated();
    assert_eq!(restore(&home, &copy).unwrap().contents.schema, 1);
    let store = home.open();
    assert_eq!(schema::version(&store.connection).unwrap(), schema::NEWEST);
    assert!(store.before.is_none(), "the backup is the copy");
}
