//! What is settled beforehand: policies, and how a provider's tokens are.

use super::*;
use crate::{Origin, Session};

fn under(policy: Policy) -> Terms {
    Terms { policy, ..Terms::default() }
}

fn day(bench: &mut Bench) {
    bench.pass(86_400);
    bench.wake();
}

#[test]
fn on_demand_nothing_is_asked_for_until_someone_asks() {
    let mut bench = Bench::load_with(None, History::default(), under(Policy::OnDemand));
    bench.wake();
    assert!(bench.said().is_empty());
    let mut bench = Bench::fresh_with(under(Policy::OnDemand));
    bench.pass(LIFE - 200);
    bench.wake();
    day(&mut bench);
    assert!(bench.said().is_empty());
    assert_eq!(bench.credential.deadline(), None);
    bench.ask(1, None);
    assert_eq!(bench.said(), ["reserve Absent"]);
    let issuance = bench.reserve();
    bench.fail(issuance, Verdict::Transient);
    bench.said();
    day(&mut bench);
    assert!(bench.said().is_empty(), "a failure isn't mended unasked either");
}

#[test]
fn what_is_used_is_kept_fresh_and_what_is_not_is_left_alone_after_a_day() {
    let mut bench = Bench::fresh_with(under(Policy::Used));
    let mut refreshes = 0;
    for _ in 0..5 * 86_400 / 10 {
        bench.pass(10);
        bench.wake();
        if let Activity::Issuing { .. } = bench.credential.activity {
            let issuance = bench.reserve();
            bench.issue(issuance, LIFE, "next");
            bench.input(Input::Persisted(issuance));
            refreshes += 1;
        }
    }
    let a_day = 86_400 / LIFE;
    assert!((a_day..2 * a_day + 10).contains(&refreshes), "{refreshes} in five days");
    assert_eq!(bench.state(), State::Empty);
    bench.said();
    bench.ask(1, None);
    assert_eq!(bench.said(), ["reserve Absent"]);
}

#[test]
fn callers_whom_the_published_token_serves_are_noticed_before_it_ends() {
    let mut bench = Bench::fresh_with(under(Policy::Used));
    // Refreshed for a day, then due and unused.
    while !matches!(bench.credential.activity, Activity::Resting(Next::At(_))) {
        bench.pass(10);
        bench.wake();
        if let Activity::Issuing { .. } = bench.credential.activity {
            let issuance = bench.reserve();
            bench.issue(issuance, LIFE, "next");
            bench.input(Input::Persisted(issuance));
        }
    }
    bench.said();
    bench.demand.last_use = Some(bench.now.boot);
    bench.pass_to_deadline();
    assert!(bench.credential.usable(bench.now).is_some());
    bench.wake();
    assert_eq!(bench.said(), ["reserve Aging"]);
}

#[test]
fn a_new_policy_holds_at_once() {
    let mut bench = Bench::fresh_with(under(Policy::OnDemand));
    bench.pass(LIFE - 100);
    bench.wake();
    bench.input(Input::Settled(under(Policy::Always)));
    bench.wake();
    bench.pass_to_deadline();
    bench.wake();
    assert_eq!(bench.said(), ["reserve Aging"]);
}

#[test]
fn a_token_given_once_more_is_no_news_and_is_asked_for_near_its_end() {
    let mut bench = Bench::fresh();
    let id = bench.credential.token.as_ref().unwrap().id;
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.issue_again(issuance, 500, "first", true, false);
    bench.input(Input::Persisted(issuance));
    let token = bench.credential.token.as_ref().unwrap();
    assert_eq!(token.id, id);
    assert_eq!(token.expires_at, Some(crate::after(bench.now.wall, Duration::from_secs(500))));
    bench.pass(430);
    bench.said();
    bench.wake();
    assert!(bench.said().is_empty());
    bench.pass(20);
    let issuance = bench.wake_and_reserve();
    bench.issue_again(issuance, 50, "first", true, false);
    bench.input(Input::Persisted(issuance));
    bench.said();
    bench.pass(49);
    bench.wake();
    assert!(bench.said().is_empty(), "not again and again");
    bench.pass(2);
    bench.wake();
    assert_eq!(bench.said(), ["reserve Absent"]);
}

