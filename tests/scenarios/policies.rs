//! Policies, and providers with ways of their own.

use std::{cell::RefCell, rc::Rc};

use tokend::engine::NewCredential;
use tokend_core::Policy;

use super::*;
use crate::world::caller::{credential, secs};

fn under(policy: Policy) -> NewCredential {
    NewCredential { policy, ..credential("api") }
}

/// A definition like the one for client credentials, with this at its end.
fn definition(end: &str) -> String {
    format!(
        "title = 'Test'\n\
         [variables.client_id]\ndescription = 'Who'\n\
         [secrets.client_secret]\ndescription = 'What'\n\
         [oauth2]\ntoken_url = 'https://auth.example.com/token'\ngrant = 'client_credentials'\n\
         {end}\n"
    )
}

fn defined() -> NewCredential {
    let mut new = NewCredential { provider: "test".to_owned(), ..credential("api") };
    new.variables.retain(|name, _| name == "client_id");
    new
}

#[test]
fn on_demand_each_token_is_one_that_someone_asked_for() {
    let mut world = World::new(issuing(3_600));
    world.add(under(Policy::OnDemand));
    world.run_for(3 * DAY);
    assert_eq!(world.attempts.len(), 1, "the first one shows that it works");
    for count in 2..6 {
        assert_eq!(world.get("api").unwrap(), format!("t{count}"));
        world.run_for(HOUR / 2);
        assert_eq!(world.get("api").unwrap(), format!("t{count}"));
        world.restart();
        world.run_for(DAY);
        assert_eq!(world.attempts.len(), count);
    }
}

#[test]
fn a_token_is_kept_at_hand_while_it_is_used_and_for_a_day_after() {
    let mut world = World::new(issuing(3_600));
    world.add(under(Policy::Used));
    world.run_for(secs(1));
    for _ in 0..3 * 24 {
        read(&mut world, "api", 3_600);
        world.run_for(HOUR);
    }
    let last_use = after(world.truth(), Duration::ZERO);
    read(&mut world, "api", 3_600);
    world.run_for(3 * DAY);
    let last = *reached(&world).last().unwrap();
    assert!((after(last_use, 23 * HOUR)..after(last_use, 25 * HOUR)).contains(&last), "{last}");
    let count = world.attempts.len();
    // The first to come back waits; from then on it is at hand again.
    assert!(world.served("api").is_none());
    world.get("api").unwrap();
    assert_eq!(world.attempts.len(), count + 1);
    for _ in 0..5 {
        world.run_for(HOUR);
        read(&mut world, "api", 3_600);
    }
}

#[test]
fn a_provider_that_repeats_its_token_is_asked_once_or_twice_in_a_life() {
    // A token lives for an hour, and only in its last five minutes is there another.
    let repeating = || {
        let mut current: Option<(usize, Timestamp)> = None;
        move |attempt: &Attempt| {
            let at = attempt.sent_at;
            let (number, end) = match current {
                Some((number, end)) if after(at, 5 * MINUTE) < end => (number, end),
                _ => (attempt.number, after(at, HOUR)),
            };
            current = Some((number, end));
            let left = u64::try_from(end.duration_since(at).as_secs()).unwrap();
            Arrival::token(format!("t{number}"), left)
        }
    };
    for (text, most) in
        [(definition("[lifetime]\nsame_token_until = '5m'"), 28), (definition(""), 52)]
    {
        let mut world = World::with(1, &[("test", &text)], repeating());
        world.add(defined());
        world.run_for(secs(1));
        while world.truth() < after(world.attempts[0].sent_at, DAY) {
            read(&mut world, "api", 3_600);
            world.run_for(MINUTE);
        }
        assert!((24..=most).contains(&world.attempts.len()), "{}", world.attempts.len());
    }
}

#[test]
fn a_token_that_a_lost_answer_may_have_ended_is_served_no_more() {
    let alive = Rc::new(RefCell::new(0));
    let provider = {
        let alive = Rc::clone(&alive);
        let mut issue = issuing(3_600);
        move |attempt: &Attempt| {
            *alive.borrow_mut() = attempt.number;
            if attempt.number == 2 { Arrival::lost() } else { issue(attempt) }
        }
    };
    let text = definition("[lifetime]\nends_old_after = '0s'");
    let mut world = World::with(1, &[("test", &text)], provider);
    world.add(defined());
    world.run_for(58 * MINUTE);
    assert_eq!(world.attempts.len(), 1, "it is asked for late");
    assert_eq!(world.served("api").as_deref(), Some("t1"));
    while world.attempts.len() < 2 {
        world.run_for(secs(1));
    }
    // Until the issuer gives up, nobody can know.
    world.run_until(after(world.attempts[1].ended_at, secs(1)));
    assert_eq!(world.served("api"), None);
    world.run_for(secs(10));
    assert_eq!(world.served("api"), Some(format!("t{}", alive.borrow())));
}
