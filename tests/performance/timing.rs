//! Time, and where a thread runs.

#![allow(dead_code, reason = "each measurement uses a part")]

use std::{
    thread,
    time::{Duration, Instant},
};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

#[expect(clippy::disallowed_methods, reason = "a measurement tells how long things take")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Waits until so much time has passed, as providers do and as what is measured over time takes.
#[expect(clippy::disallowed_methods, reason = "a measurement takes its time")]
pub(crate) fn pass(time: Duration) {
    thread::sleep(time);
}

/// Returns what is in the middle of figures.
pub(crate) fn median<T: Copy + PartialOrd>(figures: &mut [T]) -> T {
    quantile(figures, 0.5)
}

/// Returns the figure below which such a part of all lies.
pub(crate) fn quantile<T: Copy + PartialOrd>(figures: &mut [T], part: f64) -> T {
    figures.sort_unstable_by(|one, other| one.partial_cmp(other).expect("no figure is none"));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "it is one of the places"
    )]
    let place = (figures.len() as f64 * part) as usize;
    figures[place.min(figures.len() - 1)]
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Does something in a thread that has one processor, of those that this process has; what it
/// starts has the same one. A wake-up on another costs more than a call.
pub(crate) fn pinned<T: Send>(number: usize, act: impl FnOnce() -> T + Send) -> T {
    let own = sched_getaffinity(None).expect("everyone may ask");
    let cpus: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| own.is_set(*cpu)).collect();
    let mut one = CpuSet::new();
    one.set(cpus[number % cpus.len()]);
    thread::scope(|scope| {
        let pinned = scope.spawn(|| {
            sched_setaffinity(None, &one).expect("it is one of its own");
            act()
        });
        pinned.join().expect("it doesn't panic")
    })
}
