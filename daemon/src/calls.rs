//! Counts calls for tokens, where nothing may hold them up.

use std::{
    array,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The upper ends of the ranges in which answers are counted by how long they took, in seconds:
/// what is served from memory takes less than the first few, what waits for a provider more.
pub const BOUNDS: [f64; 12] =
    [0.00001, 0.000_025, 0.00005, 0.0001, 0.001, 0.01, 0.1, 0.5, 1.0, 2.5, 10.0, 30.0];

/// The same in nanoseconds.
const NANOS: [u64; BOUNDS.len()] = [
    10_000,
    25_000,
    50_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    10_000_000_000,
    30_000_000_000,
];

/// Calls of `AcquireToken`. To count a call is two additions.
#[derive(Debug)]
pub struct Calls {
    served: [AtomicU64; BOUNDS.len() + 1],
    nanos: AtomicU64,
    denied: AtomicU64,
    failed: AtomicU64,
}

/// How many calls there were since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// Those that were answered with a token, by the range that they took; the last has no end.
    pub served: Vec<u64>,
    /// How long these took in all.
    pub took: Duration,
    /// Those of callers who may not have it, or of what isn't there.
    pub denied: u64,
    /// Those for which there was no token.
    pub failed: u64,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            served: array::from_fn(|_| AtomicU64::new(0)),
            nanos: AtomicU64::new(0),
            denied: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }
}

impl Calls {
    /// A caller was answered with a token.
    pub fn served(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let range = NANOS.partition_point(|bound| *bound < nanos);
        self.served[range].fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// A caller may not have a token, or there is no such credential.
    pub fn denied(&self) {
        self.denied.fetch_add(1, Ordering::Relaxed);
    }

    /// There was no token for a caller.
    pub fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how many there were.
    pub fn counted(&self) -> Counted {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counted {
            served: self.served.iter().map(of).collect(),
            took: Duration::from_nanos(of(&self.nanos)),
            denied: of(&self.denied),
            failed: of(&self.failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_in_the_range_that_they_took() {
        let calls = Calls::default();
        for micros in [1, 10, 11, 40_000_000] {
            calls.served(Duration::from_micros(micros));
        }
        calls.denied();
        calls.failed();
        let counted = calls.counted();
        assert_eq!(counted.served[..3], [2, 1, 0]);
        assert_eq!(counted.served.last(), Some(&1));
        assert_eq!((counted.denied, counted.failed), (1, 1));
        assert_eq!(counted.took, Duration::from_micros(40_000_022));
    }

    #[test]
    fn the_ranges_are_the_same_in_both_units() {
        for (seconds, nanos) in BOUNDS.into_iter().zip(NANOS) {
            let exact = Duration::from_secs_f64(seconds).as_nanos();
            assert_eq!(exact, u128::from(nanos));
        }
    }
}
