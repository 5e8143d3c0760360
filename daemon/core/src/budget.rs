//! Limits on issuances.

use std::{num::NonZeroU32, time::Duration};

use crate::Stamp;

/// At most `count` issuances in any `window`, which slides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many.
    pub count: NonZeroU32,
    /// In what time.
    pub window: Duration,
}

/// Tells whether one more issuance at `now` keeps all `limits`, and if not, how
/// long to wait.
///
/// `spent` are the issuances that count, in any order; those older than the
/// longest window may be left out. One that lies in the future counts as if it
/// had happened now: a clock that was set back must not refill a budget.
pub fn admit(spent: &[Stamp], limits: &[Limit], now: &Stamp) -> Result<(), Duration> {
    let ages: Vec<Duration> =
        spent.iter().map(|stamp| stamp.elapsed(now).unwrap_or_default()).collect();
    let wait = limits.iter().map(|limit| wait(&ages, limit)).max().unwrap_or_default();
    if wait.is_zero() { Ok(()) } else { Err(wait) }
}

/// Returns how long it takes until fewer than `limit.count` are in the window.
fn wait(ages: &[Duration], limit: &Limit) -> Duration {
    let mut inside: Vec<Duration> =
        ages.iter().copied().filter(|age| *age < limit.window).collect();
    inside.sort_unstable();
    // The count-th youngest has to leave the window first.
    let position = usize::try_from(limit.count.get() - 1).unwrap_or(usize::MAX);
    inside.get(position).map_or(Duration::ZERO, |age| limit.window.saturating_sub(*age))
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
        assert_eq!(admit(&[], &hourly, &at(0)), Ok(()));
        assert_eq!(admit(&[at(0)], &hourly, &at(10)), Ok(()));
        let full = admit(&[at(0), at(10)], &hourly, &at(20));
        assert_eq!(full, Err(Duration::from_secs(3_580)));
        assert_eq!(admit(&[at(0), at(10)], &hourly, &at(3_600)), Ok(()));
    }

    #[test]
    fn the_strictest_of_several_limits_holds() {
        let limits = [limit(1, 60), limit(2, 3_600)];
        assert_eq!(admit(&[at(0)], &limits, &at(10)), Err(Duration::from_secs(50)));
        let both = admit(&[at(0), at(100)], &limits, &at(120));
        assert_eq!(both, Err(Duration::from_secs(3_480)));
    }

    #[test]
    fn an_issuance_in_the_future_counts_as_one_now() {
        let refused = admit(&[at(5_000)], &[limit(1, 60)], &at(10));
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
                match admit(&spent, &[limit], &at(now)) {
                    Ok(()) => spent.push(at(now)),
                    Err(wait) => {
                        let free = now + wait.as_secs();
                        prop_assert!(admit(&spent, &[limit], &at(free)).is_ok());
                        prop_assert!(admit(&spent, &[limit], &at(free - 1)).is_err());
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
