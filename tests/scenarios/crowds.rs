//! Many callers of one credential, and many credentials of one provider.

use tokend::engine::NewCredential;
use tokend_core::Policy;

use super::*;
use crate::world::caller::{Acquired, credential, limits, value};

#[test]
fn two_hundred_callers_of_an_expired_token_make_one_request() {
    let mut world = World::new(issuing(3_600));
    world.add(NewCredential { policy: Policy::OnDemand, ..credential("api") });
    world.run_for(2 * HOUR);
    assert_eq!(world.attempts.len(), 1);
    let waiting: Vec<_> = (0..200).map(|_| world.acquire("api", None)).collect();
    for acquired in waiting {
        let Acquired::Waiting(answer) = acquired else { panic!("the token had expired") };
        assert_eq!(value(&world.wait(answer).unwrap()), "t2");
    }
    assert_eq!(world.attempts.len(), 2);
}

#[test]
fn two_hundred_callers_share_a_failure_too() {
    let start = World::new(issuing(1)).truth();
    let mut world = World::new(failing(after(start, HOUR), Arrival::status(500), 3_600));
    world.add(NewCredential { policy: Policy::OnDemand, ..credential("api") });
    let waiting: Vec<_> = (0..200).map(|_| world.acquire("api", None)).collect();
    for acquired in waiting {
        let Acquired::Waiting(answer) = acquired else { panic!("there was no token") };
        world.wait(answer).unwrap_err();
    }
    assert_eq!(world.attempts.len(), 1);
}

fn shared(name: &str, texts: &[&str]) -> NewCredential {
    let mut new = NewCredential { limits: limits(texts), ..credential(name) };
    new.variables.insert("client_id".to_owned(), "shared".to_owned());
    new
}

#[test]
fn after_days_of_sleep_those_that_are_used_most_have_what_the_limit_allows() {
    let mut world = World::new(issuing(7_200));
    for (name, uses) in [("a", 3), ("b", 50), ("c", 7), ("d", 20), ("e", 1)] {
        world.add(shared(name, &["4/1h"]));
        world.run_for(2 * HOUR);
        for _ in 0..uses {
            world.acquire(name, None);
        }
    }
    let before = world.attempts.len();
    world.suspend(3 * DAY);
    world.run_for(10 * MINUTE);
    let order: Vec<_> = world.attempts[before..].iter().map(|a| a.name.as_str()).collect();
    assert_eq!(order, ["b", "d", "c"], "the last one is an operator's");
    world.run_for(HOUR);
    let rest: Vec<_> = world.attempts[before + 3..].iter().map(|a| a.name.as_str()).collect();
    assert_eq!(rest, ["a", "e"]);
    assert!(most_within(HOUR, &world) <= 4);
}

#[test]
fn five_hundred_tokens_that_expire_in_one_minute_are_replaced_eight_at_a_time() {
    let mut issue = issuing(3_600);
    let mut world = World::new(move |attempt| issue(attempt).after(Duration::from_secs(2)));
    for number in 0..500_u32 {
        world.add(shared(&format!("api{number:03}"), &["1000/1d"]));
    }
    world.run_for(10 * MINUTE);
    assert_eq!(world.attempts.len(), 500);
    for number in 0..500_u32 {
        for _ in 0..number / 20 {
            world.acquire(&format!("api{number:03}"), None);
        }
    }
    world.suspend(3 * DAY);
    let resumed = world.truth();
    world.run_for(5 * MINUTE);
    let again = &world.attempts[500..];
    assert_eq!(again.len(), 500);
    let at_once =
        |at: Timestamp| again.iter().filter(|a| a.sent_at <= at && at < a.ended_at).count();
    assert_eq!(again.iter().map(|attempt| at_once(attempt.sent_at)).max(), Some(8));
    let uses: Vec<u32> = again
        .iter()
        .map(|attempt| attempt.name.as_str()[3..].parse::<u32>().unwrap() / 20)
        .collect();
    assert!(uses.is_sorted_by(|a, b| a >= b), "{uses:?}");
    assert!(again[499].ended_at > after(resumed, 2 * MINUTE));
    assert!(most_within(DAY, &world) <= 999);
    for number in 0..500 {
        assert!(world.served(&format!("api{number:03}")).is_some());
    }
    // Their next refreshes don't come together again.
    world.run_for(DAY);
    let next = &world.attempts[1_000..];
    assert!(next.len() > 200, "{}", next.len());
    assert!(most_within(DAY, &world) <= 999);
}
