mod forecast;
mod presumed;

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::{BootId, BootTime, Moment, Period};

fn at(secs: u64) -> Stamp {
    let boot = BootTime(Duration::from_secs(secs));
    let start = "2026-01-01T00:00:00Z".parse().unwrap();
    let wall = crate::after(start, Duration::from_secs(secs));
    Stamp { moment: Moment { wall, boot }, boot_id: BootId([1; 16]), date: None }
}

/// Issuances as planned.
fn planned(stamps: &[Stamp]) -> Vec<Spent> {
    stamps.iter().map(|at| Spent { at: *at, planned: true }).collect()
}

fn limit(count: u32, secs: u64) -> Limit {
    let window = Window::Sliding(Duration::from_secs(secs));
    Limit { count: NonZeroU32::new(count).unwrap(), window }
}

fn daily(count: u32) -> Limit {
    let window = Window::Calendar { period: Period::Day, zone: TimeZone::UTC };
    Limit { count: NonZeroU32::new(count).unwrap(), window }
}

fn quota(limit: Option<u32>, remaining: u32, secs: u64) -> Quota {
    let limit = limit.and_then(NonZeroU32::new);
    Quota { limit, remaining, reset_after: Duration::from_secs(secs) }
}

fn said(quota: Quota, secs: u64) -> Told {
    Told { quota, at: at(secs), disproved: false }
}

fn admit(spent: &[Stamp], limits: &[Limit], cause: Cause, now: u64) -> Result<(), u64> {
    let budget = Budget { limits, quotas: &[], spent: &planned(spent), presumed: None, sharers: 1 };
    budget.admit(cause, &at(now)).map(drop).map_err(|wait| wait.as_secs())
}

fn told(quota: Quota, spent: &[Stamp], cause: Cause, now: u64) -> Result<(), u64> {
    let spent = &planned(spent)[..];
    let budget =
        Budget { limits: &[], quotas: &[said(quota, 100)], spent, presumed: None, sharers: 1 };
    budget.admit(cause, &at(now)).map(drop).map_err(|wait| wait.as_secs())
}

#[test]
fn admits_up_to_the_limit_and_then_says_how_long_to_wait() {
    let hourly = [limit(2, 3_600)];
    assert_eq!(admit(&[], &hourly, Cause::Forced, 0), Ok(()));
    assert_eq!(admit(&[at(0)], &hourly, Cause::Forced, 10), Ok(()));
    assert_eq!(admit(&[at(0), at(10)], &hourly, Cause::Forced, 20), Err(3_580));
    assert_eq!(admit(&[at(0), at(10)], &hourly, Cause::Forced, 3_600), Ok(()));
}

#[test]
fn the_strictest_of_several_limits_holds() {
    let limits = [limit(1, 60), limit(2, 3_600)];
    assert_eq!(admit(&[at(0)], &limits, Cause::Forced, 10), Err(50));
    assert_eq!(admit(&[at(0), at(100)], &limits, Cause::Forced, 120), Err(3_480));
    let both = [limit(1, 60), daily(2)];
    assert_eq!(admit(&[at(0), at(100)], &both, Cause::Forced, 120), Err(86_280));
}

#[test]
fn a_calendar_day_starts_anew_at_midnight() {
    let spent = [at(80_000), at(86_000)];
    assert_eq!(admit(&spent, &[daily(2)], Cause::Forced, 86_300), Err(100));
    assert_eq!(admit(&spent, &[daily(2)], Cause::Forced, 86_400), Ok(()));
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
        let causes = [
            Cause::Aging,
            Cause::MinTtl,
            Cause::Absent,
            Cause::Rejected,
            Cause::Wanted,
            Cause::Forced,
        ];
        let shares = causes.map(|cause| share(count, cause));
        assert_eq!(shares, [aging, aging, absent, absent, absent, forced], "{count}");
    }
}

#[test]
fn a_refresh_leaves_the_reserve_alone_and_only_operators_get_the_last_one() {
    let limits = [limit(8, 86_400)];
    let spent: Vec<Stamp> = (0..7).map(at).collect();
    assert!(admit(&spent[..5], &limits, Cause::Aging, 30).is_ok());
    assert!(admit(&spent[..6], &limits, Cause::Aging, 30).is_err());
    for cause in [Cause::Absent, Cause::Rejected, Cause::Wanted] {
        assert!(admit(&spent[..6], &limits, cause, 30).is_ok());
        assert!(admit(&spent, &limits, cause, 30).is_err());
    }
    assert!(admit(&spent, &limits, Cause::Forced, 30).is_ok());
}

#[test]
fn an_issuance_in_the_future_counts_as_one_now() {
    assert_eq!(admit(&[at(5_000)], &[limit(1, 60)], Cause::Forced, 10), Err(60));
}

