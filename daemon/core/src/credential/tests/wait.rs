//! Waits: after failures, for limits, across restarts.

use super::{super::issuance::transient, *};

#[test]
fn backs_off_and_tries_again_by_itself_until_it_succeeds() {
    let mut bench = Bench::empty();
    for _ in 0..20 {
        let issuance = bench.wake_and_reserve();
        bench.fail(issuance, Verdict::Transient);
        bench.said();
        bench.wake();
        assert!(bench.said().is_empty(), "not before the wait is over");
        bench.pass_to_deadline();
    }
    let issuance = bench.wake_and_reserve();
    bench.issue(issuance, LIFE, "at last");
    bench.input(Input::Persisted(issuance));
    assert_eq!(bench.state(), State::Fresh);
    assert!(bench.credential.view(bench.now).setback.is_none());
}

#[test]
fn what_the_machine_lacks_is_no_failure_of_the_provider() {
    let mut bench = Bench::empty();
    for _ in 0..20 {
        let issuance = bench.wake_and_reserve();
        bench.said();
        bench.ask(1, None);
        let message = "no thread can be had".to_owned();
        let failure = Failure { verdict: Verdict::Local, retry_after: None, message };
        bench.fail_with(issuance, Fate::Unsent, failure);
        assert_eq!(bench.said(), ["settle sent=false", "1 refused: local"]);
        let Some(Deadline::Boot(at)) = bench.credential.deadline() else { panic!("it waits") };
        assert!(bench.now.boot.until(at) <= Duration::from_secs(11), "however often");
        bench.pass_to_deadline();
    }
    assert_eq!(bench.credential.consecutive_failures, 0);
    let issuance = bench.wake_and_reserve();
    bench.fail(issuance, Verdict::Transient);
    let Some(Deadline::Boot(at)) = bench.credential.deadline() else { panic!("it waits") };
    assert!(bench.now.boot.until(at) <= Duration::from_secs(3), "it is the first");
}

#[test]
fn a_denied_credential_stops_until_a_person_acts() {
    let mut bench = Bench::empty();
    bench.ask(1, None);
    let issuance = bench.reserve();
    bench.said();
    bench.fail(issuance, Verdict::Denied);
    assert_eq!(bench.said(), ["settle sent=true", "1 refused: rejected"]);
    assert_eq!(bench.credential.deadline(), None);
    bench.pass(7 * 86_400);
    bench.wake();
    bench.ask(2, None);
    assert_eq!(bench.said(), ["2 refused: rejected"]);
    bench.input(Input::Forced(WaiterId(3)));
    assert_eq!(bench.said(), ["reserve Forced"]);
}

#[test]
fn a_refused_reservation_waits_for_the_budget_and_says_how_long() {
    let mut bench = Bench::empty();
    bench.ask(1, None);
    let issuance = bench.issuance();
    let retry_after = Duration::from_secs(90);
    bench.input(Input::Refused { issuance, retry_after });
    assert_eq!(bench.said(), ["reserve Absent", "1 refused: budget"]);
    assert_eq!(bench.state(), State::Limited);
    bench.pass(30);
    bench.ask(2, None);
    let Some(Effect::Answer { answer: Err(refusal), .. }) = bench.effects.pop() else {
        panic!("an answer was due");
    };
    assert_eq!(refusal, Refusal::BudgetExhausted { retry_after: Duration::from_secs(60) });
    bench.pass(60);
    bench.wake();
    assert_eq!(bench.said(), ["reserve Absent"]);
}

#[test]
fn an_impossible_issuance_is_not_tried_again_until_a_person_acts() {
    let mut bench = Bench::empty();
    bench.ask(1, None);
    let issuance = bench.issuance();
    bench.input(Input::Impossible { issuance, message: "no definition".to_owned() });
    assert_eq!(bench.said(), ["reserve Absent", "1 refused: impossible"]);
    bench.pass(86_400);
    bench.wake();
    bench.ask(2, None);
    assert_eq!(bench.said(), ["2 refused: impossible"]);
    assert_eq!(bench.state(), State::Refused);
}

