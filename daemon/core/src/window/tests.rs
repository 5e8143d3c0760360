mod calendar;

use super::*;
use crate::{BootId, BootTime, Moment};

fn stamp(wall: &str, boot: u64) -> Stamp {
    let boot = BootTime(Duration::from_secs(boot));
    let moment = Moment { wall: wall.parse().unwrap(), boot };
    Stamp { moment, boot_id: BootId([1; 16]), date: None }
}

fn calendar(period: Period, zone: &str) -> Window {
    Window::Calendar { period, zone: TimeZone::get(zone).unwrap() }
}

/// How long an issuance made at `wall` counts, in seconds.
fn counts(window: &Window, wall: &str) -> u64 {
    let made = stamp(wall, 0);
    window.holds(&made, &made).as_secs()
}

#[test]
fn a_day_ends_at_midnight_of_its_zone_and_is_as_long_as_it_is() {
    let berlin = calendar(Period::Day, "Europe/Berlin");
    for (at, hours) in [
        ("2026-01-10T00:00:00+01:00", 24),
        ("2026-01-10T23:00:00+01:00", 1),
        ("2026-03-29T00:00:00+01:00", 23),
        ("2026-10-25T00:00:00+02:00", 25),
        ("2026-10-25T02:30:00+02:00", 22),
    ] {
        assert_eq!(counts(&berlin, at) / 3_600, hours, "{at}");
    }
    // Midnight is left out when clocks are set forward in Santiago.
    let santiago = calendar(Period::Day, "America/Santiago");
    assert_eq!(counts(&santiago, "2026-09-05T23:59:00-04:00"), 60);
    assert_eq!(counts(&santiago, "2026-09-06T01:00:00-03:00"), 23 * 3_600);
}

#[test]
fn hours_and_months_end_where_the_calendar_says() {
    let hour = calendar(Period::Hour, "Asia/Kathmandu");
    assert_eq!(counts(&hour, "2026-01-10T10:59:30+05:45"), 30);
    let twice = calendar(Period::Hour, "Europe/Berlin");
    assert_eq!(counts(&twice, "2026-10-25T02:30:00+02:00"), 1_800);
    assert_eq!(counts(&twice, "2026-10-25T02:30:00+01:00"), 1_800);
    let month = calendar(Period::Month, "UTC");
    assert_eq!(counts(&month, "2028-02-28T12:00:00Z"), 36 * 3_600);
    assert_eq!(counts(&month, "2026-12-31T23:59:59Z"), 1);
}

#[test]
fn a_clock_set_forward_ends_no_day() {
    let day = calendar(Period::Day, "UTC");
    let made = stamp("2026-01-10T20:00:00Z", 1_000);
    let jumped = stamp("2026-01-11T08:00:00Z", 1_060);
    assert!(day.holds(&made, &jumped) >= Duration::from_secs(4 * 3_600 - 60));
    let midnight = stamp("2026-01-11T00:00:00Z", 1_000 + 4 * 3_600);
    assert_eq!(day.holds(&made, &midnight), Duration::ZERO);
}

#[test]
fn a_clock_that_was_ahead_ends_no_day_once_it_is_put_right() {
    let day = calendar(Period::Day, "UTC");
    let made = stamp("2026-01-10T23:00:00Z", 1_000);
    // It was noon, in truth.
    let right = stamp("2026-01-10T14:00:00Z", 1_000 + 2 * 3_600);
    assert_eq!(day.holds(&made, &right), Duration::from_secs(10 * 3_600));
}

#[test]
fn the_providers_clock_ends_its_day() {
    let day = calendar(Period::Day, "UTC");
    let mut made = stamp("2026-01-10T23:59:00Z", 0);
    made.date = Some("2026-01-10T23:49:00Z".parse().unwrap());
    assert_eq!(day.holds(&made, &made), Duration::from_secs(660));
}

#[test]
fn an_issuance_from_the_future_counts_as_one_made_now() {
    let made = stamp("2026-01-10T23:00:00Z", 5_000);
    let now = stamp("2026-01-10T12:00:00Z", 10);
    let day = calendar(Period::Day, "UTC");
    assert_eq!(day.holds(&made, &now), Duration::from_secs(12 * 3_600));
    let sliding = Window::Sliding(Duration::from_secs(60));
    assert_eq!(sliding.holds(&made, &now), Duration::from_secs(60));
}

#[test]
fn extreme_times_do_not_panic() {
    for period in [Period::Hour, Period::Day, Period::Month] {
        let window = Window::Calendar { period, zone: TimeZone::UTC };
        for wall in [Timestamp::MIN, Timestamp::MAX] {
            let at = Stamp {
                moment: Moment { wall, boot: BootTime(Duration::ZERO) },
                boot_id: BootId([1; 16]),
                date: Some(Timestamp::MAX),
            };
            assert!(window.holds(&at, &at) <= window.longest());
        }
    }
}
