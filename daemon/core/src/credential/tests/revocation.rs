//! Tokens that an operator has had revoked.

use super::*;
use crate::Session;

fn held(bench: &Bench) -> TokenId {
    bench.credential.view(bench.now).token.expect("a token is held").id
}

/// Lets time pass until the token is being replaced.
fn refresh(bench: &mut Bench) -> IssuanceId {
    while !matches!(bench.credential.activity, Activity::Issuing { .. }) {
        bench.pass(10);
        bench.wake();
    }
    bench.reserve()
}

#[test]
fn a_revoked_token_is_dropped_and_no_other_is_asked_for_until_someone_asks() {
    let mut bench = Bench::fresh();
    let id = held(&bench);
    bench.input(Input::Revoked(id));
    assert_eq!(bench.said(), ["withdraw", "discard"]);
    assert_eq!(bench.state(), State::Empty);
    for _ in 0..3 {
        bench.pass(86_400);
        bench.wake();
    }
    bench.input(Input::Settled(Terms::default()));
    bench.wake();
    assert!(bench.said().is_empty());
    assert_eq!(bench.credential.deadline(), None);
    bench.ask(1, None);
    assert_eq!(bench.said(), ["reserve Absent"]);
    let issuance = bench.reserve();
    bench.issue(issuance, LIFE, "second");
    bench.input(Input::Persisted(issuance));
    bench.said();
    // From here on it is kept fresh again.
    bench.pass(LIFE);
    bench.wake();
    assert_eq!(bench.said(), ["reserve Absent"]);
}

#[test]
fn a_token_that_has_been_replaced_takes_no_other_along() {
    let mut bench = Bench::fresh();
    bench.input(Input::Revoked(TokenId([7; 16])));
    assert!(bench.said().is_empty());
    assert_eq!(bench.state(), State::Fresh);
}

#[test]
fn a_token_that_is_being_written_comes_all_the_same() {
    let mut bench = Bench::fresh();
    let id = held(&bench);
    bench.input(Input::Forced(WaiterId(1)));
    let issuance = bench.reserve();
    bench.issue(issuance, LIFE, "second");
    bench.said();
    bench.input(Input::Revoked(id));
    assert_eq!(bench.said(), ["withdraw"], "the second is in the first one's place on the disk");
    bench.input(Input::Persisted(issuance));
    assert_eq!(bench.said(), ["publish second", "1 gets second"]);
}

#[test]
fn a_failure_after_it_is_not_mended_unasked() {
    let mut bench = Bench::fresh();
    let id = held(&bench);
    let issuance = refresh(&mut bench);
    bench.said();
    bench.input(Input::Revoked(id));
    bench.fail(issuance, Verdict::Transient);
    assert_eq!(bench.said(), ["withdraw", "discard", "settle sent=true"]);
    bench.pass(86_400);
    bench.wake();
    assert!(bench.said().is_empty());
}

#[test]
fn a_token_that_is_kept_alive_meanwhile_does_not_come_back() {
    for is_written in [false, true] {
        let mut bench = Bench::empty();
        bench.ask(0, None);
        let issuance = bench.reserve();
        let idle = Duration::from_secs(LIFE);
        bench.input(Input::Issued {
            issuance,
            sent_at: bench.now.wall,
            lifetime: Lifetime::For(idle),
            same: false,
            refreshable: false,
            replaced: false,
            session: Some(Session { idle, end: None }),
            payload: "first",
            receipt: Receipt::default(),
        });
        bench.input(Input::Persisted(issuance));
        let id = held(&bench);
        let issuance = refresh(&mut bench);
        let (sent_at, receipt) = (bench.now.wall, Receipt::default());
        bench.said();
        if is_written {
            bench.input(Input::KeptAlive { issuance, sent_at, receipt });
            bench.input(Input::Revoked(id));
            bench.input(Input::Persisted(issuance));
            assert_eq!(bench.said(), ["persist first", "withdraw", "discard"]);
        } else {
            bench.input(Input::Revoked(id));
            bench.input(Input::KeptAlive { issuance, sent_at, receipt });
            assert_eq!(bench.said(), ["withdraw", "discard", "settle sent=true"]);
        }
        assert_eq!(bench.credential.view(bench.now).token, None);
        bench.pass(86_400);
        bench.wake();
        assert!(bench.said().is_empty());
    }
}

#[test]
fn a_successor_that_could_not_be_written_yet_outlives_the_token_before() {
    let mut bench = Bench::fresh();
    let first = bench.credential.token.as_ref().unwrap().id;
    bench.input(Input::Forced(WaiterId(1)));
    let issuance = bench.reserve();
    bench.issue(issuance, LIFE, "second");
    bench.unwritten(issuance);
    bench.said();
    bench.input(Input::Revoked(first));
    assert_eq!(bench.said(), ["withdraw", "discard"]);
    bench.pass_to_deadline();
    bench.wake();
    assert_eq!(bench.said(), ["persist second"]);
}

#[test]
fn the_same_token_that_could_not_be_written_once_more_ends_with_itself() {
    let mut bench = Bench::fresh();
    let first = bench.credential.token.as_ref().unwrap().id;
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.issue_again(issuance, 500, "first", true, false);
    bench.unwritten(issuance);
    bench.said();
    bench.input(Input::Revoked(first));
    assert_eq!(bench.said(), ["settle sent=true", "withdraw", "discard"]);
    assert_eq!(bench.credential.deadline(), None);
}

#[test]
fn who_waits_for_another_token_still_waits_when_the_one_before_is_revoked() {
    let mut bench = Bench::fresh();
    let first = bench.credential.token.as_ref().unwrap().id;
    bench.input(Input::Forced(WaiterId(1)));
    let issuance = bench.reserve();
    bench.input(Input::Revoked(first));
    bench.fail(issuance, Verdict::Transient);
    bench.said();
    bench.pass_to_deadline();
    bench.wake();
    assert_eq!(bench.said(), ["reserve Absent"], "somebody wanted one");
}
