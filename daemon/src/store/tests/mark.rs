use tokend_core::DoubtReason;

use super::{super::mark::MARK, *};

/// Copies the database away, as a backup does.
pub(super) fn backup(home: &Home) -> TempDir {
    let copy = closed_directory();
    for name in ["tokend.db", "tokend.db-wal"] {
        let from = home.path().join(name);
        if from.exists() {
            fs::copy(from, copy.path().join(name)).unwrap();
        }
    }
    copy
}

pub(super) fn restore(home: &Home, copy: &TempDir) {
    let _ = fs::remove_file(home.path().join("tokend.db-wal"));
    for file in fs::read_dir(copy.path()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), home.path().join(file.file_name())).unwrap();
    }
}

/// A credential whose token was issued once.
fn kept(home: &Home, elsewhere: Option<&Path>) {
    let mut store = open(home, elsewhere);
    let writes = [
        Write::Credential(credential(1, "causely")),
        reserve(1, at(0), &[]),
        issued(1, token(1, "t0ken"), at(1)),
    ];
    done(&mut store, &writes);
    store.close().unwrap();
}

fn open(home: &Home, elsewhere: Option<&Path>) -> Store<SplitMix> {
    Store::open(home.path(), elsewhere, &key(1), SplitMix::new(7)).unwrap()
}

/// Tells whether the store is taken for an older one, and why its refresh token is in doubt.
fn found(home: &Home, elsewhere: Option<&Path>) -> (bool, Option<DoubtReason>) {
    let mut store = open(home, elsewhere);
    let loaded = store.load(&at(100)).unwrap();
    let doubt = loaded.credentials[0].history.doubt.map(|doubt| doubt.reason);
    store.close().unwrap();
    (loaded.is_restored, doubt)
}

fn ask_again(home: &Home, elsewhere: Option<&Path>, number: u64) {
    let mut store = open(home, elsewhere);
    done(&mut store, &[reserve(number, at(number * 10), &[])]);
    store.close().unwrap();
}

const RESTORED: (bool, Option<DoubtReason>) = (true, Some(DoubtReason::Restored));
const SOUND: (bool, Option<DoubtReason>) = (false, None);

#[test]
fn a_store_that_is_behind_its_mark_was_restored_and_no_refresh_token_in_it_is_trusted() {
    let home = Home::new();
    kept(&home, None);
    let copy = backup(&home);
    assert_eq!(found(&home, None), SOUND);
    ask_again(&home, None, 2);
    assert_eq!(found(&home, None), SOUND);
    restore(&home, &copy);
    assert_eq!(found(&home, None), RESTORED);
    // It is noticed once, and what is in doubt stays so.
    assert_eq!(found(&home, None), (false, RESTORED.1));
    ask_again(&home, None, 3);
    assert_eq!(found(&home, None), (false, RESTORED.1));
}

#[test]
fn a_backup_that_nothing_was_asked_for_since_is_as_good_as_the_original() {
    let home = Home::new();
    kept(&home, None);
    let copy = backup(&home);
    let mut store = open(&home, None);
    done(&mut store, &[Write::Credential(credential(2, "other"))]);
    store.close().unwrap();
    restore(&home, &copy);
    assert_eq!(found(&home, None), SOUND);
}

#[test]
fn a_state_directory_that_is_restored_as_a_whole_is_noticed_by_the_mark_elsewhere() {
    let home = Home::new();
    let cache = closed_directory();
    let elsewhere = cache.path().join("tokend").join("tokend.mark");
    kept(&home, Some(&elsewhere));
    let copy = backup(&home);
    fs::copy(home.path().join(MARK), copy.path().join(MARK)).unwrap();
    ask_again(&home, Some(&elsewhere), 2);
    restore(&home, &copy);
    assert_eq!(found(&home, None), SOUND, "without the other mark no one can tell");
    restore(&home, &copy);
    assert_eq!(found(&home, Some(&elsewhere)), RESTORED);
}

#[test]
fn a_first_start_and_a_lost_mark_are_no_restoration() {
    let home = Home::new();
    kept(&home, None);
    fs::remove_file(home.path().join(MARK)).unwrap();
    assert_eq!(found(&home, None), SOUND);
    assert!(home.path().join(MARK).exists(), "it is made anew");
    // A mark of another store.
    let strange = closed_directory();
    Store::create(strange.path(), &key(1), SplitMix::new(9)).unwrap();
    let mut store = Store::open(strange.path(), None, &key(1), SplitMix::new(3)).unwrap();
    for number in 1..=20 {
        done(&mut store, &[reserve(number, at(number), &[])]);
    }
    fs::copy(strange.path().join(MARK), home.path().join(MARK)).unwrap();
    assert_eq!(found(&home, None), SOUND);
}

#[test]
fn a_power_cut_spoils_at_most_the_line_that_is_being_written() {
    let home = Home::new();
    kept(&home, None);
    let copy = backup(&home);
    for number in 2..=5 {
        ask_again(&home, None, number);
    }
    let sound = fs::read(home.path().join(MARK)).unwrap();
    let half = sound.len() / 2;
    // The count was 5, and is about to be 6: the first line.
    for torn in 0..half {
        let mut spoilt = sound.clone();
        spoilt[..torn].fill(b'x');
        fs::write(home.path().join(MARK), spoilt).unwrap();
        restore(&home, &copy);
        assert_eq!(found(&home, None), RESTORED, "{torn}");
    }
}

#[test]
fn what_can_not_be_marked_is_not_sent_and_does_not_count() {
    let home = Home::new();
    let mut store = home.open();
    fs::create_dir(home.path().join(MARK)).unwrap();
    let limits = [limit(1, 3_600)];
    let failure = write(&mut store, reserve(1, at(0), &limits)).unwrap_err();
    assert!(failure.message.contains(MARK), "{failure:?}");
    fs::remove_dir(home.path().join(MARK)).unwrap();
    done(&mut store, &[reserve(2, at(1), &limits)]);
}

#[test]
fn a_mark_elsewhere_that_can_not_be_written_stops_nothing() {
    let home = Home::new();
    let file = closed_directory();
    fs::write(file.path().join("file"), "").unwrap();
    kept(&home, Some(&file.path().join("file").join("tokend.mark")));
    assert_eq!(found(&home, Some(Path::new("/proc/tokend.mark"))), SOUND);
}