#[test]
fn a_refused_refresh_is_tried_again_when_the_token_is_as_good_as_gone() {
    let mut bench = Bench::fresh();
    bench.pass_to_deadline();
    bench.wake();
    let issuance = bench.issuance();
    bench.input(Input::Refused { issuance, retry_after: Duration::from_secs(86_400) });
    assert_eq!(bench.said(), ["reserve Aging"]);
    bench.ask(1, None);
    assert_eq!(bench.said(), ["1 gets first"]);
    bench.pass_to_deadline();
    let left = bench.credential.token.as_ref().unwrap().remaining(bench.now).unwrap();
    assert!(!left.is_zero() && left <= Duration::from_secs(2), "{left:?}");
    bench.wake();
    assert_eq!(bench.said(), ["reserve Absent"]);
    let issuance = bench.issuance();
    bench.input(Input::Refused { issuance, retry_after: Duration::from_secs(3_600) });
    bench.pass(3_500);
    bench.wake();
    assert!(bench.said().is_empty(), "not before the limits allow it");
}

#[test]
fn after_a_restart_the_back_off_goes_on_where_it_was() {
    let failure = |verdict| Failure {
        verdict,
        retry_after: Some(Duration::from_secs(600)),
        message: "no".to_owned(),
    };
    let at = "2025-12-31T23:59:00Z".parse().unwrap();
    let history = |verdict| History {
        consecutive_failures: 3,
        last_failure: Some((failure(verdict), at, Duration::from_secs(60))),
        ..History::default()
    };
    let mut bench = Bench::load(None, history(Verdict::Transient));
    bench.pass(539);
    bench.wake();
    assert!(bench.said().is_empty());
    bench.pass(32);
    bench.wake();
    assert_eq!(bench.said(), ["reserve Absent"]);

    let mut bench = Bench::load(None, history(Verdict::Denied));
    bench.pass(7 * 86_400);
    bench.wake();
    assert!(bench.said().is_empty());
    assert_eq!(bench.state(), State::Refused);
}

#[test]
fn what_failed_out_of_turn_is_not_tried_again_before_the_token_is_due() {
    let mut bench = Bench::fresh();
    bench.input(Input::Forced(WaiterId(1)));
    let issuance = bench.reserve();
    bench.fail(issuance, Verdict::Transient);
    bench.said();
    bench.pass_to_deadline();
    bench.wake();
    assert!(bench.said().is_empty());
    assert_eq!(bench.state(), State::Fresh);
    bench.pass_to_deadline();
    bench.wake();
    assert_eq!(bench.said(), ["reserve Aging"]);
}

#[test]
fn after_a_restart_the_provider_is_left_alone_whatever_was_cut_short_since_it_wanted_that() {
    let unknown = transient("fate unknown".to_owned());
    let history = History {
        consecutive_failures: 2,
        last_failure: Some((unknown, "2025-12-31T23:59:00Z".parse().unwrap(), Duration::ZERO)),
        away: Some(Duration::from_secs(600)),
        ..History::default()
    };
    let mut bench = Bench::load(None, history);
    bench.input(Input::Resupplied { refresh_token: false });
    bench.pass(599);
    bench.wake();
    assert!(bench.said().is_empty(), "nor do other secrets end it");
    bench.pass(1);
    bench.wake();
    assert_eq!(bench.said(), ["reserve Absent"]);
}

#[test]
fn a_crash_during_an_issuance_costs_none_while_the_stored_token_is_fresh() {
    let fresh = Bench::fresh();
    let token = Token::clone(fresh.credential.token.as_ref().unwrap());
    let history = History {
        consecutive_failures: 1,
        last_failure: Some((transient("fate unknown".to_owned()), fresh.now.wall, Duration::ZERO)),
        ..History::default()
    };
    let mut bench = Bench::load(Some(token), history);
    bench.said();
    bench.pass_to_deadline();
    bench.wake();
    assert!(bench.said().is_empty());
    assert_eq!(bench.state(), State::Fresh);
}

#[test]
fn tokens_that_live_for_seconds_are_asked_for_with_pauses() {
    for life in 1..=10 {
        let mut bench = Bench::empty();
        let mut sends = 0;
        let end = bench.now.boot.after(Duration::from_secs(600));
        while bench.now.boot < end {
            bench.wake();
            if matches!(bench.credential.activity, Activity::Issuing { .. }) {
                let issuance = bench.issuance();
                bench.input(reserved(issuance));
                sends += 1;
                bench.issue(issuance, life, "short");
                bench.input(Input::Persisted(issuance));
            }
            bench.pass(1);
        }
        assert!(sends <= 300, "{sends} in ten minutes with a life of {life} s");
    }
}

