//! What the ledger tells of a credential's latest issuances.

use tokend_core::History;

use super::*;

fn history(writes: &[Write], now: Stamp) -> History {
    let home = Home::new();
    let mut store = home.open();
    done(&mut store, &[Write::Credential(credential(1, "causely"))]);
    done(&mut store, writes);
    let mut store = home.crashed().open_after(store);
    store.load(&now).unwrap().credentials.remove(0).history
}

impl Home {
    /// Opens what a crash left, once the crashed store is gone.
    fn open_after(&self, crashed: Store<SplitMix>) -> Store<SplitMix> {
        drop(crashed);
        self.open()
    }
}

fn message(history: &History) -> &str {
    &history.last_failure.as_ref().unwrap().0.message
}

#[test]
fn failures_since_the_last_success_count() {
    let history = history(
        &[
            reserve(1, at(0), &[]),
            failed(1, true, Verdict::Transient, at(1)),
            reserve(2, at(10), &[]),
            issued(2, token(1, "t0ken"), at(11)),
            reserve(3, at(20), &[]),
            failed(3, true, Verdict::Transient, at(21)),
            reserve(4, at(30), &[]),
            failed(4, true, Verdict::Limited, at(31)),
        ],
        at(100),
    );
    assert_eq!(history.consecutive_failures, 2);
    let (failure, when, ago) = history.last_failure.unwrap();
    assert_eq!(failure.verdict, Verdict::Limited);
    assert_eq!(failure.retry_after, Some(Duration::from_millis(1_500)));
    assert_eq!(failure.message, "answer 4");
    assert_eq!((when, ago), (at(31).moment.wall, Duration::from_secs(69)));
}

#[test]
fn the_latest_issuance_tells_how_often_secrets_had_been_replaced() {
    let reserve = |number, replacements| {
        let Write::Reserve(reservation) = reserve(number, at(number), &[]) else { unreachable!() };
        Write::Reserve(Reservation { replacements, ..reservation })
    };
    let first = [reserve(1, 1), failed(1, true, Verdict::Denied, at(1))];
    assert_eq!(history(&first, at(100)).replacements, Some(1));
    let next = [&first[..], &[reserve(2, 2), issued(2, token(1, "t0ken"), at(2))]].concat();
    assert_eq!(history(&next, at(100)).replacements, Some(2));
    let unsettled = [&next[..], &[reserve(3, 3)]].concat();
    assert_eq!(history(&unsettled, at(100)).replacements, Some(3));
    assert_eq!(history(&[], at(100)).replacements, None);
}

#[test]
fn what_the_provider_wanted_holds_whatever_was_reserved_since() {
    let Write::Failure { issuance, fate, spent, failure, settled } =
        failed(1, true, Verdict::Limited, at(1))
    else {
        unreachable!("it is a failure")
    };
    let failure = Failure { retry_after: Some(Duration::from_secs(600)), ..failure };
    let told = Write::Failure { issuance, fate, spent, failure, settled };
    let writes = [reserve(1, at(0), &[]), told, reserve(2, at(50), &[])];
    let cut_short = history(&writes, at(101));
    assert_eq!(message(&cut_short), "tokend ended before the answer came");
    assert_eq!(cut_short.away, Some(Duration::from_secs(500)));
    assert_eq!(history(&writes, at(601)).away, None, "it is over");
}

#[test]
fn a_success_ends_the_count() {
    let writes = [
        reserve(1, at(0), &[]),
        failed(1, true, Verdict::Denied, at(1)),
        reserve(2, at(10), &[]),
        issued(2, token(1, "t0ken"), at(11)),
    ];
    let history = history(&writes, at(100));
    assert_eq!(history.consecutive_failures, 0);
    assert!(history.last_failure.is_none());
}

#[test]
fn an_issuance_that_was_never_settled_counts_as_a_failure() {
    let history = history(&[reserve(1, at(50), &[])], at(100));
    assert_eq!(history.consecutive_failures, 1);
    assert_eq!(message(&history), "tokend ended before the answer came");
    let (failure, when, ago) = history.last_failure.unwrap();
    assert_eq!(failure.verdict, Verdict::Transient);
    assert_eq!((when, ago), (at(50).moment.wall, Duration::from_secs(50)));
}

#[test]
fn one_for_which_the_machine_lacked_something_says_nothing() {
    let writes = [
        reserve(1, at(0), &[]),
        failed(1, true, Verdict::Transient, at(1)),
        reserve(2, at(2), &[]),
        failed(2, false, Verdict::Local, at(3)),
    ];
    let history = history(&writes, at(100));
    assert_eq!((history.consecutive_failures, message(&history)), (1, "answer 1"));
}

#[test]
fn one_that_was_never_sent_counts_too() {
    let writes = [reserve(1, at(0), &[]), failed(1, false, Verdict::Transient, at(1))];
    let history = history(&writes, at(100));
    assert_eq!((history.consecutive_failures, message(&history)), (1, "answer 1"));
}

#[test]
fn how_long_ago_it_was_goes_by_the_clock_that_can_not_be_set() {
    let writes = [reserve(1, at(0), &[]), failed(1, true, Verdict::Transient, at(1))];
    let set_back = stamp(1, 0, 61);
    let (_, _, ago) = history(&writes, set_back).last_failure.unwrap();
    assert_eq!(ago, Duration::from_secs(60));
    let next_boot = stamp(2, 301, 5);
    let (_, _, ago) = history(&writes, next_boot).last_failure.unwrap();
    assert_eq!(ago, Duration::from_secs(300));
}

#[test]
fn each_credential_has_its_own() {
    let home = furnished();
    let mut store = home.open();
    done(&mut store, &[Write::Credential(credential(2, "other"))]);
    let counts: Vec<_> =
        loaded(&mut store).iter().map(|stored| stored.history.consecutive_failures).collect();
    assert_eq!(counts, [1, 0]);
}
