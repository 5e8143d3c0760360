use super::*;
use crate::credential::issuance::transient;

const LOGIN: Origin = Origin::Login;

/// What a login left behind keeps tokens coming.
fn logged_in(grace: Option<u64>) -> Bench {
    let refresh_grace = grace.map(Duration::from_secs);
    Bench::fresh_with(Terms { origin: LOGIN, refresh_grace, ..Terms::default() })
}

/// The secrets are enough for a token, and what came with it for the next.
fn refreshable(grace: Option<u64>) -> Bench {
    let refresh_grace = grace.map(Duration::from_secs);
    let mut bench =
        Bench::load_with(None, History::default(), Terms { refresh_grace, ..Terms::default() });
    bench.ask(0, None);
    let issuance = bench.reserve();
    bench.issue_again(issuance, LIFE, "first", false, true);
    bench.input(Input::Persisted(issuance));
    bench.said();
    bench
}

/// Loses the answer to the next refresh.
fn lose(bench: &mut Bench) {
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.fail_with(issuance, Fate::Lost, transient("lost".to_owned()));
    bench.said();
}

/// Makes the next attempt, and says how.
fn next(bench: &mut Bench) -> Vec<String> {
    bench.pass_to_deadline();
    bench.wake();
    if let Activity::Issuing { .. } = bench.credential.activity {
        bench.reserve();
    }
    bench.said()
}

fn doubt(reason: DoubtReason, age: u64) -> Doubt {
    Doubt { reason, age: Duration::from_secs(age), issuance: Some(IssuanceId([7; 16])) }
}

fn taken_up(origin: Origin, grace: Option<u64>, history: History) -> Bench {
    let held = refreshable(None);
    let token = Token::clone(held.credential.token.as_ref().unwrap());
    let refresh_grace = grace.map(Duration::from_secs);
    let mut bench =
        Bench::load_with(Some(token), history, Terms { origin, refresh_grace, ..Terms::default() });
    bench.said();
    bench
}

#[test]
fn a_refresh_token_whose_answer_was_lost_is_not_sent_again_if_no_grace_is_known() {
    let mut bench = logged_in(None);
    lose(&mut bench);
    assert_eq!(bench.state(), State::Refused, "it is said at once");
    bench.ask(1, None);
    assert_eq!(bench.said(), ["1 gets first"], "what is held is served to its end");
    bench.pass(LIFE);
    bench.ask(2, None);
    bench.input(Input::Forced(WaiterId(3)));
    assert_eq!(bench.said(), ["2 refused: login needed", "3 refused: login needed"]);

    let mut bench = refreshable(None);
    lose(&mut bench);
    assert_eq!(next(&mut bench), ["reserve Aging", "send"], "the secrets bring another");
}

#[test]
fn within_a_known_grace_it_is_sent_once_more_and_then_never() {
    for (mut bench, expected) in
        [(logged_in(Some(60)), "send"), (refreshable(Some(60)), "send refresh")]
    {
        lose(&mut bench);
        assert_eq!(next(&mut bench), ["reserve Aging", expected]);
        let issuance = bench.issuance();
        bench.fail_with(issuance, Fate::Lost, transient("lost".to_owned()));
        bench.said();
        if bench.credential.terms.origin == LOGIN {
            assert_eq!(bench.state(), State::Refused);
        } else {
            assert_eq!(next(&mut bench), ["reserve Aging", "send"]);
        }
    }
}

#[test]
fn a_grace_that_is_over_is_none() {
    let mut bench = logged_in(Some(60));
    lose(&mut bench);
    bench.pass(60);
    bench.wake();
    assert!(bench.said().is_empty());
    assert_eq!(bench.state(), State::Refused);
}

#[test]
fn a_provider_that_replaces_no_refresh_token_is_asked_until_it_answers() {
    let mut bench = logged_in(None);
    bench.credential.terms.refresh_grace = Some(Duration::MAX);
    for _ in 0..5 {
        lose(&mut bench);
    }
    assert_eq!(next(&mut bench), ["reserve Aging", "send"]);
}

#[test]
fn an_answer_ends_all_doubt_and_one_that_came_raises_none() {
    let mut bench = logged_in(Some(60));
    lose(&mut bench);
    next(&mut bench);
    let issuance = bench.issuance();
    bench.issue_again(issuance, LIFE, "second", false, false);
    bench.input(Input::Persisted(issuance));
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.fail(issuance, Verdict::Transient);
    bench.said();
    assert_eq!(next(&mut bench), ["reserve Aging", "send"]);
}

#[test]
fn what_was_in_doubt_is_in_doubt_after_a_restart() {
    let lost = DoubtReason::Lost { again: false };
    let twice = DoubtReason::Lost { again: true };
    for (reason, age, grace, secrets, login) in [
        (lost, 0, None, "send", false),
        (lost, 59, Some(900), "send refresh", true),
        (lost, 900, Some(900), "send", false),
        (twice, 59, Some(900), "send", false),
        (DoubtReason::Spent, 59, Some(900), "send", false),
        (DoubtReason::Refused, 59, Some(900), "send", false),
        (DoubtReason::Restored, 59, Some(900), "send", false),
    ] {
        let history = || History { doubt: Some(doubt(reason, age)), ..History::default() };
        let mut bench = taken_up(Origin::Secrets, grace, history());
        bench.pass(1);
        bench.input(Input::Forced(WaiterId(1)));
        bench.reserve();
        assert_eq!(bench.said(), ["reserve Forced", secrets], "{reason:?} {age} {grace:?}");

        let mut bench = taken_up(LOGIN, grace, history());
        assert_eq!(bench.state() == State::Fresh, login, "{reason:?} {age} {grace:?}");
        bench.ask(1, None);
        assert_eq!(bench.said(), ["1 gets first"]);
    }
}

