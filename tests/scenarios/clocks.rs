//! Clocks that are wrong, that are set, and a machine that sleeps.

use jiff::SignedDuration;
use tokend::engine::NewCredential;

use super::*;
use crate::world::caller::{credential, limits, secs};

#[test]
fn a_clock_that_is_an_hour_behind_at_boot_ends_no_limit_and_no_token_early_or_late() {
    let mut world = World::new(issuing(2 * 3_600));
    world.add(NewCredential { limits: limits(&["4/6h"]), ..credential("api") });
    world.run_for(10 * HOUR);
    world.reboot(SignedDuration::from_hours(-1));
    let count = world.attempts.len();
    world.run_for(10 * MINUTE);
    // Nobody can tell how old the stored token is: it is replaced while it is served.
    assert!(world.served("api").is_some());
    world.set_clock(SignedDuration::ZERO);
    for _ in 0..72 * 60 {
        world.run_for(MINUTE);
        if let Some(token) = world.served("api") {
            let number: usize = token[1..].parse().unwrap();
            let attempt = &world.attempts[number - 1];
            assert!(number <= count || world.truth() < after(attempt.sent_at, 2 * HOUR));
        }
    }
    assert!(most_within(6 * HOUR, &world) <= 4);
    assert!(world.attempts.len() > count + 20, "{}", world.attempts.len());
}

#[test]
fn a_clock_that_is_set_both_ways_ends_no_limit_and_prolongs_no_token() {
    let mut world = World::new(issuing(3_600));
    world.add(NewCredential { limits: limits(&["6/6h"]), ..credential("api") });
    for hours in [0, 5, -7, 48, -1, 0, -24, 3, 0] {
        world.set_clock(SignedDuration::from_hours(hours));
        for _ in 0..8 * 60 {
            world.run_for(MINUTE);
            if world.served("api").is_some() {
                read(&mut world, "api", 3_600);
            }
        }
        assert!(most_within(6 * HOUR, &world) <= 6, "{hours}");
    }
    // Five of six were there for the asking all along.
    assert!(world.attempts.len() >= 9 * 6, "{}", world.attempts.len());
}

#[test]
fn a_small_step_of_the_clock_costs_no_one_a_token() {
    let mut world = World::new(issuing(3_600));
    world.add(credential("api"));
    world.run_for(secs(1));
    let mut ahead = false;
    for minute in 0..24 * 60 {
        if minute % 50 == 0 {
            ahead = !ahead;
            world.set_clock(SignedDuration::from_mins(if ahead { 3 } else { -3 }));
        }
        read(&mut world, "api", 3_600);
        world.run_for(MINUTE);
    }
    assert!(world.attempts.len() < 60, "{}", world.attempts.len());
}

#[test]
fn a_machine_that_wakes_serves_nothing_dead_and_makes_up_for_what_it_missed() {
    let mut world = World::new(issuing(3_600));
    world.add(credential("api"));
    world.run_for(10 * MINUTE);
    // The token outlives a nap ..
    world.suspend(45 * MINUTE);
    read(&mut world, "api", 3_600);
    world.run_for(2 * MINUTE);
    assert_eq!(read(&mut world, "api", 3_600), "t2", "it was due, and is replaced within a minute");
    // .. and not a night.
    world.suspend(9 * HOUR);
    assert_eq!(world.served("api"), None);
    world.run_for(secs(31));
    assert_eq!(read(&mut world, "api", 3_600), "t3", "the clocks are looked at twice a minute");
}

#[test]
fn a_machine_that_was_off_for_days_costs_one_issuance() {
    let mut world = World::new(issuing(3_600));
    world.add(credential("api"));
    world.run_for(MINUTE);
    world.crash();
    world.suspend(3 * DAY);
    world.reboot(SignedDuration::ZERO);
    assert_eq!(world.get("api").unwrap(), "t2");
    world.run_for(10 * MINUTE);
    assert_eq!(world.attempts.len(), 2);
    world.reboot(SignedDuration::ZERO);
    assert_eq!(world.served("api").as_deref(), Some("t2"));
    world.run_for(10 * MINUTE);
    assert_eq!(world.attempts.len(), 2);
}

#[test]
fn what_was_reserved_before_a_sleep_is_not_sent_after_it() {
    let mut world = World::new(issuing(3_600));
    world.add(NewCredential { limits: limits(&["2/1h"]), ..credential("api") });
    assert_eq!((world.wanted.len(), world.attempts.len()), (1, 0));
    world.suspend(2 * HOUR);
    world.run_for(secs(10));
    // Else a crash before its answer would leave it in the ledger as two hours old.
    assert_eq!((world.wanted.len(), world.attempts.len()), (2, 1));
    read(&mut world, "api", 3_600);
}
