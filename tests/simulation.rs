//! Random lives of the daemon, by the thousands: with the real engine and the real
//! store, whatever befalls them, what always holds is held against after each step.
//!
//! `SEEDS=10000 cargo test --release -p tokend --test simulation -- --nocapture` tries
//! many, `SEED=17` tells the story of one.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

#[path = "support/log.rs"]
mod log;
#[path = "support/world/mod.rs"]
mod world;

#[path = "simulation/dice.rs"]
mod dice;
#[path = "simulation/plan.rs"]
mod plan;
#[path = "simulation/provider.rs"]
mod provider;
#[path = "simulation/run/mod.rs"]
mod run;
#[path = "simulation/story.rs"]
mod story;
#[path = "simulation/witness/mod.rs"]
mod witness;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use log::Log;
use tracing::{Level, subscriber};

/// How many seeds are tried if `SEEDS` doesn't say.
const SEEDS: u64 = 30;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("it is a number"))
}

#[test]
fn invariants_hold_whatever_happens() {
    if let Some(seed) = number("SEED") {
        run::run(seed, true);
        return;
    }
    let (seeds, next) = (number("SEEDS").unwrap_or(SEEDS), AtomicU64::new(1));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds {
                        break;
                    }
                    run::run(seed, false);
                }
            });
        }
    });
    println!("{seeds} seeds");
}

#[test]
fn the_same_seed_tells_the_same_story() {
    for seed in [1, 2, 3] {
        assert_eq!(run::run(seed, false), run::run(seed, false));
    }
    assert_ne!(run::run(1, false), run::run(2, false));
}

#[test]
fn whatever_happens_no_secret_is_logged() {
    let log = Log::default();
    let all = tracing_subscriber::fmt().with_max_level(Level::TRACE).with_ansi(false);
    let all = all.with_writer(log.clone()).finish();
    // For all threads: what is logged first in one that has no log is logged in none from then on.
    subscriber::set_global_default(all).unwrap();
    for seed in 1..=5 {
        run::run(seed, false);
    }
    let log = log.take();
    assert!(log.lines().count() > 50, "{log}");
    // What is handed in, and what all tokens begin with.
    for line in log.lines() {
        assert!(!line.contains("hunter2") && !line.contains("t0ken-"), "{line}");
    }
}
