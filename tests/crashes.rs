//! What is left of the real daemon after kills, full disks and limits of its process.
//!
//! Where strace and libfaketime are needed, `tests/crashes/run` does more of it.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

#[path = "crashes/far.rs"]
mod far;
#[path = "crashes/full.rs"]
mod full;
#[path = "crashes/habit.rs"]
mod habit;
#[path = "crashes/healing.rs"]
mod healing;
#[path = "crashes/kill.rs"]
mod kill;
#[path = "crashes/known.rs"]
mod known;
#[path = "crashes/limits.rs"]
mod limits;
#[path = "crashes/second.rs"]
mod second;
mod support;
#[path = "crashes/world.rs"]
mod world;

/// Returns a number from the environment, in place of the usual one.
fn number<N: std::str::FromStr>(name: &str, usual: N) -> N {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[test]
fn killed_under_load_it_loses_nothing_that_was_acknowledged() {
    kill::rounds(number("ROUNDS", 8), number("SEED", fastrand::u64(..)));
}
