//! Callers who report that an API refused a token.

use tokend_core::{Cause, Ruling};

use super::*;
use crate::world::caller::{credential, secs};

fn rejected(world: &World, name: &str) -> usize {
    let of = |attempt: &&Attempt| attempt.name.as_str() == name && attempt.cause == Cause::Rejected;
    world.attempts.iter().filter(of).count()
}

#[test]
fn one_who_reports_every_token_for_a_day_costs_one_an_hour_is_named_and_holds_up_no_one() {
    let mut world = World::new(issuing(3_600));
    world.add(credential("api"));
    world.add(credential("other"));
    world.run_for(secs(1));
    let mut seen = None;
    let mut reports = 0;
    let mut own = 0;
    for second in 0..86_400 {
        let held = world.slot("api").unwrap().token_id();
        // Each token as soon as it comes, and now and then once more.
        if held != seen || second % 600 == 0 {
            seen = held;
            reports += 1;
            let before = rejected(&world, "api");
            drop(world.report_held("api", 666));
            world.run_for(secs(1));
            own += rejected(&world, "api") - before;
        } else {
            world.run_for(secs(1));
        }
        read(&mut world, "api", 3_600);
    }
    assert!((1..=28).contains(&own), "{own} of {reports}");
    let named = world.look("api").reports;
    assert_eq!(named.len(), 1);
    assert_eq!((named[0].caller.0, named[0].reports.count), (666, reports));
    // Another user is heard at once, and another credential knows nothing of it.
    let ruling = world.report_held("api", 1_000);
    assert_eq!(world.wait(ruling).unwrap(), Ruling::Refreshed);
    assert!(world.look("other").reports.is_empty());
    let ruling = world.report_held("other", 666);
    assert_eq!(world.wait(ruling).unwrap(), Ruling::Refreshed);
    assert_eq!(rejected(&world, "other"), 1);
}

#[test]
fn many_reports_about_one_token_cost_one_issuance_and_late_ones_none() {
    let mut world = World::new(issuing(3_600));
    world.add(credential("api"));
    world.run_for(HOUR / 2);
    let refused = world.slot("api").unwrap().token_id().unwrap();
    let all: Vec<_> = (0..50).map(|user| world.report("api", refused, user)).collect();
    for ruling in all {
        assert_eq!(world.wait(ruling).unwrap(), Ruling::Refreshed);
    }
    assert_eq!(world.attempts.len(), 2);
    world.run_for(10 * MINUTE);
    let late = world.report("api", refused, 1_000);
    assert_eq!(world.wait(late).unwrap(), Ruling::Superseded);
    world.run_for(MINUTE);
    assert_eq!(world.attempts.len(), 2);
}
