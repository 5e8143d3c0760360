use tokend_core::{Doubt, DoubtReason};

use super::*;
use crate::{
    credential::{Fingerprint, REFRESH_TOKEN},
    ports::{Findings, Query},
};

const FIRST: &str = "r3fresh";

/// A credential that holds a token with a refresh token.
fn refreshable(home: &Home) -> Store<SplitMix> {
    let mut store = home.open();
    done(
        &mut store,
        &[
            Write::Credential(credential(1, "causely")),
            reserve(1, at(0), &[]),
            issued(1, token(1, "t0ken"), at(1)),
        ],
    );
    store
}

pub(super) fn send(number: u64, refresh_token: &str, at: Stamp) -> Write {
    let Write::Reserve(reservation) = reserve(number, at, &[]) else { unreachable!() };
    let spends = Some(Fingerprint::of(&refresh_token.into()));
    Write::Reserve(Reservation { spends, ..reservation })
}

fn end(number: u64, fate: Fate, spent: bool, at: Stamp) -> Write {
    let Write::Failure { failure, settled, .. } = failed(number, true, Verdict::Transient, at)
    else {
        unreachable!()
    };
    Write::Failure { issuance: issuance(number), fate, spent, failure, settled }
}

fn successor(value: &str, refresh_token: &str) -> Arc<Token<Grant>> {
    let mut next = Token::clone(&token(2, value));
    next.payload.refresh_token = Some(refresh_token.into());
    Arc::new(next)
}

/// What a crash now would leave of doubt, at a time some seconds after the start.
fn doubt(home: &Home, seconds: u64) -> Option<Doubt> {
    let mut loaded = home.crashed().open().load(&at(seconds)).unwrap();
    loaded.credentials.remove(0).history.doubt
}

fn reason(home: &Home) -> Option<DoubtReason> {
    doubt(home, 100).map(|doubt| doubt.reason)
}

#[test]
fn a_refresh_token_is_in_doubt_from_before_it_is_sent_until_something_came_of_it() {
    let home = Home::new();
    let mut store = refreshable(&home);
    assert_eq!(doubt(&home, 100), None);
    done(&mut store, &[send(2, FIRST, at(50))]);
    let expected = Doubt {
        reason: DoubtReason::Lost { again: false },
        age: Duration::from_secs(30),
        issuance: Some(issuance(2)),
    };
    assert_eq!(doubt(&home, 80), Some(expected));
    done(&mut store, &[issued(2, successor("next", "s3cond"), at(51))]);
    assert_eq!(doubt(&home, 100), None);
}

#[test]
fn what_is_known_of_its_end_decides() {
    for (fate, spent, expected) in [
        (Fate::Unsent, false, None),
        (Fate::Answered, false, None),
        (Fate::Unrecognised, false, None),
        (Fate::Answered, true, Some(DoubtReason::Spent)),
        (Fate::Lost, false, Some(DoubtReason::Lost { again: false })),
        (Fate::Unsure, false, Some(DoubtReason::Lost { again: false })),
    ] {
        let home = Home::new();
        let mut store = refreshable(&home);
        done(&mut store, &[send(2, FIRST, at(50)), end(2, fate, spent, at(51))]);
        assert_eq!(reason(&home), expected, "{fate:?}");
    }
}

#[test]
fn a_second_sending_is_counted_unless_nothing_of_it_was_sent() {
    let home = Home::new();
    let mut store = refreshable(&home);
    let lost = |again| Some(DoubtReason::Lost { again });
    done(&mut store, &[send(2, FIRST, at(50)), end(2, Fate::Lost, false, at(60))]);
    done(&mut store, &[send(3, FIRST, at(70))]);
    assert_eq!(reason(&home), lost(true));
    assert_eq!(doubt(&home, 100).unwrap().age, Duration::from_secs(50), "since the first");
    done(&mut store, &[end(3, Fate::Unsent, false, at(71))]);
    assert_eq!(reason(&home), lost(false));
    done(&mut store, &[send(4, FIRST, at(72)), end(4, Fate::Answered, true, at(73))]);
    assert_eq!(reason(&home), Some(DoubtReason::Spent));
}

#[test]
fn a_refusal_is_told_from_what_is_spent_unless_it_came_after_a_lost_answer() {
    let refuse = |number, at| {
        let Write::Failure { failure, settled, .. } = failed(number, true, Verdict::Denied, at)
        else {
            unreachable!()
        };
        let (issuance, fate) = (issuance(number), Fate::Answered);
        Write::Failure { issuance, fate, spent: true, failure, settled }
    };
    let home = Home::new();
    let mut store = refreshable(&home);
    done(&mut store, &[send(2, FIRST, at(50)), refuse(2, at(51))]);
    assert_eq!(reason(&home), Some(DoubtReason::Refused));

    let home = Home::new();
    let mut store = refreshable(&home);
    done(&mut store, &[send(2, FIRST, at(50)), end(2, Fate::Lost, false, at(51))]);
    done(&mut store, &[send(3, FIRST, at(60)), refuse(3, at(61))]);
    assert_eq!(reason(&home), Some(DoubtReason::Spent));
}

