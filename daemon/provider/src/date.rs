//! Reads the dates and durations that providers and definitions write.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::TimeZone;
use jiff::{Span, SpanRelativeTo, Timestamp};

pub(crate) use self::duration::duration;
pub(crate) use self::moment::{Format, parse};

mod duration;
mod moment;

/// No life or delay is taken to be longer: ten years outlast any machine that
/// keeps tokens, and stay far from every overflow.
pub(crate) const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// Numbers from here on, in September 2001, are taken for Unix times in seconds.
pub(crate) const UNIX_SECONDS: f64 = 1e9;

/// From here on, in the year 5138, for Unix times in milliseconds.
const UNIX_MILLISECONDS: f64 = 1e11;

/// From here on, in the year 5138 again, for Unix times in microseconds.
const UNIX_MICROSECONDS: f64 = 1e14;

/// From here on, in the year 5138 once more, for nothing known.
const UNIX_END: f64 = 1e17;

/// Parses an HTTP-date in any of the three forms that RFC 9110 §5.6.7 wants
/// recipients to accept. A wrong weekday is forgiven.
pub(crate) fn parse_http(text: &str) -> Option<Timestamp> {
    const IMF_FIXDATE: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);
    let text = text.trim();
    IMF_FIXDATE.parse_timestamp(text).ok().or_else(|| parse_obsolete(text))
}

/// Reads a Unix time in seconds, milliseconds or microseconds, told apart by size.
/// Smaller and larger numbers are none.
pub(crate) fn unix(number: f64) -> Option<Timestamp> {
    let seconds = match number {
        _ if number < UNIX_SECONDS => return None,
        _ if number < UNIX_MILLISECONDS => number,
        _ if number < UNIX_MICROSECONDS => number / 1e3,
        _ if number < UNIX_END => number / 1e6,
        _ => return None,
    };
    let since = Duration::try_from_secs_f64(seconds).ok()?;
    Timestamp::UNIX_EPOCH.checked_add(since).ok()
}

/// Parses a duration as people write it in a definition, `90s` or `1d 12h`. A
/// day is 24 hours. Zero, negative and endless ones are refused.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    parse_delay(text).filter(|duration| !duration.is_zero())
}

/// Parses a duration that can be zero, `0s`.
pub(crate) fn parse_delay(text: &str) -> Option<Duration> {
    let span: Span = text.parse().ok()?;
    let exact = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(exact).ok().filter(|duration| *duration <= LONGEST)
}

/// Returns how long `later` is after `earlier`, zero if it is before it.
pub(crate) fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default().min(LONGEST)
}

fn parse_obsolete(text: &str) -> Option<Timestamp> {
    // The weekday is left out of the format since strtime insists on the right
    // one. RFC 850 dates have a comma after it, asctime dates a space.
    let (format, rest) = match text.split_once(", ") {
        Some((_, rest)) => ("%d-%b-%y %H:%M:%S GMT", rest),
        None => ("%b %e %H:%M:%S %Y", text.split_once(' ')?.1),
    };
    let civil = DateTime::strptime(format, rest.trim_start()).ok()?;
    TimeZone::UTC.to_timestamp(civil).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_all_forms_of_http_dates() {
        let expected: Timestamp = "1994-11-06T08:49:37Z".parse().unwrap();
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            " Sun, 6 Nov 1994 08:49:37 GMT ",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse_http(text), Some(expected), "{text}");
        }
        for text in ["", "now", "1994-11-06T08:49:37Z", "Sun, 32 Nov 1994 08:49:37 GMT"] {
            assert_eq!(parse_http(text), None, "{text}");
        }
    }

    #[test]
    fn a_leap_second_is_taken_for_the_one_before() {
        let before: Timestamp = "2016-12-31T23:59:59Z".parse().unwrap();
        assert_eq!(parse_http("Sat, 31 Dec 2016 23:59:60 GMT"), Some(before));
        assert_eq!(parse("2016-12-31T23:59:60Z"), Some(before));
        assert_eq!(parse("2017-01-01T00:59:60+01:00"), Some(before));
    }

    #[test]
    fn reads_rfc_3339_dates_that_name_an_offset() {
        let expected: Timestamp = "2025-05-31T22:54:23Z".parse().unwrap();
        assert_eq!(parse("2025-05-31T22:54:23.000Z"), Some(expected));
        assert_eq!(parse("2025-06-01T00:54:23+02:00"), Some(expected));
        assert_eq!(parse("2025-05-31T22:54:23"), None);
    }

    #[test]
    fn unix_times_are_told_from_other_numbers_by_their_size() {
        let expected: Timestamp = "2025-06-01T12:10:00Z".parse().unwrap();
        assert_eq!(unix(1_748_779_800.0), Some(expected));
        assert_eq!(unix(1_748_779_800_000.0), Some(expected));
        assert_eq!(unix(1_748_779_800_000_000.0), Some(expected));
        for number in [f64::NAN, f64::INFINITY, -1_748_779_800.0, 0.0, 3600.0, 1e17] {
            assert_eq!(unix(number), None, "{number}");
        }
    }

    #[test]
    fn reads_durations_with_their_units() {
        for (text, seconds) in [("90s", 90), ("1d", 86_400), ("1h 30m", 5_400), ("24h", 86_400)] {
            assert_eq!(parse_duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "5", "0s", "-1h", "100 years", "1 month", "soon"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        assert_eq!(parse_delay("0s"), Some(Duration::ZERO));
        assert_eq!(parse_delay("-1s"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_an_http_date_or_not(text: String, like in "[A-Za-z0-9:, -]{0,40}") {
            let _ = (parse_http(&text), parse_http(&like));
            let _ = (parse_delay(&text), parse_duration(&like));
        }

        #[test]
        fn any_number_is_a_unix_time_or_not(number: f64) {
            let _ = unix(number);
        }
    }
}
