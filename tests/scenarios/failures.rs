//! A provider that fails, throttles or refuses.

use tokend::engine::{Error, NewCredential};
use tokend_core::{Refusal, Setback, State};

use super::*;
use crate::world::caller::{credential, limits, secs};

/// When the credentials of these worlds are added.
fn start() -> Timestamp {
    World::new(issuing(1)).truth()
}

#[test]
fn a_provider_that_says_when_to_come_back_is_left_alone_until_then() {
    for told in ["120", "Thu, 01 Jan 2026 01:02:00 GMT"] {
        let mut issue = issuing(3_600);
        let provider = move |attempt: &Attempt| match attempt.number {
            2 => Arrival::status(429)
                .with("retry-after", told)
                .with("date", "Thu, 01 Jan 2026 01:00:00 GMT"),
            _ => issue(attempt),
        };
        let mut world = World::new(provider);
        world.add(credential("api"));
        while world.attempts.len() < 3 {
            world.run_for(secs(1));
            let last = if world.attempts.len() < 3 { "t1" } else { "t3" };
            world.run_for(secs(1));
            assert!([last, "t1"].contains(&read(&mut world, "api", 3_600).as_str()));
        }
        let pause = pauses(&world)[1];
        assert!((secs(120)..secs(135)).contains(&pause), "{told}: {pause:?}");
    }
}

#[test]
fn through_an_outage_waits_grow_up_to_five_minutes_and_the_end_is_noticed() {
    let outage = 6 * HOUR;
    for arrival in [500, 502, 503].map(Arrival::status).into_iter().chain([Arrival::lost()]) {
        let end = after(start(), outage);
        let mut world = World::new(failing(end, arrival.clone(), 3_600));
        world.add(credential("api"));
        world.run_for(outage);
        let pauses = pauses(&world);
        let took = arrival.took;
        assert!(pauses[0] <= secs(3) + took, "{pauses:?}");
        assert!(pauses.iter().all(|pause| *pause >= secs(1) + took));
        assert!(pauses.iter().all(|pause| *pause <= secs(301) + took));
        // Full jitter: of the later ones, half are shorter than half of the longest.
        let later = &pauses[10..];
        let short = later.iter().filter(|pause| **pause < secs(150) + took).count();
        assert!(short * 4 > later.len() && short * 4 < later.len() * 3, "{later:?}");
        assert!((80..250).contains(&pauses.len()), "{}", pauses.len());
        world.run_for(secs(301));
        read(&mut world, "api", 3_600);
    }
}

#[test]
fn attempts_that_fail_count_and_do_not_use_up_the_limit_for_when_it_is_over() {
    let outage = 9 * HOUR;
    let end = after(start(), outage);
    let mut world = World::new(failing(end, Arrival::status(500), 3_600));
    world.add(NewCredential { limits: limits(&["30/1d"]), ..credential("api") });
    world.run_for(outage);
    let spent = reached(&world).len();
    assert!((15..29).contains(&spent), "{spent}");
    // A half of the time that a token lives.
    world.run_for(HOUR / 2 + MINUTE);
    read(&mut world, "api", 3_600);
    assert!(most_within(DAY, &world) <= 29);
}

#[test]
fn a_refused_client_is_tried_no_more_until_a_person_acts() {
    let refused =
        Arrival::json(401, r#"{"error":"invalid_client","error_description":"no such app"}"#);
    let mut world = World::new(failing(after(start(), 8 * DAY), refused, 3_600));
    world.add(credential("api"));
    world.run_for(MINUTE);
    assert_eq!(world.attempts.len(), 1);
    for _ in 0..7 {
        world.run_for(DAY);
        let told = world.get("api").unwrap_err();
        assert!(matches!(told, Error::Refused(Refusal::Rejected { .. })), "{told}");
        world.restart();
    }
    assert_eq!(world.attempts.len(), 1);
    let snapshot = world.look("api");
    assert_eq!(snapshot.state, State::Refused);
    let Some((setback @ Setback::Issuance(_), _)) = snapshot.setback else { panic!("why?") };
    assert!(setback.to_string().contains("no such app"), "{setback}");
    world.run_for(DAY);
    let forced = world.refresh("api");
    world.wait(forced).unwrap();
    world.run_for(HOUR);
    read(&mut world, "api", 3_600);
}

#[test]
fn a_page_for_people_replaces_no_token() {
    let page = |number: usize| {
        let body = "<!doctype html><title>Log in</title>";
        let page = Arrival::json(200, body).with("content-type", "text/html");
        match number % 4 {
            0 => page,
            1 => Arrival::json(200, r#"{"errors":[{"message":"no"}]}"#),
            2 => Arrival::json(200, r#"{"ok":false}"#),
            _ => Arrival::json(200, r#"{"access_token":"","expires_in":3600}"#),
        }
    };
    let mut issue = issuing(3_600);
    let mut world = World::new(move |attempt| match attempt.number {
        1 => issue(attempt),
        number => page(number),
    });
    world.add(credential("api"));
    world.run_for(secs(1));
    while world.truth() < after(world.attempts[0].sent_at, secs(3_599)) {
        assert_eq!(read(&mut world, "api", 3_600), "t1");
        world.run_for(secs(1));
    }
    assert!(world.attempts.len() > 4);
    world.run_for(MINUTE);
    let told = world.get("api").unwrap_err();
    assert!(matches!(told, Error::Refused(Refusal::Unavailable { .. })), "{told}");
}

#[test]
fn where_a_limit_refills_in_minutes_the_end_of_a_long_outage_is_noticed_in_minutes() {
    let (begin, end) = (after(start(), HOUR), after(start(), 3 * DAY));
    let mut issue = issuing(86_400);
    let mut world = World::new(move |attempt| {
        let out_of_order = (begin..end).contains(&attempt.sent_at);
        if out_of_order { Arrival::status(500) } else { issue(attempt) }
    });
    world.add(NewCredential { limits: limits(&["10/1h"]), ..credential("api") });
    world.run_for(3 * DAY + 15 * MINUTE);
    read(&mut world, "api", 86_400);
    assert!(most_within(HOUR, &world) <= 9);
}

#[test]
fn a_provider_that_once_wanted_fewer_requests_is_asked_soon_after_a_later_outage() {
    let (begin, end) = (after(start(), 2 * HOUR), after(start(), 20 * HOUR));
    let mut issue = issuing(12 * 3_600);
    let mut world = World::new(move |attempt| match attempt.number {
        1 => Arrival::status(429).with("retry-after", "5"),
        _ if (begin..end).contains(&attempt.sent_at) => Arrival::status(500),
        _ => issue(attempt),
    });
    world.add(credential("api"));
    world.run_for(20 * HOUR + 5 * MINUTE);
    read(&mut world, "api", 12 * 3_600);
}