#[test]
fn late_news_of_an_earlier_sending_changes_nothing() {
    let home = Home::new();
    let mut store = refreshable(&home);
    done(&mut store, &[send(2, FIRST, at(50)), send(3, FIRST, at(60))]);
    done(&mut store, &[end(2, Fate::Unsent, false, at(61))]);
    assert_eq!(reason(&home), Some(DoubtReason::Lost { again: true }));
}

#[test]
fn another_refresh_token_is_beyond_doubt() {
    let home = Home::new();
    let mut store = refreshable(&home);
    done(&mut store, &[send(2, FIRST, at(50))]);
    let credential_id = CredentialId([1; 16]);
    let token = successor("handed over", "s3cond");
    done(&mut store, &[Write::Rotation { credential: credential_id, token }]);
    assert_eq!(doubt(&home, 100), None);
    // What an API handed a caller leaves the refresh token as it was.
    done(&mut store, &[send(3, "s3cond", at(60))]);
    let token = successor("handed over again", "s3cond");
    done(&mut store, &[Write::Rotation { credential: credential_id, token }]);
    assert_eq!(reason(&home), Some(DoubtReason::Lost { again: false }));
}

#[test]
fn what_a_login_left_behind_is_in_doubt_like_what_came_with_a_token() {
    let home = Home::new();
    let mut store = home.open();
    let with = |refresh_token: &str| {
        let secrets = [(REFRESH_TOKEN.to_owned(), refresh_token.into())].into();
        let credential = Credential::clone(&credential(1, "causely"));
        Write::Credential(Arc::new(Credential { secrets, ..credential }))
    };
    done(&mut store, &[with(FIRST), send(2, FIRST, at(50))]);
    assert_eq!(reason(&home), Some(DoubtReason::Lost { again: false }));
    done(&mut store, &[with("s3cond")]);
    assert_eq!(reason(&home), None);
}

#[test]
fn a_dance_that_sends_none_and_one_that_keeps_a_token_alive_leave_the_doubt() {
    let home = Home::new();
    let mut store = refreshable(&home);
    done(&mut store, &[send(2, FIRST, at(50)), end(2, Fate::Lost, false, at(51))]);
    done(&mut store, &[reserve(3, at(60), &[])]);
    let settled = Settled { renewed: false, ..settled(at(61)) };
    let (credential, issuance, token) = (CredentialId([1; 16]), issuance(3), token(1, "t0ken"));
    done(&mut store, &[Write::Token { credential, token, issuance, settled }]);
    assert_eq!(reason(&home), Some(DoubtReason::Lost { again: false }));
}

#[test]
fn one_that_was_sent_in_the_future_was_sent_long_ago() {
    let home = Home::new();
    let mut store = refreshable(&home);
    done(&mut store, &[send(2, FIRST, stamp(9, 1_000_000, 5))]);
    assert_eq!(doubt(&home, 100).unwrap().age, Duration::MAX);
}

#[test]
fn one_that_a_file_brings_into_a_restored_store_is_in_doubt_until_another_is_there() {
    let home = Home::new();
    let mut store = home.open();
    let with = |refresh_token: &str| {
        let secrets = [(REFRESH_TOKEN.to_owned(), refresh_token.into())].into();
        let credential = Credential::clone(&credential(1, "causely"));
        Arc::new(Credential { secrets, ..credential })
    };
    done(&mut store, &[Write::Doubted(with(FIRST))]);
    assert_eq!(reason(&home), Some(DoubtReason::Restored));
    done(&mut store, &[Write::Credential(with("another"))]);
    assert_eq!(reason(&home), None);
}

#[test]
fn a_damaged_note_is_no_reason_for_what_was_not_sent_to_count() {
    let home = Home::new();
    let limits = [limit(2, 3_600)];
    let mut store = refreshable(&home);
    done(&mut store, &[send(2, FIRST, at(50))]);
    store.connection.execute("UPDATE refreshes SET sealed = x'00'", []).unwrap();
    done(&mut store, &[end(2, Fate::Unsent, false, at(51))]);
    assert!(is_granted(&write(&mut store, reserve(3, at(60), &limits))));
    let kept = store.connection.query_row("SELECT sealed FROM refreshes", [], |row| row.get(0));
    assert_eq!(kept, Ok(vec![0_u8]), "nothing is written over it");
}

#[test]
fn there_is_nothing_to_settle_of_what_the_ledger_does_not_hold() {
    let home = Home::new();
    let mut store = home.open();
    done(&mut store, &[failed(7, true, Verdict::Transient, at(0))]);
    assert!(matches!(store.look(&Query::Rows), Ok(Findings::Rows(0))));
}
