//! What ends a wait, or a standstill, from outside: other limits, other definitions.

use super::*;

/// A credential that has just been refused by the limits.
fn limited() -> Bench {
    let mut bench = Bench::empty();
    bench.wake();
    let issuance = bench.issuance();
    bench.input(Input::Refused { issuance, retry_after: Duration::from_secs(3_600) });
    assert_eq!(bench.state(), State::Limited);
    bench.said();
    bench
}

/// One that nothing can be asked for.
fn impossible() -> Bench {
    let mut bench = Bench::empty();
    bench.wake();
    let issuance = bench.issuance();
    bench.input(Input::Impossible { issuance, message: "no definition".to_owned() });
    assert_eq!(bench.state(), State::Refused);
    bench.said();
    bench
}

#[test]
fn other_limits_end_a_wait_for_the_limit_and_no_other_wait() {
    let mut bench = limited();
    bench.input(Input::Settled(Terms::default()));
    bench.wake();
    assert_eq!(bench.said(), ["reserve Absent"]);

    let mut bench = Bench::empty();
    let issuance = bench.wake_and_reserve();
    bench.fail(issuance, Verdict::Transient);
    bench.said();
    bench.input(Input::Settled(Terms::default()));
    bench.wake();
    assert!(bench.said().is_empty());
    assert_eq!(bench.state(), State::BackingOff);
}

#[test]
fn what_can_be_asked_for_again_is_asked_for_when_it_is_due() {
    let mut bench = impossible();
    bench.input(Input::Possible);
    assert!(bench.credential.view(bench.now).setback.is_none());
    bench.wake();
    assert_eq!(bench.said(), ["reserve Absent"]);
}

#[test]
fn what_can_be_asked_for_again_mends_no_refusal_and_ends_no_wait() {
    let mut denied = Bench::empty();
    let issuance = denied.wake_and_reserve();
    denied.fail(issuance, Verdict::Denied);
    let mut failed = Bench::empty();
    let issuance = failed.wake_and_reserve();
    failed.fail(issuance, Verdict::Transient);
    for (mut bench, state) in
        [(denied, State::Refused), (failed, State::BackingOff), (limited(), State::Limited)]
    {
        bench.said();
        bench.input(Input::Possible);
        bench.wake();
        assert!(bench.said().is_empty(), "{state:?}");
        assert_eq!(bench.state(), state);
    }
}

#[test]
fn what_an_operator_has_begun_already_goes_on_when_it_can_be_asked_for_again() {
    let mut bench = impossible();
    bench.input(Input::Forced(WaiterId(1)));
    bench.input(Input::Possible);
    let issuance = bench.reserve();
    bench.issue(issuance, LIFE, "first");
    bench.input(Input::Persisted(issuance));
    let said = ["reserve Forced", "send", "persist first", "publish first", "1 gets first"];
    assert_eq!(bench.said(), said);
}
