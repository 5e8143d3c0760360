//! Periods of the calendar against clocks that are watched minute by minute.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;

/// Where clocks are set in ways that are easily forgotten.
const ZONES: [&str; 14] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe", // by half an hour
    "Pacific/Apia",        // left out a day
    "Pacific/Kwajalein",   // so did this
    "America/St_Johns",    // set them back a minute after midnight
    "America/Santiago",    // sets them forward at midnight
    "America/Sao_Paulo",   // set them back at midnight
    "America/Havana",      // set them back to midnight
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "Africa/Casablanca",
    "Asia/Beirut",
];

/// When such things happened, and when numbers or calendars have their edges.
const MOMENTS: [&str; 16] = [
    "2026-03-29T01:00:00Z",
    "2026-10-25T01:00:00Z",
    "2026-03-08T07:00:00Z",
    "2026-11-01T06:00:00Z",
    "2026-04-04T15:00:00Z",
    "2026-10-03T15:30:00Z",
    "2011-12-30T10:00:00Z",
    "1993-08-21T12:00:00Z",
    "2010-11-07T02:31:00Z",
    "2026-09-06T04:00:00Z",
    "2018-02-18T02:00:00Z",
    "2018-11-04T05:00:00Z",
    "2028-02-29T00:00:00Z",
    "2100-03-01T00:00:00Z",
    "2038-01-19T03:14:08Z",
    "2026-12-31T23:59:60Z",
];

fn moment() -> impl Strategy<Value = Timestamp> {
    let near = (prop::sample::select(&MOMENTS[..]), -180_000..180_000_i64)
        .prop_map(|(at, secs)| at.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(secs));
    // Before 1973 some clocks weren't set by whole minutes.
    let any =
        (94_694_400..5_000_000_000_i64).prop_map(|secs| Timestamp::from_second(secs).unwrap());
    prop_oneof![near, any]
}

fn period() -> impl Strategy<Value = Period> {
    prop::sample::select(&[Period::Hour, Period::Day, Period::Month][..])
}

/// What clocks and calendars show of a period.
fn shown(period: Period, at: Timestamp, zone: &TimeZone) -> (i16, i8, i8, i8) {
    let at = at.to_zoned_datetime(zone.clone());
    match period {
        Period::Hour => (at.year(), at.month(), at.day(), at.hour()),
        Period::Day => (at.year(), at.month(), at.day(), 0),
        Period::Month => (at.year(), at.month(), 0, 0),
    }
}

/// Returns when the period of `at` is over, as someone sees who looks at the clock each minute.
/// One that comes again after another was seen has gone on; but an hour is over when the clock
/// shows a full one, even if that bears the same number.
fn seen_over(period: Period, at: Timestamp, zone: &TimeZone) -> Timestamp {
    let same = |then| shown(period, then, zone) == shown(period, at, zone);
    let minutes = |number| SignedDuration::from_mins(number);
    let mut now = at - SignedDuration::from_secs(at.as_second().rem_euclid(60));
    if period == Period::Hour {
        loop {
            now += minutes(1);
            if !same(now) || now.to_zoned_datetime(zone.clone()).minute() == 0 {
                return now;
            }
        }
    }
    while same(now + minutes(15)) {
        now += minutes(15);
    }
    let last = (0..200).rev().map(|number| now + minutes(number)).find(|then| same(*then));
    last.unwrap() + minutes(1)
}

/// Returns how long an issuance counts in this period that was made at `at` by one clock.
fn seen_left(period: Period, at: Timestamp, zone: &TimeZone) -> Duration {
    seen_over(period, at, zone).duration_since(at).try_into().unwrap()
}