#[test]
fn the_pace_is_what_the_limits_allow_all_who_share_them() {
    let limits = [limit(24, 86_400), limit(1, 600)];
    // Of 18 a day, five are left to what nobody foresees.
    for (sharers, pace) in [(1, 86_400 / 13), (5, 5 * 86_400 / 13)] {
        let budget = Budget { limits: &limits, quotas: &[], spent: &[], presumed: None, sharers };
        let allowance = budget.admit(Cause::Aging, &at(0)).unwrap();
        assert_eq!(allowance.pace.map(|pace| pace.as_secs()), Some(pace));
    }
    for (limit, pace) in [(limit(4, 86_400), 86_400), (limit(1, 300), 600)] {
        let limits = [limit];
        let tight = Budget { limits: &limits, quotas: &[], spent: &[], presumed: None, sharers: 1 };
        let allowed = tight.admit(Cause::Aging, &at(0)).unwrap().pace;
        assert_eq!(allowed, Some(Duration::from_secs(pace)));
    }
    let free = Budget { limits: &[], quotas: &[], spent: &[], presumed: None, sharers: 3 };
    assert_eq!(free.admit(Cause::Aging, &at(0)).unwrap().pace, None);
}

#[test]
fn the_room_is_what_the_strictest_limit_leaves_beside_the_one_that_is_granted() {
    let room = |limits: &[Limit], quotas: &[Told], cause| {
        let spent = &planned(&[at(10), at(20), at(30)])[..];
        let budget = Budget { limits, quotas, spent, presumed: None, sharers: 1 };
        budget.admit(cause, &at(40)).map(|allowance| allowance.room)
    };
    let limits = [limit(10, 86_400), limit(20, 86_400)];
    for (cause, left) in [(Cause::Aging, 8), (Cause::Absent, 9), (Cause::Forced, 10)] {
        assert_eq!(room(&limits, &[], cause), Ok(left - 3 - 1), "{cause:?}");
    }
    let quotas = [said(quota(Some(20), 12, 3_600), 35)];
    assert_eq!(room(&[], &quotas, Cause::Aging), Ok(15 - 8 - 1));
    assert_eq!(room(&limits, &quotas, Cause::Aging), Ok(8 - 3 - 1));
    assert_eq!(room(&limits[1..], &quotas, Cause::Absent), Ok(19 - 8 - 1));
    assert_eq!(room(&[], &[], Cause::Aging), Ok(u32::MAX));
    assert_eq!(room(&limits, &quotas, Cause::KeepAlive), Ok(u32::MAX), "it counts nowhere");
}

#[test]
fn a_limit_that_was_watched_without_surprises_leaves_nothing_for_them() {
    let day = 86_400;
    let pace = |spent: &[Spent], now| {
        let limits = [limit(9, day)];
        let budget = Budget { limits: &limits, quotas: &[], spent, presumed: None, sharers: 1 };
        budget.pace(&at(now)).map(|pace| pace.as_secs())
    };
    let hours = |number| day / number;
    assert_eq!(pace(&[], 0), Some(hours(7 - 3)), "nothing is known");
    let quiet = planned(&[at(0), at(5 * day), at(8 * day)]);
    assert_eq!(pace(&quiet, 7 * day), Some(hours(7 - 3)), "not for long");
    assert_eq!(pace(&quiet, 9 * day), Some(hours(7)));
    let mut long_ago = quiet.clone();
    long_ago.push(Spent { at: at(day), planned: false });
    assert_eq!(pace(&long_ago, 9 * day), Some(hours(7)), "eight days ago");
    let mut surprising = quiet;
    surprising.extend((30..62).map(|n| Spent { at: at(n * day / 8), planned: false }));
    assert_eq!(pace(&surprising, 9 * day), Some(hours(7 - 5)), "four a day and one over");
    surprising.extend((30..62).map(|n| Spent { at: at(n * day / 8 + 1), planned: false }));
    assert_eq!(pace(&surprising, 9 * day), Some(day * 10 / 7), "more than there is");
}

#[test]
fn what_the_provider_says_is_left_holds_until_its_reset() {
    let none = quota(None, 0, 120);
    for cause in [Cause::Aging, Cause::Absent, Cause::Rejected, Cause::Wanted] {
        assert_eq!(told(none, &[], cause, 150), Err(70));
        assert_eq!(told(none, &[], cause, 220), Ok(()));
    }
    assert_eq!(told(none, &[], Cause::Forced, 150), Ok(()), "an operator may try");
    // Of ten, two are left: refreshes leave them alone, and the last one is no one's.
    let few = quota(Some(10), 2, 3_600);
    assert_eq!(told(few, &[], Cause::Aging, 150), Err(3_550));
    assert_eq!(told(few, &[], Cause::Absent, 150), Ok(()));
    assert_eq!(told(few, &[at(140)], Cause::Absent, 150), Err(3_550));
    for known in [90, 100] {
        assert_eq!(told(few, &[at(known)], Cause::Absent, 150), Ok(()), "the answer knew of it");
    }
}

