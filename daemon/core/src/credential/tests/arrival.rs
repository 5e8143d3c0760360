//! Tokens as they come: late, short-lived, or prolonged.

use super::*;
use crate::{Origin, Session};

/// Has a token come that was asked for some seconds ago.
fn come(bench: &mut Bench, took: u64, life: u64, session: Option<Session>) -> IssuanceId {
    let issuance = bench.wake_and_reserve();
    bench.said();
    let took = Duration::from_secs(took);
    bench.input(Input::Issued {
        issuance,
        sent_at: crate::time::before(bench.now.wall, took),
        lifetime: Lifetime::For(Duration::from_secs(life)),
        same: false,
        refreshable: false,
        replaced: false,
        session,
        payload: "first",
        receipt: Receipt { took, ..Receipt::default() },
    });
    issuance
}

#[test]
fn what_is_as_good_as_expired_when_it_comes_is_a_failure() {
    for (took, life, is_good) in [(0, 5, true), (0, 4, false), (59, 60, true), (60, 60, false)] {
        let mut bench = Bench::empty();
        come(&mut bench, took, life, None);
        let said = if is_good { "persist first" } else { "settle sent=true" };
        assert_eq!(bench.said(), [said], "{life} s after {took} s");
    }
}

#[test]
fn a_token_that_comes_when_it_should_have_been_replaced_is_not_replaced_at_once() {
    let mut bench = Bench::empty();
    let issuance = come(&mut bench, 50, 60, None);
    bench.input(Input::Persisted(issuance));
    assert_eq!(bench.said(), ["persist first", "publish first"]);
    bench.pass(4);
    bench.wake();
    assert!(bench.said().is_empty());
    bench.pass(1);
    bench.wake();
    assert_eq!(bench.said(), ["reserve Aging"]);
}

#[test]
fn a_session_is_kept_alive_earlier_for_a_slow_provider_and_for_callers_with_long_wishes() {
    let secs = Duration::from_secs;
    for (latency, min_ttl, least, most) in [(0, 0, 100, 116), (90, 0, 75, 95), (0, 100, 75, 95)] {
        let mut bench = Bench::empty();
        bench.latency = secs(latency);
        bench.demand.min_ttl = secs(min_ttl);
        let issuance = come(&mut bench, 0, 200, Some(Session { idle: secs(200), end: None }));
        bench.input(Input::Persisted(issuance));
        let due = bench.credential.token.as_ref().unwrap().refresh_at.unwrap();
        let after = due.duration_since(bench.now.wall).as_secs();
        assert!((least..=most).contains(&after), "{latency} {min_ttl}: {after}");
    }
}

#[test]
fn what_a_token_can_be_refreshed_with_counts_though_it_expired_before_it_was_stored() {
    let mut bench = Bench::empty();
    let issuance = bench.wake_and_reserve();
    bench.issue_again(issuance, 10, "first", false, true);
    bench.pass(20);
    bench.said();
    bench.input(Input::Persisted(issuance));
    assert_eq!(bench.said(), ["publish first"]);
    bench.pass_to_deadline();
    bench.wake();
    bench.reserve();
    assert_eq!(bench.said(), ["reserve Absent", "send refresh"]);
}

#[test]
fn a_login_that_is_lost_ends_nothing_that_is_under_way() {
    let terms = |is_logged_in| Terms { origin: Origin::Login, is_logged_in, ..Terms::default() };
    let mut bench = Bench::load_with(None, History::default(), terms(true));
    bench.ask(1, None);
    let issuance = bench.reserve();
    bench.said();
    bench.input(Input::Settled(terms(false)));
    assert!(bench.said().is_empty());
    bench.issue(issuance, LIFE, "first");
    bench.input(Input::Persisted(issuance));
    assert_eq!(bench.said(), ["persist first", "publish first", "1 gets first"]);
}

#[test]
fn what_replaces_a_token_at_its_end_is_planned_and_all_else_is_not() {
    use Cause::{Absent, Aging, Forced, KeepAlive, Login, MinTtl, Rejected, Wanted};
    assert!([Absent, Aging, KeepAlive].into_iter().all(Cause::is_planned));
    assert!(![MinTtl, Rejected, Wanted, Forced, Login].into_iter().any(Cause::is_planned));
}

