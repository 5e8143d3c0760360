//! Reports that an API refused a token, and callers without a wish.

use super::*;
use crate::{Origin, TokenId};

impl Bench {
    fn report(&mut self, id: u64, token_id: TokenId, caller: u32) {
        let report = Report { waiter: WaiterId(id), token_id, caller: Caller(caller) };
        self.input(Input::Reported(report));
    }

    /// Reports the token that is held.
    fn report_held(&mut self, id: u64, caller: u32) {
        self.report(id, self.credential.token.as_ref().unwrap().id, caller);
    }

    /// The provider gives a new token for the report.
    fn replace(&mut self) {
        let issuance = self.reserve();
        self.issue(issuance, LIFE, "next");
        self.input(Input::Persisted(issuance));
    }
}

#[test]
fn reports_about_one_token_cost_one_issuance_and_all_learn_of_it() {
    let mut bench = Bench::fresh();
    let first = bench.credential.token.as_ref().unwrap().id;
    bench.report(1, first, 10);
    bench.report(2, first, 11);
    assert_eq!(bench.said(), ["reserve Rejected"]);
    bench.replace();
    bench.said();
    bench.report(3, first, 12);
    assert_eq!(bench.said(), ["3 is told: Superseded"]);
}

#[test]
fn reporters_learn_that_the_token_was_replaced() {
    let mut bench = Bench::fresh();
    bench.report_held(1, 10);
    bench.ask(2, None);
    assert_eq!(bench.said(), ["reserve Rejected", "2 gets first"]);
    bench.replace();
    assert_eq!(bench.said(), ["send", "persist next", "publish next", "1 is told: Refreshed"]);
}

#[test]
fn a_new_token_that_is_refused_as_well_is_not_what_is_wrong() {
    let mut bench = Bench::fresh();
    bench.report_held(1, 10);
    bench.replace();
    bench.said();
    bench.pass(59);
    bench.report_held(2, 10);
    bench.report_held(3, 11);
    assert_eq!(bench.said(), ["2 is told: NotATokenProblem", "3 is told: NotATokenProblem"]);
    bench.pass(1);
    bench.report_held(4, 11);
    assert_eq!(bench.said(), ["reserve Rejected"]);
    bench.replace();
}

#[test]
fn one_who_reports_every_token_costs_one_an_hour_and_keeps_no_one_else_from_it() {
    let mut bench = Bench::fresh();
    let mut heard = 0;
    for second in 0..86_400_u64 {
        bench.report_held(second, 666);
        if let Activity::Issuing { .. } = bench.credential.activity {
            heard += 1;
            bench.replace();
        }
        bench.said();
        bench.pass(1);
        bench.wake();
        if let Activity::Issuing { .. } = bench.credential.activity {
            bench.replace();
        }
    }
    assert!((20..30).contains(&heard), "{heard}");
    let view = bench.credential.view(bench.now);
    let [(Caller(666), reports)] = view.reports[..] else { panic!("{:?}", view.reports) };
    assert!(reports.count > 80_000 && reports.heard == heard, "{reports:?}");
    bench.said();
    bench.pass(100);
    bench.report_held(1, 10);
    assert_eq!(bench.said(), ["reserve Rejected"]);
    bench.replace();
    bench.said();
    bench.report_held(2, 666);
    assert_eq!(bench.said(), ["2 is told: NotATokenProblem"]);
}

#[test]
fn one_whose_tokens_are_refused_now_and_then_is_always_heard() {
    let mut bench = Bench::fresh();
    for _ in 0..200 {
        bench.report_held(1, 10);
        bench.replace();
        assert_eq!(bench.said().pop().as_deref(), Some("1 is told: Refreshed"));
        bench.pass(3_700);
    }
    // Four in a row, and no more for a while.
    for _ in 0..3 {
        bench.report_held(1, 10);
        bench.replace();
        bench.said();
        bench.pass(61);
    }
    bench.report_held(1, 10);
    bench.replace();
    bench.said();
    bench.pass(61);
    bench.report_held(1, 10);
    let said = bench.said();
    assert!(said[0].starts_with("1 is suppressed for 3"), "{said:?}");
}

#[test]
fn a_report_ends_no_back_off_and_an_operator_still_may() {
    let mut bench = Bench::fresh();
    bench.report_held(1, 10);
    let issuance = bench.reserve();
    bench.said();
    let failure = Failure {
        retry_after: Some(Duration::from_secs(300)),
        ..issuance::transient(String::new())
    };
    bench.fail_with(issuance, Fate::Answered, failure);
    let said = bench.said();
    assert!(said[1].starts_with("1 is suppressed for 3"), "{said:?}");
    bench.pass(100);
    bench.report_held(2, 11);
    let said = bench.said();
    assert!(said[0].starts_with("2 is suppressed for 2"), "{said:?}");
    bench.ask(3, None);
    bench.input(Input::Forced(WaiterId(4)));
    assert_eq!(bench.said(), ["3 gets first", "reserve Forced"]);
}

