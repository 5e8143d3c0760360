//! Spans of time as people write and read them.

use std::time::Duration;

use jiff::SignedDuration;
use prost_types::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Reads `30s`, `5m` or `1h30m`.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|span| Duration::try_from(span).ok())
        .ok_or_else(|| "a span of time is written as 30s, 5m or 1h30m".to_owned())
}

/// Returns the span between two times, as `23h 10m` or, backwards, `-5s`.
pub(crate) fn between(now: &Timestamp, then: &Timestamp) -> String {
    show(then.seconds.saturating_sub(now.seconds))
}

/// Returns a span in its two largest units; above ten minutes seconds don't
/// matter.
pub(crate) fn show(seconds: i64) -> String {
    let sign = if seconds < 0 { "-" } else { "" };
    let seconds = seconds.saturating_abs();
    let (larger, smaller) = if seconds < MINUTE {
        ((seconds, "s"), (0, ""))
    } else if seconds < 10 * MINUTE {
        ((seconds / MINUTE, "m"), (seconds % MINUTE, "s"))
    } else if seconds < HOUR {
        ((seconds / MINUTE, "m"), (0, ""))
    } else if seconds < DAY {
        ((seconds / HOUR, "h"), (seconds % HOUR / MINUTE, "m"))
    } else {
        ((seconds / DAY, "d"), (seconds % DAY / HOUR, "h"))
    };
    match smaller {
        (0, _) => format!("{sign}{}{}", larger.0, larger.1),
        (count, unit) => format!("{sign}{}{} {count}{unit}", larger.0, larger.1),
    }
}

/// Returns a duration as [`show`] does, with a part of a second counted as one.
pub(crate) fn show_duration(span: Duration) -> String {
    let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    show(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// Returns how long a request took: `350ms`, `1.2s` or, from ten seconds on, as
/// [`show`] does.
pub(crate) fn show_latency(span: Duration) -> String {
    match span.as_millis() {
        millis @ ..1_000 => format!("{millis}ms"),
        millis @ 1_000..10_000 => format!("{}.{}s", millis / 1_000, millis % 1_000 / 100),
        _ => show(i64::try_from(span.as_secs()).unwrap_or(i64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_matters_of_a_span() {
        for (seconds, shown) in [
            (0, "0s"),
            (-5, "-5s"),
            (59, "59s"),
            (60, "1m"),
            (90, "1m 30s"),
            (599, "9m 59s"),
            (601, "10m"),
            (59 * 60 + 59, "59m"),
            (3600, "1h"),
            (23 * 3600 + 10 * 60, "23h 10m"),
            (-3660, "-1h 1m"),
            (86_400, "1d"),
            (86_400 * 30 + 7200, "30d 2h"),
            (i64::MIN, "-106751991167300d 15h"),
        ] {
            assert_eq!(show(seconds), shown);
        }
        assert_eq!(show_duration(Duration::from_millis(1200)), "2s");
    }

    #[test]
    fn a_latency_has_no_more_digits_than_matter() {
        for (millis, shown) in
            [(0, "0ms"), (350, "350ms"), (1_290, "1.2s"), (34_900, "34s"), (90_000, "1m 30s")]
        {
            assert_eq!(show_latency(Duration::from_millis(millis)), shown);
        }
    }

    #[test]
    fn reads_spans_and_nothing_else() {
        for (text, seconds) in
            [("30s", 30), ("5m", 300), ("1h30m", 5400), ("2 hours", 7200), ("0s", 0)]
        {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "30", "-5s", "soon", "1 month"] {
            assert_eq!(
                parse(text),
                Err("a span of time is written as 30s, 5m or 1h30m".to_owned()),
                "{text}"
            );
        }
    }
}