#[test]
fn a_token_given_once_more_is_as_old_as_it_was() {
    let mut bench = Bench::fresh();
    let first = bench.credential.token.clone().unwrap();
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.issue_again(issuance, 400, "first", true, false);
    bench.input(Input::Persisted(issuance));
    let token = bench.credential.token.as_ref().unwrap();
    assert_eq!((token.id, token.issued_at), (first.id, first.issued_at));
}

#[test]
fn a_token_without_end_that_is_given_once_more_is_the_same() {
    let mut bench = Bench::empty();
    bench.ask(1, None);
    for payload in ["first", "again"] {
        let issuance = bench.reserve();
        bench.input(Input::Issued {
            issuance,
            sent_at: bench.now.wall,
            lifetime: Lifetime::Unlimited,
            same: payload == "again",
            refreshable: false,
            replaced: false,
            session: None,
            payload,
            receipt: Receipt::default(),
        });
        let before = bench.credential.token.as_ref().map(|token| token.id);
        bench.input(Input::Persisted(issuance));
        let token = bench.credential.token.as_ref().unwrap();
        assert!(before.is_none_or(|before| before == token.id));
        bench.input(Input::Forced(WaiterId(2)));
    }
}

#[test]
fn a_provider_that_wants_fewer_refreshes_is_asked_for_one_later_all_the_same() {
    let mut bench = Bench::empty();
    let issuance = bench.wake_and_reserve();
    bench.issue_again(issuance, LIFE, "first", false, true);
    bench.input(Input::Persisted(issuance));
    for _ in 0..3 {
        bench.pass_to_deadline();
        let issuance = bench.wake_and_reserve();
        assert!(bench.said().contains(&"send refresh".to_owned()));
        bench.fail(issuance, Verdict::Limited);
    }
}

#[test]
fn what_keeps_a_token_alive_is_tried_again_whether_or_not_someone_is_logged_in() {
    let mut bench = Bench::empty();
    let session = Some(Session { idle: Duration::from_secs(LIFE), end: None });
    let issuance = come(&mut bench, 0, LIFE, session);
    bench.input(Input::Persisted(issuance));
    let token = Token::clone(bench.credential.token.as_ref().unwrap());
    let terms = Terms { origin: Origin::Login, is_logged_in: false, ..Terms::default() };
    let mut bench = Bench::load_with(Some(token), History::default(), terms);
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    assert_eq!(bench.said().pop().as_deref(), Some("keep alive"));
    bench.fail(issuance, Verdict::Transient);
    assert_eq!(bench.state(), State::BackingOff);
}

#[test]
fn a_session_that_is_kept_alive_prolongs_a_token_that_was_there_when_that_was_sent() {
    let secs = Duration::from_secs;
    let session = Some(Session { idle: secs(2 * LIFE), end: None });
    for (is_newer, left) in [(false, 2 * LIFE - 10), (true, LIFE)] {
        let mut bench = Bench::empty();
        let issuance = come(&mut bench, 0, LIFE, session);
        bench.input(Input::Persisted(issuance));
        let token = Token::clone(bench.credential.token.as_ref().unwrap());
        let (id, refresh_at) = (token.id, Some(bench.now.wall));
        // It is due in the moment in which it is taken up.
        let mut bench = Bench::load(Some(Token { refresh_at, ..token }), History::default());
        let (issuance, sent_at) = (bench.wake_and_reserve(), bench.now.wall);
        bench.pass(10);
        if is_newer {
            bench.input(Input::Rotated(super::rotation::newer(1, id, session)));
        }
        let receipt = Receipt { took: secs(10), ..Receipt::default() };
        bench.input(Input::KeptAlive { issuance, sent_at, receipt });
        bench.input(Input::Persisted(issuance));
        let token = bench.credential.token.as_ref().unwrap();
        assert_eq!(token.remaining(bench.now), Some(secs(left)), "newer: {is_newer}");
    }
}