#[test]
fn neither_a_token_given_once_more_nor_one_kept_alive_comes_from_the_future() {
    let hour = Duration::from_secs(3_600);
    let mut bench = Bench::fresh();
    bench.now.wall = crate::before(bench.now.wall, hour);
    bench.input(Input::Forced(WaiterId(1)));
    let issuance = bench.reserve();
    bench.issue_again(issuance, LIFE, "first", true, false);
    bench.input(Input::Persisted(issuance));
    bench.said();
    bench.pass(60);
    bench.wake();
    assert!(bench.said().is_empty(), "it isn't due");

    let mut bench = session();
    bench.now.wall = crate::before(bench.now.wall, hour);
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    let (sent_at, receipt) = (bench.now.wall, Receipt::default());
    bench.input(Input::KeptAlive { issuance, sent_at, receipt });
    bench.input(Input::Persisted(issuance));
    bench.said();
    bench.pass(60);
    bench.wake();
    assert!(bench.said().is_empty(), "it isn't due");
}

#[test]
fn a_token_that_renews_itself_is_a_new_generation() {
    let mut bench = Bench::fresh();
    let id = bench.credential.token.as_ref().unwrap().id;
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.issue_again(issuance, LIFE, "first", true, false);
    bench.input(Input::Persisted(issuance));
    assert_ne!(bench.credential.token.as_ref().unwrap().id, id);
}

#[test]
fn after_a_lost_answer_a_token_that_the_new_one_ends_is_served_no_longer_than_that() {
    let overlap = Some(Duration::from_secs(120));
    let mut bench = Bench::fresh_with(Terms { ends_old_after: overlap, ..Terms::default() });
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.said();
    // The clock is set meanwhile, which makes no difference.
    bench.now.wall = crate::after(bench.now.wall, Duration::from_secs(100));
    bench.fail_with(issuance, Fate::Lost, super::super::issuance::transient("lost".to_owned()));
    assert_eq!(bench.said(), ["settle sent=true", "publish first"]);
    let left = bench.credential.token.as_ref().unwrap().remaining(bench.now);
    assert_eq!(left, overlap);
    // A clock that is set back in between makes it no longer.
    bench.now.wall = crate::before(bench.now.wall, Duration::from_secs(3_600));
    bench.pass(120);
    assert!(bench.credential.usable(bench.now).is_none());
    // An answer that is no token has ended nothing.
    let mut bench = Bench::fresh_with(Terms { ends_old_after: overlap, ..Terms::default() });
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.fail(issuance, Verdict::Transient);
    let left = bench.credential.token.as_ref().unwrap().remaining(bench.now);
    assert!(left > overlap, "{left:?}");
}

/// A credential whose token came with something to refresh it by.
fn refreshable(terms: Terms) -> Bench {
    let mut bench = Bench::load_with(None, History::default(), terms);
    let issuance = bench.wake_and_reserve();
    bench.issue_again(issuance, LIFE, "first", false, true);
    bench.input(Input::Persisted(issuance));
    bench.said();
    bench
}

fn next_round(bench: &mut Bench) -> Vec<String> {
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.issue_again(issuance, LIFE, "next", false, true);
    bench.input(Input::Persisted(issuance));
    bench.said()
}

#[test]
fn a_token_is_refreshed_as_often_as_it_can_be_and_then_asked_for_anew() {
    let terms = Terms { max_refreshes: Some(2), ..Terms::default() };
    let mut bench = refreshable(terms);
    let sends: Vec<String> = (0..6).map(|_| next_round(&mut bench)[1].clone()).collect();
    let [refresh, anew] = ["send refresh", "send"];
    assert_eq!(sends, [refresh, refresh, anew, refresh, refresh, anew]);
}

#[test]
fn a_refused_refresh_costs_one_login_with_the_stored_secrets() {
    let mut bench = refreshable(Terms::default());
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.ask(1, Some(LIFE * 8 / 10));
    bench.said();
    bench.fail(issuance, Verdict::Denied);
    assert_eq!(bench.said(), ["settle sent=true", "reserve Aging"]);
    let issuance = bench.reserve();
    bench.fail(issuance, Verdict::Denied);
    assert_eq!(bench.said(), ["send", "settle sent=true", "1 refused: rejected"]);
    assert_eq!(bench.state(), State::Refused);
    bench.pass(7 * 86_400);
    bench.wake();
    assert!(bench.said().is_empty());
}

#[test]
fn a_refresh_whose_answer_was_lost_is_not_repeated_blindly() {
    let mut bench = refreshable(Terms::default());
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.fail_with(issuance, Fate::Lost, super::super::issuance::transient("lost".to_owned()));
    bench.said();
    bench.pass_to_deadline();
    bench.wake();
    bench.reserve();
    assert_eq!(bench.said(), ["reserve Aging", "send"]);
}

