//! Stretches of time, in milliseconds.

use std::time::Duration;

/// Milliseconds, mostly since the start of the simulation.
pub type Millis = u64;

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// When it begins.
    pub start: Millis,
    /// The first time that isn't in it any more.
    pub end: Millis,
}

impl Span {
    /// Returns how long it is.
    pub fn length(&self) -> Duration {
        Duration::from_millis(self.end - self.start)
    }

    /// Tells whether there is a time that is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// Longer than any simulation, and far from where adding overflows.
const AGES: Millis = 1 << 50;

/// Returns a duration in whole milliseconds, rounded up, but no more than ages.
pub(crate) fn millis(duration: Duration) -> Millis {
    let rounded = duration.as_nanos().div_ceil(1_000_000);
    Millis::try_from(rounded).map_or(AGES, |millis| millis.min(AGES))
}

/// Returns seconds in whole milliseconds, rounded up, but no more than ages.
pub(crate) fn millis_of_secs(secs: f64) -> Millis {
    Duration::try_from_secs_f64(secs).map_or(AGES, millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_touch_do_not_overlap() {
        let span = |start, end| Span { start, end };
        assert!(span(1, 3).overlaps(&span(2, 9)) && span(2, 9).overlaps(&span(1, 3)));
        assert!(!span(1, 3).overlaps(&span(3, 9)) && !span(3, 9).overlaps(&span(1, 3)));
        assert_eq!(span(1, 3).length(), Duration::from_millis(2));
    }

    #[test]
    fn waits_are_never_cut_short_and_what_is_too_long_is_ages() {
        assert_eq!(millis(Duration::from_nanos(1)), 1);
        assert_eq!(millis(Duration::from_millis(2)), 2);
        assert_eq!((millis(Duration::MAX), millis_of_secs(f64::INFINITY)), (AGES, AGES));
    }
}
