//! Budgets of a store that was restored from a backup.

use super::{
    super::mark::MARK,
    mark::{backup, restore},
    *,
};

const HOUR: u64 = 3_600;

/// A daemon that was killed may have had requests on their way for so long.
const LATE: u64 = LONGEST_ISSUANCE.as_secs();

fn refused(seconds: u64, unknown: bool) -> Reply {
    Reply::Refused { retry_after: Duration::from_secs(seconds), unknown }
}

/// What the ledger says at so many seconds; what it allows is taken back at once.
fn asked(store: &mut Store<SplitMix>, number: u64, limits: &[Limit], at: Stamp) -> Option<Reply> {
    let reply = write(store, reserve(number, at, limits)).unwrap();
    if let Reply::Reserved(_) = reply {
        done(store, &[failed(number, false, Verdict::Transient, at)]);
        return None;
    }
    Some(reply)
}

fn accept(used: u32) -> Write {
    Write::Accept { accounts: vec!["https://issuer.example|client-7".into()], used }
}

/// A store whose backup lacks two issuances that it has had since.
fn restored() -> Home {
    let home = furnished();
    let copy = backup(&home);
    let mut store = home.open();
    done(&mut store, &[reserve(3, at(20), &[]), reserve(4, at(30), &[])]);
    store.close().unwrap();
    restore(&home, &copy);
    home
}

#[test]
fn what_was_asked_for_since_the_backup_counts_as_all_until_its_window_has_passed() {
    let home = restored();
    let limits = [limit(10, HOUR)];
    let mut store = home.open();
    // Even if no one reads the clock.
    assert_eq!(asked(&mut store, 5, &limits, at(50)), Some(refused(HOUR, true)));
    assert_eq!(asked(&mut store, 5, &[], at(50)), None, "no limit, nothing to presume");
    let loaded = store.load(&at(100)).unwrap();
    assert!(loaded.is_restored && loaded.lacks);
    assert_eq!(asked(&mut store, 6, &limits, at(200)), Some(refused(HOUR - 100 + LATE, true)));
    drop(store);
    // Neither a crash nor another start makes it longer or shorter.
    for home in [home.crashed(), home] {
        let mut store = home.open();
        let loaded = store.load(&at(300)).unwrap();
        assert!(!loaded.is_restored && loaded.lacks);
        assert_eq!(asked(&mut store, 7, &limits, at(300)), Some(refused(HOUR - 200 + LATE, true)));
        assert_eq!(asked(&mut store, 8, &limits, at(HOUR + 100 + LATE)), None);
    }
}

#[test]
fn a_crash_between_the_notice_and_the_first_look_at_a_clock_loses_nothing() {
    let home = restored();
    drop(home.open());
    assert!(home.path().join(MARK).exists());
    let mut store = home.open();
    let loaded = store.load(&at(400)).unwrap();
    assert!(loaded.is_restored && loaded.lacks, "it is told to whoever can tell people");
    let limits = [limit(10, HOUR)];
    assert_eq!(asked(&mut store, 5, &limits, at(400)), Some(refused(HOUR, true)));
}

#[test]
fn an_operators_word_counts_from_then_on_and_through_a_restart() {
    let home = restored();
    let mut store = home.open();
    store.load(&at(100)).unwrap();
    let limits = [limit(4, HOUR)];
    done(&mut store, &[accept(2)]);
    // Two are in the ledger.
    let full = refused(HOUR + 1 - 200, false);
    assert_eq!(asked(&mut store, 5, &limits, at(200)), Some(full));
    store.close().unwrap();
    let mut store = home.open();
    assert_eq!(asked(&mut store, 6, &limits, at(200)), Some(full));
    done(&mut store, &[accept(1)]);
    assert_eq!(asked(&mut store, 7, &limits, at(200)), None, "a better one takes its place");
}

#[test]
fn what_was_said_of_one_backup_says_nothing_of_the_next() {
    let home = restored();
    let mut store = home.open();
    store.load(&at(100)).unwrap();
    done(&mut store, &[accept(0)]);
    store.close().unwrap();
    let copy = backup(&home);
    let mut store = home.open();
    done(&mut store, &[reserve(5, at(200), &[])]);
    store.close().unwrap();
    restore(&home, &copy);
    let mut store = home.open();
    store.load(&at(300)).unwrap();
    let limits = [limit(10, HOUR)];
    assert_eq!(asked(&mut store, 6, &limits, at(300)), Some(refused(HOUR, true)));
}

#[test]
fn people_see_that_nobody_knows_and_what_an_operator_has_said() {
    let home = restored();
    let mut store = home.open();
    store.load(&at(100)).unwrap();
    let look = |store: &Store<SplitMix>| {
        let account = Account {
            name: "https://issuer.example|client-7".into(),
            limits: vec![limit(10, HOUR)],
            sharers: 1,
        };
        let query = Query::Budgets { accounts: vec![account], at: at(100) };
        let Findings::Budgets(mut budgets) = store.look(&query).unwrap() else { panic!() };
        let usage = budgets.remove(0).usages.remove(0);
        (usage.used, usage.unknown)
    };
    assert_eq!(look(&store), (10, true));
    done(&mut store, &[accept(3)]);
    assert_eq!(look(&store), (5, false), "two are in the ledger");
}

#[test]
fn a_store_that_is_whole_lacks_nothing() {
    let home = furnished();
    let mut store = home.open();
    let loaded = store.load(&at(100)).unwrap();
    assert!(!loaded.is_restored && !loaded.lacks);
    assert_eq!(asked(&mut store, 5, &[limit(3, HOUR)], at(100)), None);
}
