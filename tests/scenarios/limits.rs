//! Limits on issuances, over days.

use tokend::engine::{Error, NewCredential};
use tokend_core::{Cause, Refusal, State};

use super::*;
use crate::world::caller::{credential, limits, secs};

fn limited(name: &str, texts: &[&str]) -> NewCredential {
    NewCredential { limits: limits(texts), ..credential(name) }
}

#[test]
fn a_day_long_token_with_fifty_a_day_is_there_for_a_month() {
    let mut world = World::new(issuing(86_400));
    world.add(limited("api", &["50/1d"]));
    world.run_for(secs(1));
    for _ in 0..30 * 24 * 6 {
        read(&mut world, "api", 86_400);
        world.run_for(secs(600));
    }
    assert!(most_within(DAY, &world) <= 50);
    // Where there is room, a token is replaced when half of its life is left.
    let count = world.attempts.len();
    assert!((45..=80).contains(&count), "{count}");
}

#[test]
fn of_two_limits_neither_is_exceeded_whoever_asks() {
    let mut world = World::new(issuing(120));
    world.add(limited("api", &["10/1h", "50/1d"]));
    for minute in 0..3 * 24 * 60 {
        world.acquire("api", Some(secs(60)));
        match minute % 7 {
            0 => drop(world.refresh("api")),
            3 if world.served("api").is_some() => drop(world.report_held("api", 1_000)),
            5 => world.restart(),
            _ => {}
        }
        world.run_for(MINUTE);
    }
    let most = (most_within(HOUR, &world), most_within(DAY, &world));
    // All of both was wanted, and all of it was used.
    assert_eq!(most, (10, 50));
}

#[test]
fn five_credentials_of_one_account_share_its_limit() {
    let mut world = World::new(issuing(600));
    for number in 0..5 {
        let mut new = limited(&format!("api{number}"), &["20/1h"]);
        new.variables.insert("client_id".to_owned(), "shared".to_owned());
        world.add(new);
    }
    world.run_for(12 * HOUR);
    assert!(most_within(HOUR, &world) <= 20);
    // Each had its part of what there was.
    for number in 0..5 {
        let name = format!("api{number}");
        let own = world.attempts.iter().filter(|attempt| attempt.name.as_str() == name).count();
        assert!((30..=50).contains(&own), "{name}: {own} of {}", world.attempts.len());
    }
}

#[test]
fn a_reservation_that_a_crash_kept_from_being_sent_stays_spent() {
    let mut world = World::new(issuing(86_400));
    world.add(limited("api", &["3/1d"]));
    assert_eq!(world.wanted.len(), 1);
    world.step(after(world.truth(), MINUTE));
    // The row is on the disk, and the engine hasn't heard of it yet.
    assert!(world.attempts.is_empty());
    world.restart();
    world.run_for(4 * HOUR);
    assert_eq!(world.attempts.len(), 1);
    // Of three, one was lost and one sent; the last is an operator's.
    let spent = world.get_with("api", Some(secs(77_000))).unwrap_err();
    assert!(matches!(spent, Error::Refused(Refusal::BudgetExhausted { .. })), "{spent}");
    assert_eq!(world.attempts.len(), 1);
    let forced = world.refresh("api");
    world.wait(forced).unwrap();
    let forced = world.refresh("api");
    let spent = world.wait(forced).unwrap_err();
    assert!(matches!(spent, Error::Refused(Refusal::BudgetExhausted { .. })), "{spent}");
    assert_eq!(world.attempts.len(), 2);
}

#[test]
fn connections_that_do_not_come_about_cost_nothing() {
    let start = World::new(issuing(1)).truth();
    let mut world = World::new(failing(after(start, 6 * HOUR), Arrival::refused(), 3_600));
    world.add(limited("api", &["2/1d"]));
    world.run_for(5 * HOUR);
    let tried = world.attempts.len();
    assert!((300..1_000).contains(&tried), "it is tried once a minute at least: {tried}");
    assert!(reached(&world).is_empty());
    world.run_for(HOUR + MINUTE);
    assert_eq!(reached(&world).len(), 1, "the first that comes about is allowed");
    read(&mut world, "api", 3_600);
}

#[test]
fn with_the_limit_spent_the_old_token_is_served_to_its_end_and_then_the_reset_is_told() {
    let mut world = World::new(issuing(3_600));
    world.add(limited("api", &["2/1d"]));
    world.run_for(secs(1));
    let forced = world.refresh("api");
    world.wait(forced).unwrap();
    let last = reached(&world)[1];
    let end = after(last, secs(3_590));
    while world.truth() < end {
        assert_eq!(read(&mut world, "api", 3_600), "t2");
        world.run_for(secs(10));
    }
    world.run_for(MINUTE);
    assert_eq!(world.look("api").state, State::Limited);
    let told = world.get("api").unwrap_err();
    let Error::Refused(Refusal::BudgetExhausted { retry_after }) = told else { panic!("{told}") };
    // The first of the two was a second earlier.
    let reset = after(reached(&world)[0], DAY);
    let said = after(world.truth(), retry_after);
    assert!(said.duration_since(reset).abs() < jiff::SignedDuration::from_secs(2), "{said}");
    assert_eq!(world.attempts.len(), 2);
    world.run_for(DAY);
    assert_eq!(world.attempts.len(), 3, "as soon as the window allows, there is a token again");
}

#[test]
fn refreshes_ahead_of_expiry_leave_what_is_kept_for_need_and_for_operators() {
    // More is wanted than a limit of eight an hour allows, of which a quarter is kept.
    let mut world = World::new(issuing(300));
    world.add(limited("api", &["8/1h"]));
    world.run_for(12 * HOUR);
    for (position, attempt) in world.attempts.iter().enumerate() {
        let reserved_at = attempt.sent_at;
        let before = world.attempts[..position].iter().rev();
        let used = before.take_while(|a| after(a.reached_at.unwrap(), HOUR) > reserved_at).count();
        let most = match attempt.cause {
            Cause::Aging | Cause::MinTtl => 5,
            Cause::Absent | Cause::Rejected | Cause::Wanted => 6,
            Cause::Forced | Cause::Login | Cause::KeepAlive => 7,
        };
        assert!(used <= most, "{:?} after {used} at {reserved_at}", attempt.cause);
    }
    let absent = world.attempts.iter().filter(|attempt| attempt.cause == Cause::Absent).count();
    assert!(absent > 10, "those without a token had what is kept for them");
    assert!(most_within(HOUR, &world) == 7, "the last one is an operator's");
    let forced = world.refresh("api");
    world.wait(forced).unwrap();
    assert_eq!(most_within(HOUR, &world), 8);
}
