//! Days in the life of the daemon, with the real engine and the real store, in a
//! world where no time passes.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

#[path = "support/world/mod.rs"]
mod world;

#[path = "scenarios/backups.rs"]
mod backups;
#[path = "scenarios/calendar.rs"]
mod calendar;
#[path = "scenarios/clocks.rs"]
mod clocks;
#[path = "scenarios/crowds.rs"]
mod crowds;
#[path = "scenarios/failures.rs"]
mod failures;
#[path = "scenarios/limits.rs"]
mod limits;
#[path = "scenarios/policies.rs"]
mod policies;
#[path = "scenarios/reports.rs"]
mod reports;
#[path = "scenarios/rotations.rs"]
mod rotations;
#[path = "scenarios/sessions.rs"]
mod sessions;

use std::time::Duration;

use jiff::Timestamp;
use tokend_core::after;
use world::{
    World,
    provider::{Arrival, Attempt},
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// A provider that gives a new token each time, for so many seconds. The tokens are
/// named after the requests that brought them.
fn issuing(life: u64) -> impl FnMut(&Attempt) -> Arrival {
    move |attempt| Arrival::token(format!("t{}", attempt.number), life)
}

/// A provider that fails in a way until a point in time, and then gives tokens.
fn failing(until: Timestamp, arrival: Arrival, life: u64) -> impl FnMut(&Attempt) -> Arrival {
    let mut issue = issuing(life);
    move |attempt| if attempt.sent_at < until { arrival.clone() } else { issue(attempt) }
}

/// Returns when requests reached the provider, in order.
fn reached(world: &World) -> Vec<Timestamp> {
    let mut all: Vec<Timestamp> =
        world.attempts.iter().filter_map(|attempt| attempt.reached_at).collect();
    all.sort_unstable();
    all
}

/// Returns the most requests that reached the provider in any stretch of this length.
fn most_within(window: Duration, world: &World) -> usize {
    let all = reached(world);
    let within = |(first, at): (usize, &Timestamp)| {
        all[first..].iter().take_while(|other| **other < after(*at, window)).count()
    };
    all.iter().enumerate().map(within).max().unwrap_or_default()
}

/// Returns the times between requests that reached the provider.
fn pauses(world: &World) -> Vec<Duration> {
    let all = reached(world);
    all.windows(2)
        .map(|pair| Duration::try_from(pair[1].duration_since(pair[0])).unwrap())
        .collect()
}

/// Asks for a token, which is there at once and hasn't expired by true time.
fn read(world: &mut World, name: &str, life: u64) -> String {
    let token = world.served(name).unwrap_or_else(|| panic!("{name} waits at {}", world.truth()));
    let number: usize = token[1..].parse().unwrap();
    let end = after(world.attempts[number - 1].sent_at, Duration::from_secs(life));
    assert!(world.truth() < end, "{token} expired at {end}");
    token
}