proptest! {
    #[test]
    fn periods_end_when_the_clocks_on_the_wall_say_so(
        period in period(),
        zone in prop::sample::select(&ZONES[..]),
        at in moment(),
    ) {
        let window = calendar(period, zone);
        let made = stamp(&at.to_string(), 0);
        let zone = TimeZone::get(zone).unwrap();
        prop_assert_eq!(window.holds(&made, &made), seen_left(period, at, &zone));
    }

    /// A period is over when each clock that was there says so.
    #[test]
    fn the_latest_of_all_clocks_ends_a_period(
        period in period(),
        zone in prop::sample::select(&ZONES[..]),
        at in moment(),
        elapsed in 0..200_000_u64,
        set in -100_000..100_000_i64,
        off in proptest::option::of(-100_000..100_000_i64),
    ) {
        let (window, zone) = (calendar(period, zone), TimeZone::get(zone).unwrap());
        let mut made = stamp(&at.to_string(), 50);
        made.date = off.map(|secs| at + SignedDuration::from_secs(secs));
        let passed = Duration::from_secs(elapsed);
        let mut now = Stamp { date: None, ..made.after(passed) };
        now.moment.wall += SignedDuration::from_secs(set);
        let clocks = [at, now.moment.wall - passed].into_iter().chain(made.date);
        let left = clocks.map(|clock| seen_left(period, clock, &zone).saturating_sub(passed));
        let expected = if passed >= window.longest() { Duration::ZERO } else { left.max().unwrap() };
        prop_assert_eq!(window.holds(&made, &now), expected);
    }

    /// Days of UTC have 86,400 seconds in every year that there is, as Unix time has it
    /// (POSIX.1-2024 §4.19): leap seconds are none of them.
    #[test]
    fn days_of_any_year_end_at_midnight(
        secs in Timestamp::MIN.as_second()..Timestamp::MAX.as_second() - 31 * 86_400,
    ) {
        let at = Timestamp::from_second(secs).unwrap();
        let made = stamp(&at.to_string(), 0);
        for (period, length) in [(Period::Hour, 3_600_i64), (Period::Day, 86_400)] {
            let left = u64::try_from(length - secs.rem_euclid(length)).unwrap();
            let holds = calendar(period, "UTC").holds(&made, &made);
            prop_assert_eq!(holds, Duration::from_secs(left));
        }
    }

    #[test]
    fn what_slides_counts_for_its_length_whatever_the_wall_clock_does(
        length in 1..200_000_u64,
        elapsed in -1_000..300_000_i64,
        set in -1_000_000_000..1_000_000_000_i64,
    ) {
        let made = stamp("2026-01-10T12:00:00Z", 5_000);
        let mut now = made;
        now.moment.wall += SignedDuration::from_secs(set);
        now.moment.boot = BootTime(Duration::from_secs(5_000_u64.checked_add_signed(elapsed).unwrap()));
        let window = Window::Sliding(Duration::from_secs(length));
        let left = length.saturating_sub(u64::try_from(elapsed).unwrap_or(0));
        prop_assert_eq!(window.holds(&made, &now), Duration::from_secs(left));
    }

    /// An operator who states a limit's window in another zone changes when it ends, and no more.
    #[test]
    fn no_zone_makes_an_issuance_count_for_longer_than_a_day_and_its_slack(
        period in period(),
        zones in prop::array::uniform2(prop::sample::select(&ZONES[..])),
        at in moment(),
        elapsed in 0..4_000_000_u64,
    ) {
        let made = stamp(&at.to_string(), 0);
        let now = made.after(Duration::from_secs(elapsed));
        for zone in zones {
            let window = calendar(period, zone);
            let (first, later) = (window.holds(&made, &made), window.holds(&made, &now));
            prop_assert!(first <= window.longest());
            prop_assert_eq!(later, first.saturating_sub(Duration::from_secs(elapsed)));
        }
    }
}

#[test]
fn a_day_that_clocks_are_set_back_into_ends_at_its_second_midnight() {
    let day = calendar(Period::Day, "America/St_Johns");
    // At one minute after midnight it was one minute after eleven again.
    assert_eq!(counts(&day, "2010-11-06T23:30:00-02:30"), 90 * 60);
    assert_eq!(counts(&day, "2010-11-06T23:30:00-03:30"), 30 * 60);
}

#[test]
fn a_day_that_clocks_are_set_back_to_the_end_of_ends_the_first_time() {
    let day = calendar(Period::Day, "America/Havana");
    // At one o'clock it was midnight again.
    assert_eq!(counts(&day, "2018-11-03T23:00:00-04:00"), 60 * 60);
    assert_eq!(counts(&day, "2018-11-04T00:30:00-04:00"), (24 * 60 + 30) * 60);
}

#[test]
fn an_hour_that_clocks_are_set_back_into_by_half_an_hour_goes_on() {
    let hour = calendar(Period::Hour, "Australia/Lord_Howe");
    assert_eq!(counts(&hour, "2026-04-05T01:50:00+11:00"), 40 * 60);
    assert_eq!(counts(&hour, "2026-04-05T01:50:00+10:30"), 10 * 60);
}