#[test]
fn an_operator_joins_what_is_under_way_and_overrides_a_wait() {
    let mut bench = Bench::fresh();
    bench.input(Input::Forced(WaiterId(1)));
    bench.input(Input::Forced(WaiterId(2)));
    assert_eq!(bench.said(), ["reserve Forced"]);
    let issuance = bench.reserve();
    bench.said();
    bench.fail(issuance, Verdict::Transient);
    assert_eq!(
        bench.said(),
        ["settle sent=true", "1 refused: unavailable", "2 refused: unavailable"]
    );
    bench.input(Input::Forced(WaiterId(3)));
    assert_eq!(bench.said(), ["reserve Forced"]);
}

/// Makes the provider ask to be left alone for ten minutes at the first refresh.
fn sent_away() -> Bench {
    let mut bench = Bench::fresh();
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    let retry_after = Some(Duration::from_secs(600));
    let failure = Failure { verdict: Verdict::Limited, retry_after, message: "no".to_owned() };
    bench.fail_with(issuance, Fate::Answered, failure);
    bench.said();
    bench.pass(10);
    bench.input(Input::Forced(WaiterId(1)));
    bench
}

#[test]
fn what_stands_in_the_way_of_an_operator_does_not_end_a_wait_that_the_provider_demanded() {
    let full = |issuance| {
        let failure = StoreFailure { full: true, message: "disk full".to_owned() };
        Input::Unwritten { issuance, failure }
    };
    let spent = |issuance| Input::Refused { issuance, retry_after: Duration::from_secs(2) };
    for what in [full, spent] {
        let mut bench = sent_away();
        bench.input(what(bench.issuance()));
        assert_eq!(bench.said()[0], "reserve Forced");
        if bench.credential.setback == Some((Setback::Budget, bench.now.wall)) {
            // Other limits change nothing about what the provider said.
            bench.input(Input::Settled(Terms::default()));
        }
        bench.pass(588);
        bench.wake();
        assert!(bench.said().is_empty(), "{:?}", bench.credential.view(bench.now));
        bench.pass(33);
        bench.wake();
        assert_eq!(bench.said().len(), 1);
    }
}

#[test]
fn a_failure_that_says_nothing_of_a_wait_does_not_end_one_that_was_demanded_but_a_token_does() {
    for verdict in [Verdict::Transient, Verdict::Limited] {
        let mut bench = sent_away();
        let issuance = bench.reserve();
        bench.fail(issuance, verdict);
        bench.said();
        // Nor do other secrets.
        bench.input(Input::Resupplied { refresh_token: false });
        bench.pass(588);
        bench.wake();
        assert!(bench.said().is_empty(), "{verdict:?}");
    }

    let mut bench = sent_away();
    let issuance = bench.reserve();
    bench.issue(issuance, 100, "another");
    bench.input(Input::Persisted(issuance));
    bench.said();
    bench.pass_to_deadline();
    bench.wake();
    assert_eq!(bench.said(), ["reserve Aging"]);
}

#[test]
fn limits_that_an_operator_meets_leave_a_wait_that_the_provider_demanded_as_it_was() {
    let mut bench = Bench::fresh();
    bench.input(Input::Forced(WaiterId(1)));
    let issuance = bench.reserve();
    let retry_after = Some(Duration::from_secs(LIFE));
    let failure = Failure { verdict: Verdict::Limited, retry_after, message: "no".to_owned() };
    bench.fail_with(issuance, Fate::Answered, failure);
    bench.input(Input::Forced(WaiterId(2)));
    let issuance = bench.issuance();
    bench.input(Input::Refused { issuance, retry_after: Duration::from_secs(5) });
    bench.said();
    // The token is due long before.
    for _ in 10..LIFE {
        bench.pass(1);
        bench.wake();
        assert!(bench.said().is_empty(), "{:?}", bench.credential.view(bench.now));
    }
}

#[test]
fn a_wait_that_the_provider_demanded_before_a_restart_is_kept_like_any() {
    let retry_after = Some(Duration::from_secs(600));
    let failure = Failure { verdict: Verdict::Transient, retry_after, message: "no".to_owned() };
    let (at, ago) = ("2025-12-31T23:59:50Z".parse().unwrap(), Duration::from_secs(10));
    let last_failure = Some((failure, at, ago));
    let history = History { consecutive_failures: 1, last_failure, ..History::default() };
    let mut bench = Bench::load(None, history);
    bench.input(Input::Forced(WaiterId(1)));
    bench.unwritten(bench.issuance());
    bench.said();
    bench.pass(589);
    bench.wake();
    assert!(bench.said().is_empty());
}