#[test]
fn a_refresh_that_keeps_failing_gives_way_to_a_login_once_no_token_is_left() {
    for (origin, expected) in [
        (Origin::Secrets, ["send refresh", "send refresh", "send refresh", "send", "send"]),
        (Origin::Login, ["send refresh"; 5]),
    ] {
        let mut bench = refreshable(Terms { origin, ..Terms::default() });
        bench.pass(LIFE + 1);
        let mut sends = Vec::new();
        for _ in 0..5 {
            bench.ask(1, None);
            if bench.state() != State::Issuing {
                bench.pass_to_deadline();
                bench.wake();
            }
            let issuance = bench.reserve();
            bench.fail(issuance, Verdict::Transient);
            sends.extend(bench.said().into_iter().filter(|said| said.starts_with("send")));
        }
        assert_eq!(sends, expected);
    }
}

#[test]
fn without_secrets_to_log_in_with_a_refused_refresh_waits_for_a_person() {
    let terms = Terms { origin: Origin::Login, ..Terms::default() };
    let mut bench = refreshable(terms);
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.fail(issuance, Verdict::Denied);
    assert_eq!(bench.said(), ["reserve Aging", "send refresh", "settle sent=true"]);
    for _ in 0..7 {
        day(&mut bench);
        bench.ask(1, None);
        assert_eq!(bench.said(), ["1 refused: login needed"]);
    }
}

/// A token that ends after 200 s without use, and after `LIFE` all the same.
fn session() -> Bench {
    session_under(Allowance { pace: None, room: u32::MAX })
}

fn session_under(allowance: Allowance) -> Bench {
    let mut bench = Bench::empty();
    bench.wake();
    let issuance = bench.reserve_with(allowance);
    let idle = Duration::from_secs(200);
    let end = Some(crate::after(bench.now.wall, Duration::from_secs(LIFE)));
    bench.input(Input::Issued {
        issuance,
        sent_at: bench.now.wall,
        lifetime: Lifetime::For(idle),
        same: false,
        refreshable: false,
        replaced: false,
        session: Some(Session { idle, end }),
        payload: "first",
        receipt: Receipt::default(),
    });
    bench.input(Input::Persisted(issuance));
    bench.said();
    bench
}

#[test]
fn a_session_is_kept_alive_to_its_end_and_then_replaced() {
    let mut bench = session();
    let id = bench.credential.token.as_ref().unwrap().id;
    let mut prolonged = 0;
    loop {
        bench.pass_to_deadline();
        assert!(bench.credential.usable(bench.now).is_some(), "never without a token");
        let issuance = bench.wake_and_reserve();
        let said = bench.said();
        if said == ["reserve Aging", "send"] {
            break;
        }
        assert_eq!(said, ["reserve KeepAlive", "keep alive"]);
        let (sent_at, receipt) = (bench.now.wall, Receipt::default());
        bench.input(Input::KeptAlive { issuance, sent_at, receipt });
        bench.input(Input::Persisted(issuance));
        assert_eq!(bench.said(), ["persist first", "publish first"]);
        assert_eq!(bench.credential.token.as_ref().unwrap().id, id);
        prolonged += 1;
    }
    assert!((5..15).contains(&prolonged), "{prolonged}");
}

#[test]
fn a_clock_that_is_set_back_puts_off_no_end_of_a_session() {
    let mut bench = session();
    let begun_at = bench.now.boot;
    bench.now.wall = crate::before(bench.now.wall, Duration::from_secs(3_600));
    let said = loop {
        bench.pass_to_deadline();
        let issuance = bench.wake_and_reserve();
        let said = bench.said();
        if said[0] != "reserve KeepAlive" {
            break said;
        }
        let (sent_at, receipt) = (bench.now.wall, Receipt::default());
        bench.input(Input::KeptAlive { issuance, sent_at, receipt });
        bench.input(Input::Persisted(issuance));
        bench.said();
    };
    assert_eq!(said, ["reserve Aging", "send"]);
    assert!(begun_at.until(bench.now.boot) < Duration::from_secs(LIFE));
}

#[test]
fn a_session_is_kept_alive_in_time_where_limits_allow_few_logins() {
    let mut bench = session_under(Allowance { pace: Some(Duration::from_secs(86_400)), room: 1 });
    bench.pass(110);
    bench.wake();
    assert_eq!(bench.said(), ["reserve KeepAlive"]);
}

#[test]
fn a_session_that_has_ended_is_replaced_at_once() {
    let mut bench = session();
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.said();
    bench.fail(issuance, Verdict::Denied);
    assert_eq!(bench.said(), ["settle sent=true", "reserve Aging"]);
    bench.reserve();
    assert_eq!(bench.said(), ["send"]);
}

#[test]
fn a_session_that_can_not_be_kept_alive_for_now_is_tried_again() {
    let mut bench = session();
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.said();
    bench.fail(issuance, Verdict::Transient);
    bench.pass_to_deadline();
    bench.wake();
    assert_eq!(bench.said(), ["settle sent=true", "reserve KeepAlive"]);
}
