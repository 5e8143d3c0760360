//! Tokens that outlive the daemon, and refreshes that were missed meanwhile.

use super::*;
use crate::Origin;

/// What the store holds of a token that came just now.
fn stored() -> Token<&'static str> {
    let fresh = Bench::fresh();
    Token { taken_up: None, ..Token::clone(fresh.credential.token.as_ref().unwrap()) }
}

#[test]
fn a_stored_token_ends_in_its_time_however_the_wall_clock_is_set_then() {
    let mut bench = Bench::load(Some(stored()), History::default());
    bench.pass(LIFE);
    bench.now.wall = "2025-12-31T00:00:00Z".parse().unwrap();
    bench.said();
    bench.ask(1, None);
    assert_eq!(bench.said(), ["reserve Absent"]);
}

#[test]
fn a_stored_token_is_replaced_when_it_is_due() {
    let mut bench = Bench::load(Some(stored()), History::default());
    bench.said();
    bench.pass_to_deadline();
    bench.wake();
    assert_eq!(bench.said(), ["reserve Aging"]);
}

#[test]
fn a_token_that_is_one_of_the_secrets_is_there_at_once_whatever_was_cut_short() {
    let cut_short = Failure::transient("tokend ended before the answer came".to_owned());
    let denied = Failure { verdict: Verdict::Denied, ..cut_short.clone() };
    let history = |failure: &Failure| History {
        consecutive_failures: 1,
        last_failure: Some((failure.clone(), Timestamp::UNIX_EPOCH, Duration::ZERO)),
        ..History::default()
    };
    for (origin, failure, said) in [
        (Origin::Static, &cut_short, &["reserve Absent"][..]),
        (Origin::Static, &denied, &[]),
        (Origin::Secrets, &cut_short, &[]),
    ] {
        let terms = Terms { origin, ..Terms::default() };
        let mut bench = Bench::load_with(None, history(failure), terms);
        bench.wake();
        assert_eq!(bench.said(), said, "{origin:?}");
    }
}

#[test]
fn a_refresh_that_was_missed_is_made_up_for_within_a_quarter_of_what_is_left() {
    for seed in 0..50 {
        let mut bench = Bench::fresh();
        bench.random = SplitMix::new(seed);
        bench.pass(LIFE - 40);
        bench.wake();
        assert!(bench.said().is_empty(), "not at once, as all others who slept");
        bench.pass(11);
        bench.wake();
        assert_eq!(bench.said(), ["reserve Aging"], "{seed}");
    }
}

#[test]
fn what_could_not_be_written_is_written_at_the_end_whatever_it_waits_for() {
    let mut bench = Bench::empty();
    bench.ask(1, None);
    let issuance = bench.reserve();
    bench.issue(issuance, LIFE, "first");
    bench.unwritten(issuance);
    bench.said();
    bench.turn(Credential::save);
    assert_eq!(bench.said(), ["persist first"]);
    bench.turn(Credential::save);
    assert!(bench.said().is_empty(), "it is being written");
}

#[test]
fn a_token_with_no_more_left_than_its_successor_takes_is_as_good_as_none() {
    for (left, reserved) in [(3, "reserve MinTtl"), (2, "reserve Absent")] {
        let mut bench = Bench::fresh();
        bench.pass(LIFE - left);
        bench.ask(1, Some(left + 1));
        assert_eq!(bench.said(), [reserved], "{left}");
    }
}

#[test]
fn a_stored_token_that_comes_from_the_future_is_replaced_at_once() {
    for (ahead, said) in [(300, &["publish first"][..]), (301, &["publish first", "reserve Aging"])]
    {
        let later = |time| crate::after(time, Duration::from_secs(ahead));
        let token = stored();
        let mut bench = Bench::load(
            Some(Token {
                issued_at: later(token.issued_at),
                expires_at: token.expires_at.map(later),
                refresh_at: token.refresh_at.map(later),
                ..token
            }),
            History::default(),
        );
        bench.wake();
        assert_eq!(bench.said(), said, "{ahead} s ahead");
    }
}

#[test]
fn a_token_is_due_by_either_clock() {
    let mut bench = Bench::fresh();
    assert!(!bench.credential.view(bench.now).overdue);
    let start = bench.now;
    bench.pass(600);
    for now in [Moment { wall: start.wall, ..bench.now }, Moment { boot: start.boot, ..bench.now }]
    {
        assert!(bench.credential.view(now).overdue);
    }
}
