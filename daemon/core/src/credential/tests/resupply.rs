//! Secrets that are replaced.

use super::*;
use crate::Origin;

fn terms(origin: Origin) -> Terms {
    Terms { origin, ..Terms::default() }
}

/// A credential that the provider has refused.
fn denied() -> Bench {
    let mut bench = Bench::empty();
    let issuance = bench.wake_and_reserve();
    bench.fail(issuance, Verdict::Denied);
    bench.said();
    assert_eq!(bench.state(), State::Refused);
    bench
}

#[test]
fn a_refused_credential_is_asked_for_again_once() {
    let mut bench = denied();
    bench.input(Input::Resupplied { refresh_token: false });
    assert_eq!(bench.said(), ["reserve Absent"]);
    let issuance = bench.reserve();
    bench.fail(issuance, Verdict::Denied);
    assert_eq!(bench.said(), ["send", "settle sent=true"]);
    bench.pass(86_400);
    bench.wake();
    assert!(bench.said().is_empty(), "nothing has been replaced since");
}

#[test]
fn a_wait_after_a_failure_is_over_but_not_one_that_the_provider_or_a_limit_wants() {
    let mut bench = Bench::empty();
    let issuance = bench.wake_and_reserve();
    bench.fail(issuance, Verdict::Transient);
    bench.said();
    bench.input(Input::Resupplied { refresh_token: false });
    assert_eq!(bench.said(), ["reserve Absent"]);

    let mut bench = Bench::empty();
    let issuance = bench.wake_and_reserve();
    bench.fail(issuance, Verdict::Limited);
    bench.said();
    bench.input(Input::Resupplied { refresh_token: false });
    assert!(bench.said().is_empty());

    let mut bench = Bench::empty();
    let issuance = bench.wake_and_reserve();
    let failure = Failure {
        verdict: Verdict::Transient,
        retry_after: Some(Duration::from_secs(90)),
        message: "maintenance".to_owned(),
    };
    bench.fail_with(issuance, Fate::Answered, failure);
    bench.said();
    bench.input(Input::Resupplied { refresh_token: false });
    assert!(bench.said().is_empty());

    let mut bench = Bench::empty();
    bench.wake();
    let issuance = bench.issuance();
    bench.input(Input::Refused { issuance, retry_after: Duration::from_secs(90) });
    bench.said();
    bench.input(Input::Resupplied { refresh_token: false });
    assert!(bench.said().is_empty());
    assert_eq!(bench.state(), State::Limited);
}

#[test]
fn a_token_that_is_held_is_served_on_and_costs_nothing() {
    let mut bench = Bench::fresh();
    bench.input(Input::Resupplied { refresh_token: false });
    assert!(bench.said().is_empty());
    assert_eq!(bench.state(), State::Fresh);
}

#[test]
fn a_refusal_of_the_secrets_before_is_no_refusal_of_those_that_came_meanwhile() {
    let mut bench = Bench::empty();
    let issuance = bench.wake_and_reserve();
    bench.input(Input::Resupplied { refresh_token: false });
    bench.said();
    bench.fail(issuance, Verdict::Denied);
    assert_eq!(bench.said(), ["settle sent=true", "reserve Absent"]);
    let issuance = bench.reserve();
    bench.fail(issuance, Verdict::Denied);
    assert_eq!(bench.said(), ["send", "settle sent=true"]);
    assert_eq!(bench.state(), State::Refused);
}

#[test]
fn a_token_that_is_one_of_the_secrets_is_taken_anew_at_once() {
    let mut bench = Bench::fresh_with(terms(Origin::Static));
    bench.input(Input::Resupplied { refresh_token: false });
    assert_eq!(bench.said(), ["reserve Forced"]);
    let issuance = bench.reserve();
    // It is replaced again before the one before is on disk.
    bench.issue(issuance, LIFE, "second");
    bench.input(Input::Resupplied { refresh_token: false });
    bench.input(Input::Persisted(issuance));
    assert_eq!(bench.said(), ["send", "persist second", "publish second", "reserve Forced"]);
    let issuance = bench.reserve();
    bench.issue(issuance, LIFE, "third");
    bench.input(Input::Persisted(issuance));
    assert_eq!(bench.said(), ["send", "persist third", "publish third"]);
}

#[test]
fn what_the_disk_has_not_taken_yet_is_followed_by_what_came_since() {
    let mut bench = Bench::fresh_with(terms(Origin::Static));
    bench.input(Input::Resupplied { refresh_token: false });
    let issuance = bench.reserve();
    bench.issue(issuance, LIFE, "second");
    bench.unwritten(issuance);
    bench.input(Input::Resupplied { refresh_token: false });
    bench.said();
    bench.pass_to_deadline();
    bench.wake();
    bench.input(Input::Persisted(issuance));
    assert_eq!(bench.said(), ["persist second", "publish second", "reserve Forced"]);
}

#[test]
fn whoever_revoked_the_token_is_not_given_another_unasked() {
    let mut bench = Bench::fresh();
    let id = bench.credential.view(bench.now).token.expect("a token is held").id;
    bench.input(Input::Revoked(id));
    bench.said();
    bench.input(Input::Resupplied { refresh_token: false });
    assert!(bench.said().is_empty());
}
