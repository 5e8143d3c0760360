//! How long a credential waits after failures, and what ends the wait.

use super::*;

/// A limit that allows one in ten minutes all along, and three more now.
const RATIONED: Allowance = Allowance { pace: Some(Duration::from_secs(600)), room: 3 };

fn paced(secs: u64) -> Allowance {
    Allowance { pace: Some(Duration::from_secs(secs)), ..RATIONED }
}

/// Returns the shortest and the longest wait in seconds after so many failures in a row, with so
/// much left of the token that is held.
fn waits(left: u64, fate: Fate, verdict: Verdict, row: u32, allowance: Allowance) -> (u64, u64) {
    let waits = (0..300).map(|seed| {
        let mut bench = if left > 0 { Bench::fresh() } else { Bench::empty() };
        bench.random = SplitMix::new(seed);
        bench.pass(LIFE - left);
        bench.ask(1, Some(left + 1));
        let issuance = bench.reserve_with(allowance);
        bench.credential.consecutive_failures = row - 1;
        let failure = Failure { verdict, retry_after: None, message: "no".to_owned() };
        bench.fail_with(issuance, fate, failure);
        bench.credential.view(bench.now).retry_in.unwrap().as_secs()
    });
    let waits: Vec<u64> = waits.collect();
    (waits.iter().min().copied().unwrap(), waits.iter().max().copied().unwrap())
}

#[test]
fn an_outage_is_noticed_to_be_over_in_time() {
    let unlimited = Allowance { pace: None, room: u32::MAX };
    for (left, fate, verdict, most) in [
        (0, Fate::Answered, Verdict::Transient, 300),
        (0, Fate::Unsent, Verdict::Transient, 60),
        // While a token is held, within a quarter of what is left of it ..
        (400, Fate::Answered, Verdict::Transient, 100),
        (400, Fate::Unsent, Verdict::Transient, 100),
        // .. but for a provider that wants to be left alone.
        (400, Fate::Answered, Verdict::Limited, 300),
    ] {
        let (_, longest) = waits(left, fate, verdict, 20, unlimited);
        assert!((most * 9 / 10..=most + 1).contains(&longest), "{left} {fate:?}: {longest}");
    }
}

#[test]
fn where_failures_count_against_a_limit_they_are_rationed_from_the_third_on() {
    let transient =
        |left, row, allowance| waits(left, Fate::Answered, Verdict::Transient, row, allowance);
    assert_eq!(transient(0, 2, RATIONED), (1, 4), "the first ones are free");
    assert!(transient(0, 3, RATIONED).0 >= 300);
    assert!(transient(0, 3, RATIONED).1 <= 600);
    assert_eq!(transient(0, 3, Allowance { pace: None, ..RATIONED }), (1, 8), "no limit");
    assert_eq!(transient(0, 3, Allowance { pace: Some(Duration::MAX), ..RATIONED }), (1, 8));
    let unsent = waits(0, Fate::Unsent, Verdict::Transient, 3, RATIONED);
    assert_eq!(unsent, (1, 8), "it isn't counted");
}

#[test]
fn a_ration_lasts_for_what_is_left_of_the_token_or_for_half_of_a_life() {
    let rationed = |left, pace| waits(left, Fate::Answered, Verdict::Transient, 3, paced(pace));
    // Four are left: one now, and three more.
    for (left, pace, ration) in
        [(400, 600, 100), (400, 40, 40), (0, 3_599, 900), (0, 3_600, 1_800), (0, 9_000, 1_800)]
    {
        let (shortest, longest) = rationed(left, pace);
        assert!((ration / 2..=ration * 6 / 10).contains(&shortest), "{left} {pace}: {shortest}");
        assert!((ration * 9 / 10..=ration).contains(&longest), "{left} {pace}: {longest}");
    }
}

#[test]
fn whoever_asks_when_a_write_is_due_again_has_it_written() {
    let mut bench = Bench::empty();
    let issuance = bench.wake_and_reserve();
    bench.issue(issuance, LIFE, "first");
    bench.unwritten(issuance);
    bench.said();
    bench.pass_to_deadline();
    bench.ask(1, None);
    assert_eq!(bench.said(), ["persist first"]);
    bench.input(Input::Persisted(issuance));
    assert_eq!(bench.said(), ["publish first", "1 gets first"]);
}

#[test]
fn a_report_is_heard_when_the_wait_is_over() {
    let mut bench = Bench::fresh();
    let token_id = bench.credential.token.as_ref().unwrap().id;
    bench.input(Input::Forced(WaiterId(1)));
    let issuance = bench.reserve();
    bench.fail(issuance, Verdict::Transient);
    bench.said();
    let report = |id| Input::Reported(Report { waiter: WaiterId(id), token_id, caller: Caller(1) });
    bench.input(report(2));
    assert!(bench.said()[0].starts_with("2 is suppressed"));
    bench.pass_to_deadline();
    bench.input(report(3));
    assert_eq!(bench.said(), ["reserve Rejected"]);
}
