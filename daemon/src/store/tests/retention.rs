//! The ledger forgets what no one needs any more.

use super::*;

const DAY: u64 = 24 * 3_600;

fn numbers(store: &Store<SplitMix>) -> Vec<u64> {
    let mut statement =
        store.connection.prepare("SELECT id FROM issuances ORDER BY number").unwrap();
    let rows = statement.query_map([], |row| row.get::<_, [u8; 16]>(0)).unwrap();
    rows.map(|id| u64::try_from(u128::from_be_bytes(id.unwrap())).unwrap()).collect()
}

/// Reserves `numbers`, all at `at`.
fn fill(store: &mut Store<SplitMix>, numbers: std::ops::RangeInclusive<u64>, at: Stamp) {
    let batch: Vec<Write> = numbers.map(|number| reserve(number, at, &[])).collect();
    done(store, &batch);
}

/// Reserves one at a time until nothing is taken out any more.
fn drain(store: &mut Store<SplitMix>, first: u64, at: Stamp) -> u64 {
    for number in first..first + 1_000 {
        let before = numbers(store).len();
        done(store, &[reserve(number, at, &[])]);
        if numbers(store).len() == before + 1 {
            return number;
        }
    }
    panic!("the ledger is still being emptied");
}

#[test]
fn issuances_of_more_than_forty_days_ago_go() {
    let home = Home::new();
    let mut store = home.open();
    fill(&mut store, 1..=500, at(0));
    fill(&mut store, 501..=700, at(DAY));
    let last = drain(&mut store, 701, at(40 * DAY + 1));
    assert_eq!(numbers(&store), (501..=last).collect::<Vec<_>>(), "the young ones are all there");
}

#[test]
fn the_youngest_stay_whatever_a_clock_that_is_ahead_says() {
    let home = Home::new();
    let mut store = home.open();
    fill(&mut store, 1..=500, at(0));
    let limits = [limit(300, DAY)];
    for number in 501..=540 {
        done(&mut store, &[reserve(number, stamp(2, 100_000 * DAY, 5), &limits)]);
    }
    assert_eq!(numbers(&store), (177..=540).collect::<Vec<_>>(), "300 of the limit and 64");
    // The clock is put right within that boot: the budget is as spent as it was.
    let right = stamp(2, 60, 65);
    let Ok(Reply::Refused { .. }) = write(&mut store, reserve(541, right, &limits)) else {
        panic!("the budget was refilled");
    };
}

#[test]
fn those_that_were_never_sent_go_however_few_others_there_are() {
    let home = Home::new();
    let mut store = home.open();
    fill(&mut store, 1..=10, at(0));
    for number in 11..=60 {
        let unsent = failed(number, false, Verdict::Transient, at(number));
        done(&mut store, &[reserve(number, at(number), &[]), unsent]);
    }
    let last = drain(&mut store, 61, at(41 * DAY));
    let left: Vec<u64> = (1..=10).chain(61..=last).collect();
    assert_eq!(numbers(&store), left);
}

#[test]
fn what_a_long_window_needs_stays() {
    let home = Home::new();
    let mut store = home.open();
    fill(&mut store, 1..=300, at(0));
    done(&mut store, &[reserve(301, at(90 * DAY), &[limit(1_000, 100 * DAY)])]);
    assert_eq!(numbers(&store).len(), 301);
}

#[test]
fn a_credentials_last_issuance_stays_as_long_as_the_credential() {
    let home = Home::new();
    let mut store = home.open();
    let id = CredentialId([2; 16]);
    let Write::Reserve(reservation) = reserve(1, at(0), &[]) else { unreachable!() };
    done(
        &mut store,
        &[
            Write::Credential(credential(2, "refused")),
            Write::Reserve(Reservation { credential: id, ..reservation }),
            failed(1, true, Verdict::Denied, at(1)),
        ],
    );
    fill(&mut store, 2..=300, at(2));
    let last = drain(&mut store, 301, at(41 * DAY));
    assert_eq!(numbers(&store)[0], 1);
    let history = store.load(&at(41 * DAY)).unwrap().credentials.remove(0).history;
    assert_eq!(history.last_failure.unwrap().0.verdict, Verdict::Denied);

    let known = |store: &Store<SplitMix>| -> i64 {
        let sql = "SELECT count(*) FROM ledger_credentials";
        store.connection.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(known(&store), 2);
    done(&mut store, &[Write::Remove(id)]);
    drain(&mut store, last + 1, at(41 * DAY));
    assert!(numbers(&store)[0] > 1);
    assert_eq!(known(&store), 1, "whom no row is about is forgotten");
}

#[test]
fn one_from_the_future_does_not_keep_what_follows_it() {
    let home = Home::new();
    let mut store = home.open();
    fill(&mut store, 1..=1, stamp(1, 100_000 * DAY, 5));
    fill(&mut store, 2..=300, stamp(2, 0, 5));
    drain(&mut store, 301, stamp(3, 41 * DAY, 5));
    assert!(numbers(&store)[0] > 2);
}

#[test]
fn a_boot_is_forgotten_with_the_last_issuance_that_began_or_ended_in_it() {
    let home = Home::new();
    let mut store = home.open();
    let boots = |store: &Store<SplitMix>| -> Vec<u8> {
        let mut statement =
            store.connection.prepare("SELECT id FROM ledger_boots ORDER BY number").unwrap();
        let ids = statement.query_map([], |row| row.get::<_, [u8; 16]>(0)).unwrap();
        ids.map(|id| id.unwrap()[0]).collect()
    };
    fill(&mut store, 1..=100, stamp(1, 0, 5));
    // It ends in a boot of its own.
    done(&mut store, &[failed(1, true, Verdict::Transient, stamp(9, 60, 5))]);
    fill(&mut store, 101..=150, stamp(2, DAY, 5));
    fill(&mut store, 151..=400, stamp(3, 2 * DAY, 5));
    done(&mut store, &[failed(2, true, Verdict::Transient, stamp(8, 3 * DAY, 5))]);
    assert_eq!(boots(&store), [1, 9, 2, 3, 8]);
    done(&mut store, &[reserve(401, stamp(4, 50 * DAY, 5), &[])]);
    assert_eq!(boots(&store), [1, 2, 3, 4], "those of the first two are gone");
    drain(&mut store, 402, stamp(4, 50 * DAY, 5));
    assert_eq!(boots(&store), [4], "of the others nothing is left");
}
