//! How long to wait after failures: ever longer, and never all at once.

use std::time::Duration;

/// The first wait is this long at most.
const FIRST: Duration = Duration::from_millis(100);

/// Socket activation or a service manager has the daemon back within seconds.
const LONGEST: Duration = Duration::from_secs(5);

/// A daemon that has refused seldom thinks better of it soon.
const LONGEST_REFUSED: Duration = Duration::from_secs(60);

/// Counts failures in a row. Each wait is drawn anew, between nothing and twice the limit of
/// the one before (full jitter).
#[derive(Debug)]
pub(crate) struct Backoff {
    failures: u32,
    random: fastrand::Rng,
}

impl Backoff {
    pub(crate) fn new(random: fastrand::Rng) -> Self {
        Self { failures: 0, random }
    }

    /// Returns how long to wait for a daemon that is away.
    pub(crate) fn lost(&mut self) -> Duration {
        self.draw(LONGEST)
    }

    /// Returns how long to wait for one that has refused.
    pub(crate) fn refused(&mut self) -> Duration {
        self.draw(LONGEST_REFUSED)
    }

    /// Forgets the failures.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    fn draw(&mut self, longest: Duration) -> Duration {
        let limit = FIRST.saturating_mul(1 << self.failures.min(16)).min(longest);
        self.failures += 1;
        limit.mul_f64(self.random.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_are_drawn_anew_and_stay_within_their_limits() {
        let mut backoff = Backoff::new(fastrand::Rng::with_seed(7));
        let waits: Vec<_> = (0..200).map(|_| backoff.lost()).collect();
        assert!(waits[0] <= FIRST && waits[1] <= 2 * FIRST, "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= LONGEST));
        // On average half of the limit: two hundred attempts take minutes.
        assert!(waits.iter().sum::<Duration>() > 60 * LONGEST);
        assert!((0..200).map(|_| backoff.refused()).any(|wait| wait > LONGEST));
        backoff.reset();
        assert!(backoff.lost() <= FIRST);
    }
}
