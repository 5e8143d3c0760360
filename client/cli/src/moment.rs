//! Points in time as people read them: by the clock on their wall.

use jiff::{ZonedDateTime, tz::TimeZone};
use prost_types::Timestamp;

use crate::span;

/// Returns a time to the second, as `2026-07-31 17:40:05`.
pub(crate) fn show(time: &Timestamp, zone: &TimeZone) -> String {
    match local(time, zone) {
        Some(local) => local.strftime("%F %T").to_string(),
        None => time.to_string(),
    }
}

/// Returns how long it is until then, and when that is: `in 3h 20m (17:40)`, with
/// the date if it isn't today; `now` if it is over.
pub(crate) fn ahead(now: &Timestamp, then: &Timestamp, zone: &TimeZone) -> String {
    if then.seconds <= now.seconds {
        return "now".to_owned();
    }
    let span = span::between(now, then);
    let (today, then) = (local(now, zone), local(then, zone));
    let is_today =
        |then: &ZonedDateTime| today.as_ref().is_some_and(|now| now.date() == then.date());
    match then {
        Some(then) if is_today(&then) => format!("in {span} ({})", then.strftime("%H:%M")),
        Some(then) => format!("in {span} ({})", then.strftime("%F %H:%M")),
        None => format!("in {span}"),
    }
}

/// Returns what the clocks of a zone show; `None` if it is beyond the calendar.
fn local(time: &Timestamp, zone: &TimeZone) -> Option<ZonedDateTime> {
    let time = jiff::Timestamp::new(time.seconds, time.nanos).ok()?;
    Some(time.to_zoned_datetime(zone.clone()))
}

#[cfg(test)]
mod tests {
    use jiff::tz;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp { seconds, nanos: 0 }
    }

    #[test]
    fn is_told_by_the_clock_of_the_reader() {
        let zone = TimeZone::fixed(tz::offset(2));
        assert_eq!(show(&at(0), &TimeZone::UTC), "1970-01-01 00:00:00");
        assert_eq!(show(&at(86_399), &zone), "1970-01-02 01:59:59");
        assert_eq!(show(&at(i64::MAX / 2), &zone), at(i64::MAX / 2).to_string());
    }

    #[test]
    fn the_date_is_told_only_of_another_day() {
        let zone = TimeZone::fixed(tz::offset(2));
        for (then, shown) in [
            (at(0), "now"),
            (at(90), "in 1m 30s (02:01)"),
            (at(12_000), "in 3h 20m (05:20)"),
            (at(79_200), "in 22h (1970-01-02 00:00)"),
            (at(i64::MAX / 2), "in 53375995583650d 7h"),
        ] {
            assert_eq!(ahead(&at(0), &then, &zone), shown);
        }
    }
}