#[test]
fn what_a_token_has_disproved_holds_no_more_and_nothing_holds_for_longer_than_a_day() {
    let month = quota(Some(10), 0, 30 * 86_400);
    assert_eq!(told(month, &[], Cause::Absent, 200), Err(86_300));
    assert_eq!(told(month, &[], Cause::Absent, 86_600), Ok(()));
    let disproved = [Told { disproved: true, ..said(month, 100) }];
    let budget = Budget { limits: &[], quotas: &disproved, spent: &[], presumed: None, sharers: 1 };
    assert!(budget.admit(Cause::Absent, &at(200)).is_ok());
    assert!(budget.usage(&at(200)).is_empty());
}

#[test]
fn whoever_was_told_to_wait_asks_late_for_a_while() {
    for (wait, cautious, free) in [(60, 1_439, 1_440), (7_200, 86_399, 86_400)] {
        let told = [said(quota(None, 0, wait), 0)];
        let budget = Budget { limits: &[], quotas: &told, spent: &[], presumed: None, sharers: 1 };
        let pace = |now| budget.admit(Cause::Aging, &at(now)).unwrap().pace;
        assert_eq!(pace(cautious), Some(Duration::MAX), "{wait}");
        assert_eq!(pace(free), None, "{wait}");
    }
    // One in a minute, each time, is no reason to be late.
    let every_minute = [said(quota(Some(1), 0, 60), 0)];
    let budget =
        Budget { limits: &[], quotas: &every_minute, spent: &[], presumed: None, sharers: 1 };
    assert_eq!(budget.admit(Cause::Aging, &at(100)).unwrap().pace, None);
}

#[test]
fn a_quota_spreads_what_is_left_until_its_reset() {
    let hundred = [said(quota(Some(100), 50, 3_600), 0)];
    let budget = Budget { limits: &[], quotas: &hundred, spent: &[], presumed: None, sharers: 1 };
    let pace = budget.admit(Cause::Aging, &at(0)).unwrap().pace;
    assert_eq!(pace, Some(Duration::from_secs(144)), "3,600 s for 25");
}

proptest! {
    #[test]
    fn no_window_ever_holds_more_than_its_limit(
        gaps in prop::collection::vec(0_u64..400, 1..200),
        count in 1_u32..6,
        window in 1_u64..1_000,
    ) {
        let limit = limit(count, window);
        let limits = [limit.clone()];
        let mut now = 0;
        let mut spent = Vec::new();
        for gap in gaps {
            now += gap;
            match admit(&spent, &limits, Cause::Forced, now) {
                Ok(()) => spent.push(at(now)),
                Err(wait) => {
                    let free = now + wait;
                    prop_assert!(admit(&spent, &limits, Cause::Forced, free).is_ok());
                    prop_assert!(admit(&spent, &limits, Cause::Forced, free - 1).is_err());
                }
            }
        }
        for first in &spent {
            let inside = spent.iter().filter(|s| {
                first.elapsed(s).is_some_and(|age| age < limit.window.length())
            });
            prop_assert!(inside.count() <= count as usize);
        }
    }

    /// Clocks that are set and machines that sleep refill no budget of a day.
    #[test]
    fn no_day_ever_holds_more_than_its_limit(
        steps in prop::collection::vec((0_u64..30_000, -100_000_i64..100_000), 1..100),
        count in 1_u32..5,
    ) {
        let limits = [daily(count)];
        let mut truth = at(0);
        let mut days = std::collections::BTreeMap::new();
        let mut spent = Vec::new();
        for (gap, wrong) in steps {
            truth = truth.after(Duration::from_secs(gap));
            let mut seen = truth;
            seen.moment.wall += jiff::SignedDuration::from_secs(wrong);
            let budget = Budget { limits: &limits, quotas: &[], spent: &planned(&spent), presumed: None, sharers: 1 };
            if budget.admit(Cause::Forced, &seen).is_ok() {
                // The answer brings the provider's own time.
                spent.push(Stamp { date: Some(truth.moment.wall), ..seen });
                let day = truth.moment.wall.to_zoned_datetime(TimeZone::UTC).date();
                *days.entry(day).or_insert(0) += 1;
            }
        }
        prop_assert!(days.values().all(|used| *used <= count), "{days:?}");
    }
}
