//! Limits on issuances.

use std::{num::NonZeroU32, time::Duration};

use crate::{Cause, Stamp};

/// At most `count` issuances in any `window`, which slides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many.
    pub count: NonZeroU32,
    /// In what time.
    pub window: Duration,
}

impl Limit {
    /// Returns how many of the limit an issuance of this cause may find spent and
    /// still be made.
    ///
    /// A quarter is kept back from refreshes, for tokens that are needed at once.
    /// Whoever has no token at all may use that, too, but for the last one, which
    /// is an operator's.
    fn share(&self, cause: Cause) -> u32 {
        let all = self.count.get();
        match cause {
            Cause::Aging | Cause::MinTtl => all - self.reserve(),
            Cause::Absent => (all - 1).max(1),
            Cause::Forced => all,
        }
    }

    fn reserve(&self) -> u32 {
        let all = self.count.get();
        (all / 4).max(1).min(all - 1)
    }

    /// Returns the time between refreshes that the limit allows all along.
    pub fn pace(&self) -> Duration {
        self.window / self.share(Cause::Aging)
    }
}

/// Tells whether one more issuance at `now`, of this cause, keeps all `limits`
/// with what they hold back, and if not, how long to wait.
///
/// `spent` are the issuances that count, in any order; those older than the
/// longest window may be left out. One that lies in the future counts as if it
/// had happened now: a clock that was set back must not refill a budget.
pub fn admit(spent: &[Stamp], limits: &[Limit], cause: Cause, now: &Stamp) -> Result<(), Duration> {
    let ages: Vec<Duration> =
        spent.iter().map(|stamp| stamp.elapsed(now).unwrap_or_default()).collect();
    let waits = limits.iter().map(|limit| wait(&ages, limit.window, limit.share(cause)));
    let wait = waits.max().unwrap_or_default();
    if wait.is_zero() { Ok(()) } else { Err(wait) }
}

/// Returns how long it takes until fewer than `count` are in the window.
fn wait(ages: &[Duration], window: Duration, count: u32) -> Duration {
    let mut inside: Vec<Duration> = ages.iter().copied().filter(|age| *age < window).collect();
    inside.sort_unstable();
    // The count-th youngest has to leave the window first.
    let position = usize::try_from(count - 1).unwrap_or(usize::MAX);
    inside.get(position).map_or(Duration::ZERO, |age| window.saturating_sub(*age))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{BootId, BootTime, Moment};

    fn at(secs: u64) -> Stamp {
        let boot = BootTime(Duration::from_secs(secs));
        let wall = "2026-01-01T00:00:00Z".parse().unwrap();
        Stamp { moment: Moment { wall, boot }, boot_id: BootId([1; 16]), date: None }
    }

    fn limit(count: u32, secs: u64) -> Limit {
        Limit { count: NonZeroU32::new(count).unwrap(), window: Duration::from_secs(secs) }
    }

    #[test]
    fn admits_up_to_the_limit_and_then_says_how_long_to_wait() {
        let hourly = [limit(2, 3_600)];
        assert_eq!(admit(&[], &hourly, Cause::Forced, &at(0)), Ok(()));
        assert_eq!(admit(&[at(0)], &hourly, Cause::Forced, &at(10)), Ok(()));
        let full = admit(&[at(0), at(10)], &hourly, Cause::Forced, &at(20));
        assert_eq!(full, Err(Duration::from_secs(3_580)));
        assert_eq!(admit(&[at(0), at(10)], &hourly, Cause::Forced, &at(3_600)), Ok(()));
    }

    #[test]
    fn the_strictest_of_several_limits_holds() {
        let limits = [limit(1, 60), limit(2, 3_600)];
        assert_eq!(admit(&[at(0)], &limits, Cause::Forced, &at(10)), Err(Duration::from_secs(50)));
        let both = admit(&[at(0), at(100)], &limits, Cause::Forced, &at(120));
        assert_eq!(both, Err(Duration::from_secs(3_480)));
    }

    #[test]
    fn what_is_held_back_for_whom() {
        for (count, aging, absent, forced) in [
            (1, 1, 1, 1),
            (2, 1, 1, 2),
            (4, 3, 3, 4),
            (10, 8, 9, 10),
            (24, 18, 23, 24),
            (50, 38, 49, 50),
        ] {
            let limit = limit(count, 60);
            let shares = [Cause::Aging, Cause::MinTtl, Cause::Absent, Cause::Forced];
            let shares = shares.map(|cause| limit.share(cause));
            assert_eq!(shares, [aging, aging, absent, forced], "{count}");
        }
    }

    #[test]
    fn a_refresh_leaves_the_reserve_alone() {
        let daily = [limit(4, 86_400)];
        let spent = [at(0), at(10), at(20)];
        assert!(admit(&spent, &daily, Cause::Aging, &at(30)).is_err());
        assert!(admit(&spent, &daily, Cause::Absent, &at(30)).is_err());
        assert_eq!(admit(&spent, &daily, Cause::Forced, &at(30)), Ok(()));
        assert_eq!(admit(&spent[..2], &daily, Cause::Aging, &at(30)), Ok(()));
    }

    #[test]
    fn an_issuance_in_the_future_counts_as_one_now() {
        let refused = admit(&[at(5_000)], &[limit(1, 60)], Cause::Forced, &at(10));
        assert_eq!(refused, Err(Duration::from_secs(60)));
    }

    proptest! {
        #[test]
        fn no_window_ever_holds_more_than_its_limit(
            gaps in prop::collection::vec(0_u64..400, 1..200),
            count in 1_u32..6,
            window in 1_u64..1_000,
        ) {
            let limit = limit(count, window);
            let mut now = 0;
            let mut spent = Vec::new();
            for gap in gaps {
                now += gap;
                match admit(&spent, &[limit], Cause::Forced, &at(now)) {
                    Ok(()) => spent.push(at(now)),
                    Err(wait) => {
                        let free = now + wait.as_secs();
                        prop_assert!(admit(&spent, &[limit], Cause::Forced, &at(free)).is_ok());
                        prop_assert!(admit(&spent, &[limit], Cause::Forced, &at(free - 1)).is_err());
                    }
                }
            }
            for first in &spent {
                let inside = spent.iter().filter(|s| {
                    first.elapsed(s).is_some_and(|age| age < limit.window)
                });
                prop_assert!(inside.count() <= count as usize);
            }
        }
    }
}