#[test]
fn a_refusal_of_the_refresh_token_alone_stops_no_one_who_has_secrets() {
    let denied = Failure { verdict: Verdict::Denied, retry_after: None, message: "no".to_owned() };
    for (latest, expected) in [([7; 16], State::BackingOff), ([8; 16], State::Refused)] {
        let mut history = History {
            consecutive_failures: 1,
            last_failure: Some((denied.clone(), "2025-12-31T00:00:00Z".parse().unwrap(), LAST)),
            away: None,
            latest: Some(IssuanceId(latest)),
            replacements: None,
            doubt: Some(doubt(DoubtReason::Spent, 5)),
        };
        let mut bench = Bench::load(None, history.clone());
        assert_eq!(bench.state(), expected);
        history.doubt = None;
        bench = Bench::load(None, history);
        assert_eq!(bench.state(), State::Refused);
    }
}

const LAST: Duration = Duration::from_secs(1);

#[test]
fn a_client_that_is_not_recognised_costs_no_refresh_token() {
    let denied = || Failure { verdict: Verdict::Denied, retry_after: None, message: "no".into() };
    for (mut bench, sends) in [(logged_in(None), "send"), (refreshable(None), "send refresh")] {
        bench.pass_to_deadline();
        let issuance = bench.wake_and_reserve();
        bench.fail_with(issuance, Fate::Unrecognised, denied());
        assert_eq!(bench.state(), State::Refused);
        bench.pass(LIFE);
        bench.said();
        bench.ask(1, None);
        assert_eq!(bench.said(), ["1 refused: rejected"], "no login mends it");
        bench.input(Input::Forced(WaiterId(2)));
        bench.reserve();
        assert_eq!(bench.said(), ["reserve Forced", sends], "who has mended it says so");
    }
    let mut bench = logged_in(None);
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.fail(issuance, Verdict::Denied);
    bench.pass(LIFE);
    bench.said();
    bench.ask(1, None);
    assert_eq!(bench.said(), ["1 refused: login needed"], "the refresh token was refused");
}

#[test]
fn who_has_never_logged_in_is_told_so_and_nothing_is_sent() {
    let terms = Terms { origin: LOGIN, is_logged_in: false, ..Terms::default() };
    let mut bench = Bench::load_with(None, History::default(), terms);
    assert_eq!(bench.state(), State::Refused);
    bench.ask(1, None);
    bench.input(Input::Forced(WaiterId(2)));
    bench.wake();
    assert_eq!(bench.said(), ["1 refused: login needed", "2 refused: login needed"]);
}

#[test]
fn a_token_that_is_useless_on_arrival_brings_its_refresh_token_all_the_same() {
    let mut bench = logged_in(None);
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.issue_again(issuance, 1, "brief", false, false);
    bench.input(Input::Persisted(issuance));
    assert_eq!(bench.said(), ["reserve Aging", "send", "persist brief"]);
    assert_eq!(bench.state(), State::BackingOff);
    bench.ask(1, None);
    assert_eq!(bench.said(), ["1 gets first"], "it takes no valid token's place");
    assert_eq!(next(&mut bench), ["reserve Aging", "send"]);
}

#[test]
fn a_refresh_token_that_came_with_a_useless_token_is_not_missed_where_there_are_secrets() {
    let mut bench = refreshable(None);
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.input(Input::Issued {
        issuance,
        sent_at: bench.now.wall,
        lifetime: Lifetime::For(Duration::from_secs(1)),
        same: false,
        refreshable: true,
        replaced: true,
        session: None,
        payload: "brief",
        receipt: Receipt { renewed: true, ..Receipt::default() },
    });
    assert_eq!(bench.said(), ["reserve Aging", "send refresh", "settle sent=true"]);
    assert_eq!(next(&mut bench), ["reserve Aging", "send"], "the one before was exchanged");
}

#[test]
fn a_refresh_token_that_was_refused_is_tried_once_more_when_a_person_says_so() {
    let mut bench = logged_in(None);
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.fail(issuance, Verdict::Denied);
    bench.said();
    bench.pass(7 * 86_400);
    bench.wake();
    assert!(bench.said().is_empty());
    bench.input(Input::Forced(WaiterId(1)));
    let issuance = bench.reserve();
    assert_eq!(bench.said(), ["reserve Forced", "send"]);
    bench.fail_with(issuance, Fate::Lost, transient("lost".to_owned()));
    bench.input(Input::Forced(WaiterId(2)));
    assert_eq!(bench.said()[1..], ["1 refused: login needed", "2 refused: login needed"]);

    // What may have been exchanged isn't sent again for that.
    let mut bench = logged_in(Some(600));
    lose(&mut bench);
    next(&mut bench);
    let issuance = bench.issuance();
    bench.fail(issuance, Verdict::Denied);
    bench.said();
    bench.input(Input::Forced(WaiterId(1)));
    assert_eq!(bench.said(), ["1 refused: login needed"]);
}

#[test]
fn an_answer_that_is_not_the_last_word_raises_doubt_and_ends_no_token_that_is_held() {
    let overlap = Some(Duration::ZERO);
    for (fate, left) in [(Fate::Unsure, true), (Fate::Lost, false)] {
        let mut bench = logged_in(None);
        bench.credential.terms.ends_old_after = overlap;
        bench.pass_to_deadline();
        let issuance = bench.wake_and_reserve();
        bench.fail_with(issuance, fate, transient("a page".to_owned()));
        assert_eq!(bench.state(), State::Refused);
        bench.said();
        bench.ask(1, None);
        let expected = if left { "1 gets first" } else { "1 refused: login needed" };
        assert_eq!(bench.said(), [expected], "{fate:?}");
    }
}