#[test]
fn a_refused_token_is_replaced_once_the_provider_can_without_another_report() {
    let mut bench = Bench::fresh();
    bench.report_held(1, 10);
    let issuance = bench.reserve();
    bench.said();
    bench.fail(issuance, Verdict::Transient);
    bench.report_held(2, 10);
    bench.ask(3, None);
    let said = bench.said();
    assert!(said[1].starts_with("1 is suppressed") && said[2].starts_with("2 is"), "{said:?}");
    assert_eq!(said[3], "3 gets first");
    bench.pass_to_deadline();
    bench.wake();
    assert_eq!(bench.said(), ["reserve Rejected"]);
    bench.replace();
    bench.said();
    bench.pass_to_deadline();
    bench.wake();
    assert_eq!(bench.said(), ["reserve Aging"]);
}

#[test]
fn a_report_loses_no_token_that_is_only_not_written_yet() {
    let mut bench = Bench::fresh();
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.issue(issuance, LIFE, "next");
    bench.unwritten(issuance);
    bench.said();
    // The next attempt to write it is due.
    bench.pass_to_deadline();
    bench.report_held(1, 10);
    assert_eq!(bench.said(), ["1 is suppressed for 0 s"]);
    bench.wake();
    assert_eq!(bench.said(), ["persist next"]);
}

#[test]
fn what_took_a_refused_tokens_place_at_a_second_try_is_not_replaced_as_well() {
    let mut bench = Bench::fresh();
    bench.report_held(1, 10);
    let issuance = bench.reserve();
    bench.issue(issuance, LIFE, "next");
    bench.unwritten(issuance);
    bench.pass_to_deadline();
    bench.wake();
    bench.input(Input::Persisted(issuance));
    bench.said();
    bench.report_held(2, 11);
    assert_eq!(bench.said(), ["2 is told: NotATokenProblem"]);
}

#[test]
fn without_budget_a_report_is_suppressed_and_the_token_still_served() {
    let mut bench = Bench::fresh();
    bench.report_held(1, 10);
    let issuance = bench.issuance();
    bench.said();
    bench.input(Input::Refused { issuance, retry_after: Duration::from_secs(900) });
    bench.ask(2, None);
    assert_eq!(bench.said(), ["1 is suppressed for 900 s", "2 gets first"]);
}

#[test]
fn a_static_or_refused_credential_is_dead_if_an_api_refuses_it() {
    let terms = Terms { origin: Origin::Static, ..Terms::default() };
    let mut bench = Bench::fresh_with(terms);
    bench.report_held(1, 10);
    assert_eq!(bench.said(), ["1 is told: dead"]);
    let mut bench = Bench::fresh();
    bench.report_held(1, 10);
    let issuance = bench.reserve();
    bench.said();
    bench.fail(issuance, Verdict::Denied);
    bench.report_held(2, 11);
    assert_eq!(bench.said(), ["settle sent=true", "1 is told: dead", "2 is told: dead"]);
}

#[test]
fn a_provider_that_gives_the_refused_token_again_is_not_asked_a_third_time() {
    let mut bench = Bench::fresh();
    bench.report_held(1, 10);
    let issuance = bench.reserve();
    bench.said();
    bench.issue_again(issuance, LIFE - 1, "first", true, false);
    bench.input(Input::Persisted(issuance));
    let expected = ["persist first", "publish first", "1 is told: NotATokenProblem"];
    assert_eq!(bench.said(), expected);
}

#[test]
fn so_many_users_report_that_only_the_last_are_remembered() {
    let mut bench = Bench::fresh();
    for caller in 0..1_000 {
        bench.report_held(1, caller);
        if let Activity::Issuing { .. } = bench.credential.activity {
            bench.replace();
        }
        bench.pass(1);
    }
    assert_eq!(bench.credential.view(bench.now).reports.len(), 32);
}

#[test]
fn whoever_did_not_say_what_life_it_needs_gets_what_is_valid_where_no_better_can_be_had() {
    // Limits are such that each token is used up.
    let scarce = Allowance { pace: Some(Duration::from_secs(2 * LIFE)), room: 5 };
    let mut bench = Bench::empty();
    bench.wake();
    let issuance = bench.reserve_with(scarce);
    bench.issue(issuance, LIFE, "first");
    bench.input(Input::Persisted(issuance));
    bench.said();
    bench.pass(LIFE - 20);
    bench.ask(1, None);
    assert_eq!(bench.said(), ["1 gets first"]);
    // One who did say doesn't.
    bench.ask(2, Some(30));
    assert_eq!(bench.said(), ["reserve MinTtl"]);
    bench.ask(3, None);
    let issuance = bench.reserve();
    bench.said();
    bench.fail(issuance, Verdict::Transient);
    bench.ask(4, None);
    let expected = ["settle sent=true", "2 refused: unavailable", "3 gets first", "4 gets first"];
    assert_eq!(bench.said(), expected);
}
