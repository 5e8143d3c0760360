//! Points in time, by the wall clock and since boot.

use std::time::Duration;

use jiff::Timestamp;

/// Time since the machine booted, sleep included (`CLOCK_BOOTTIME`). It never
/// jumps, and means nothing in another boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootTime(pub Duration);

impl BootTime {
    /// Returns the point `wait` later.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }

    /// Returns how long it is from `self` until `later`, zero if that has passed.
    pub fn until(self, later: Self) -> Duration {
        later.0.saturating_sub(self.0)
    }
}

/// Identifies one boot of the machine (`/proc/sys/kernel/random/boot_id`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BootId(pub [u8; 16]);

/// Both clocks, read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock, which expiry goes by.
    pub wall: Timestamp,
    /// Time since boot, which waits go by.
    pub boot: BootTime,
}

/// When something happened, in a form that outlives the boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Both clocks.
    pub moment: Moment,
    /// The boot that `moment.boot` belongs to.
    pub boot_id: BootId,
    /// The provider's own time for it (the Date header, RFC 9110 §6.6.1).
    pub date: Option<Timestamp>,
}

/// The Date header tells whole seconds (RFC 9110 §5.6.7): it was up to so much later.
const DATE_PRECISION: Duration = Duration::from_secs(1);

impl Stamp {
    /// Returns the stamp of `wait` later in the same boot.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        let wall = after(self.moment.wall, wait);
        let boot = self.moment.boot.after(wait);
        Self {
            moment: Moment { wall, boot },
            date: self.date.map(|date| after(date, wait)),
            ..self
        }
    }

    /// Returns the stamp for one who knows that it was made no earlier than `time`.
    #[must_use]
    pub fn not_before(self, time: Timestamp) -> Self {
        Self { date: self.date.max(Some(before(time, DATE_PRECISION))), ..self }
    }

    /// Returns the time from this stamp to `now`, or `None` if the stamp lies in
    /// the future.
    ///
    /// Within a boot that is the time since boot, which no one can set. Across
    /// boots the wall clock has to do; a wall clock that was behind the
    /// provider's when the stamp was made can't make the time seem longer.
    pub fn elapsed(&self, now: &Self) -> Option<Duration> {
        if self.boot_id == now.boot_id {
            return now.moment.boot.0.checked_sub(self.moment.boot.0);
        }
        let date = self.date.map(|date| after(date, DATE_PRECISION));
        let then = date.map_or(self.moment.wall, |date| date.max(self.moment.wall));
        Duration::try_from(now.moment.wall.duration_since(then)).ok()
    }
}

/// Returns the point `wait` after `time`, or the last one there is.
pub fn after(time: Timestamp, wait: Duration) -> Timestamp {
    time.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// Returns the point `wait` before `time`, or the first one there is.
pub fn before(time: Timestamp, wait: Duration) -> Timestamp {
    time.checked_sub(wait).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(wall: &str, boot: u64, boot_id: u8) -> Stamp {
        Stamp {
            moment: Moment {
                wall: wall.parse().unwrap(),
                boot: BootTime(Duration::from_secs(boot)),
            },
            boot_id: BootId([boot_id; 16]),
            date: None,
        }
    }

    #[test]
    fn a_set_wall_clock_changes_nothing_within_a_boot() {
        let then = stamp("2026-01-01T12:00:00Z", 100, 1);
        for wall in ["2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z"] {
            assert_eq!(then.elapsed(&stamp(wall, 160, 1)), Some(Duration::from_secs(60)));
        }
    }

    #[test]
    fn the_wall_clock_counts_across_boots() {
        let then = stamp("2026-01-01T12:00:00Z", 100, 1);
        let now = stamp("2026-01-01T13:00:00Z", 5, 2);
        assert_eq!(then.elapsed(&now), Some(Duration::from_secs(3_600)));
        assert_eq!(now.elapsed(&then), None, "from the future");
    }

    #[test]
    fn a_clock_that_was_behind_the_providers_cannot_make_time_seem_longer() {
        let mut then = stamp("2020-01-01T00:00:00Z", 100, 1);
        then.date = Some("2026-01-01T12:59:00Z".parse().unwrap());
        let now = stamp("2026-01-01T13:00:00Z", 5, 2);
        assert_eq!(then.elapsed(&now), Some(Duration::from_secs(59)), "it may have been 12:59:01");
    }

    #[test]
    fn what_was_made_after_something_else_is_no_older() {
        let then = stamp("2020-01-01T00:00:00Z", 100, 1);
        let then = then.not_before("2026-01-01T12:59:00Z".parse().unwrap());
        let now = stamp("2026-01-01T13:00:00Z", 5, 2);
        assert_eq!(then.elapsed(&now), Some(Duration::from_secs(60)));
    }

    #[test]
    fn what_is_later_is_later_by_all_clocks() {
        let mut then = stamp("2026-01-01T12:00:00Z", 100, 1);
        then.date = Some("2026-01-01T11:00:00Z".parse().unwrap());
        let mut expected = stamp("2026-01-01T12:01:00Z", 160, 1);
        expected.date = Some("2026-01-01T11:01:00Z".parse().unwrap());
        assert_eq!(then.after(Duration::from_secs(60)), expected);
    }

    #[test]
    fn the_end_of_time_is_not_passed() {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(after(now, Duration::MAX), Timestamp::MAX);
    }
}
