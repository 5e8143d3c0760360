//! Looks at the ledger, for people.

use tokend_core::{Bound, Quota};

use super::*;
use crate::ports::{Entry, Findings, Number, Query};

fn entries(store: &Store<SplitMix>, credential: Option<u8>, limit: usize) -> Vec<Entry> {
    let credential = credential.map(|id| CredentialId([id; 16]));
    page(store, credential, None, limit)
}

fn page(
    store: &Store<SplitMix>,
    credential: Option<CredentialId>,
    before: Option<Number>,
    limit: usize,
) -> Vec<Entry> {
    match store.look(&Query::Issuances { credential, before, limit }).unwrap() {
        Findings::Issuances(entries) => entries,
        other => unreachable!("issuances were asked for, not {other:?}"),
    }
}

#[test]
fn issuances_are_listed_with_cause_end_and_latency_the_latest_first() {
    let home = furnished();
    let mut store = home.open();
    done(&mut store, &[reserve(3, at(20), &[])]);
    let found = entries(&store, Some(1), 10);
    let told: Vec<_> = found
        .iter()
        .map(|entry| (entry.at, entry.cause, entry.end.as_ref().map(Result::is_ok), entry.counts))
        .collect();
    let cause = Some(Cause::Forced);
    let time = |seconds| at(seconds).moment.wall;
    assert_eq!(
        told,
        [
            (time(20), cause, None, true),
            (time(10), cause, Some(false), true),
            (time(0), cause, Some(true), true),
        ]
    );
    assert_eq!(found[0].took, None);
    assert_eq!(found[1].took, Some(Duration::from_millis(120)));
    assert!(entries(&store, Some(9), 10).is_empty());
    assert!(matches!(store.look(&Query::Rows).unwrap(), Findings::Rows(3)));
}

#[test]
fn issuances_come_in_pages_and_outlive_their_credential() {
    let home = furnished();
    let mut store = home.open();
    done(&mut store, &[Write::Remove(CredentialId([1; 16]))]);
    let first = page(&store, None, None, 1);
    let rest = page(&store, None, Some(first[0].number), 10);
    assert_eq!((first.len(), rest.len()), (1, 1));
    assert!(rest[0].number < first[0].number);
}

#[test]
fn a_row_that_was_altered_tells_what_can_still_be_told() {
    let home = furnished();
    home.raw().execute("UPDATE issuances SET request = x'00', outcome = x'00'", []).unwrap();
    let found = entries(&home.open(), None, 10);
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|entry| entry.cause.is_none() && entry.end.is_none()));
}

#[test]
fn a_budget_tells_what_is_used_of_stated_and_of_told_limits() {
    let home = Home::new();
    let mut store = home.open();
    let limits = [limit(8, 3_600)];
    let told =
        Quota { limit: NonZeroU32::new(100), remaining: 40, reset_after: Duration::from_secs(600) };
    let settled = Settled { quotas: vec![told], ..settled(at(101)) };
    let (credential, token) = (CredentialId([1; 16]), token(1, "t0ken"));
    done(&mut store, &[Write::Credential(super::credential(1, "causely"))]);
    done(&mut store, &[reserve(1, at(0), &limits), reserve(2, at(100), &limits)]);
    done(&mut store, &[Write::Token { credential, token, issuance: issuance(2), settled }]);
    let Write::Reserve(Reservation { account, .. }) = reserve(0, at(0), &limits) else {
        unreachable!()
    };
    let query = Query::Budgets { accounts: vec![account], at: at(201) };
    let Findings::Budgets(found) = store.look(&query).unwrap() else {
        unreachable!("budgets were asked for")
    };
    assert_eq!(found[0].last_day, 2);
    let [stated, remote] = &found[0].usages[..] else { panic!("{found:?}") };
    assert_eq!((stated.used, stated.remaining, stated.reserved), (2, 6, 2));
    assert_eq!((remote.used, remote.remaining, remote.reserved), (60, 40, 25));
    assert_eq!(remote.bound, Bound::Told(told));
    assert_eq!(remote.frees_in, Some(Duration::from_secs(500)));
}
