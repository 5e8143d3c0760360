//! Limits that start anew at a time of their own: with the calendar, or when the
//! provider's answers say.

use jiff::tz::TimeZoneDatabase;
use tokend_core::Cause;

use super::*;
use crate::world::caller::{credential, limits, secs};

#[test]
fn a_day_of_the_calendar_has_as_many_hours_as_it_has_when_clocks_change() {
    let berlin = TimeZoneDatabase::bundled().get("Europe/Berlin").unwrap();
    for (start, long, hours) in
        [("2026-03-27T12:00:00Z", "2026-03-29", 23), ("2026-10-23T12:00:00Z", "2026-10-25", 25)]
    {
        let mut world = World::new(issuing(3_600));
        let start: Timestamp = start.parse().unwrap();
        world.suspend(Duration::try_from(start.duration_since(world.truth())).unwrap());
        let limits = limits(&["12/day@Europe/Berlin"]);
        world.add(tokend::engine::NewCredential { limits, ..credential("api") });
        world.run_for(5 * DAY);
        let mut days = std::collections::BTreeMap::<String, Vec<Timestamp>>::new();
        for at in reached(&world) {
            let date = at.to_zoned_datetime(berlin.clone()).date().to_string();
            days.entry(date).or_default().push(at);
        }
        // The days at both ends are parts of days.
        let whole: Vec<_> = days.iter().skip(1).take(4).collect();
        for (day, requests) in &whole {
            assert_eq!(requests.len(), 11, "the last one is an operator's: {day}");
        }
        let first: Vec<Timestamp> = whole.iter().map(|(_, requests)| requests[0]).collect();
        let position = whole.iter().position(|(day, _)| *day == long).unwrap();
        let length = first[position + 1].duration_since(first[position]);
        assert!((length.as_secs() - hours * 3_600).abs() < 5, "{long} has {length:?}");
    }
}

#[test]
fn what_a_provider_told_of_its_limit_holds_across_a_restart() {
    let told = |attempt: &Attempt| {
        let left = if attempt.number == 1 { "b=per_hour;q=10;r=0;t=1800" } else { "" };
        Arrival::token(format!("t{}", attempt.number), 300).with("auth0-client-quota-limit", left)
    };
    let mut world = World::new(told);
    world.add(credential("api"));
    for _ in 0..17 {
        world.run_for(secs(100));
        world.restart();
    }
    assert_eq!(world.attempts.len(), 1, "{} s of 1,800", 17 * 100);
    world.run_for(secs(110));
    assert_eq!(world.attempts.len(), 2);
    assert!(pauses(&world)[0] >= secs(1_800));
}

#[test]
fn a_provider_that_counts_and_tells_is_never_asked_too_often() {
    // Ten an hour, from the first on; what comes beyond is refused.
    let (mut since, mut count, mut refused) = (None::<Timestamp>, 0_u32, 0_u32);
    let (tell, told) = std::sync::mpsc::channel();
    let provider = move |attempt: &Attempt| {
        let at = attempt.sent_at;
        if since.is_none_or(|since| at >= after(since, HOUR)) {
            (since, count) = (Some(at), 0);
        }
        let reset = HOUR.as_secs() - u64::try_from((at - since.unwrap()).as_secs()).unwrap();
        count += 1;
        if count > 10 {
            refused += 1;
            tell.send(refused).unwrap();
            return Arrival::status(429).with("retry-after", reset.to_string());
        }
        Arrival::token(format!("t{}", attempt.number), 240)
            .with("x-ratelimit-limit", "10")
            .with("x-ratelimit-remaining", (10 - count).to_string())
            .with("x-ratelimit-reset", reset.to_string())
    };
    let mut world = World::new(provider);
    world.add(credential("api"));
    for hour in 0..48_u64 {
        world.run_for(HOUR);
        if hour % 5 == 0 {
            world.restart();
        }
    }
    assert_eq!(told.try_iter().count(), 0);
    let unasked = world.attempts.iter().filter(|attempt| attempt.cause == Cause::Forced).count();
    assert_eq!(unasked, 0);
    assert!(world.attempts.len() > 48 * 8, "what there was has been used");
}
