//! Limits as people write them: `50/12h`, `24/day@Europe/Berlin`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::tz::TimeZone;
use thiserror::Error;

use super::{Limit, Period, Window};
use crate::zone::UnknownZone;
use crate::{date, zone};

/// The units of a window's length, the largest first, in nanoseconds.
const UNITS: [(&str, u128); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Why a text isn't a limit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LimitError {
    /// It has no `/`.
    #[error("`{0}` is not a limit: write `50/12h`, `24/day` or `1000/month@Europe/Berlin`")]
    Form(String),
    /// What is before `/` isn't a number that can be counted to.
    #[error("`{0}` is not a number from 1 to 4294967295")]
    Count(String),
    /// What is behind `/` is neither a duration nor a period.
    #[error(
        "`{0}` is not a window: write `hour`, `day`, `month` or a duration of at most ten years such as `12h`"
    )]
    Window(String),
    /// A window that slides is the same everywhere.
    #[error("`@{0}` goes with `hour`, `day` or `month` only")]
    SlidingZone(String),
    /// No such time zone.
    #[error(transparent)]
    Zone(#[from] UnknownZone),
}

impl FromStr for Limit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        let text = text.trim();
        let (count, window) =
            text.split_once('/').ok_or_else(|| LimitError::Form(text.to_owned()))?;
        let count = count.trim();
        let count = count.parse().map_err(|_| LimitError::Count(count.to_owned()))?;
        Ok(Self { count, window: window.parse()? })
    }
}

impl FromStr for Window {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        let (window, zone) = match text.split_once('@') {
            Some((window, zone)) => (window.trim(), Some(zone.trim())),
            None => (text.trim(), None),
        };
        let period = match window {
            "hour" => Period::Hour,
            "day" => Period::Day,
            "month" => Period::Month,
            _ => {
                let length = date::parse_duration(window);
                let length = length.ok_or_else(|| LimitError::Window(window.to_owned()))?;
                return match zone {
                    None => Ok(Self::Sliding(length)),
                    Some(zone) => Err(LimitError::SlidingZone(zone.to_owned())),
                };
            }
        };
        Ok(Self::of(period, zone.map_or(Ok(TimeZone::UTC), zone::find)?))
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.window)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sliding(length) => length_in_units(*length, f),
            Self::Calendar { period, zone } => {
                period.fmt(f)?;
                match zone.iana_name() {
                    Some(name) if *zone != TimeZone::UTC => write!(f, "@{name}"),
                    _ => Ok(()),
                }
            }
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        })
    }
}

/// Writes a length in the largest unit that it is a whole number of.
fn length_in_units(length: Duration, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let length = length.as_nanos();
    match UNITS.iter().find(|(_, unit)| length.is_multiple_of(*unit)) {
        Some((name, unit)) => write!(f, "{}{name}", length / unit),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_limit_is_written_as_it_is_read() {
        for text in [
            "50/12h",
            "1/90s",
            "2/36h",
            "10/1d",
            "3/1500ms",
            "100/hour",
            "24/day",
            "24/day@Europe/Berlin",
            "1000/month@America/New_York",
            "4294967295/month",
        ] {
            assert_eq!(text.parse::<Limit>().unwrap().to_string(), text);
        }
        for (text, expected) in [
            (" 50 / 24h ", "50/1d"),
            ("1/1h 30m", "1/90m"),
            ("1/day@utc", "1/day"),
            ("1/day@ europe/berlin", "1/day@Europe/Berlin"),
        ] {
            assert_eq!(text.parse::<Limit>().unwrap().to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_limit_is_told_from_one() {
        for (text, expected) in [
            ("", "`` is not a limit: write `50/12h`, `24/day` or `1000/month@Europe/Berlin`"),
            ("50", "`50` is not a limit: write `50/12h`, `24/day` or `1000/month@Europe/Berlin`"),
            ("0/1d", "`0` is not a number from 1 to 4294967295"),
            ("-1/1d", "`-1` is not a number from 1 to 4294967295"),
            ("many/1d", "`many` is not a number from 1 to 4294967295"),
            (
                "1/week",
                "`week` is not a window: write `hour`, `day`, `month` or a duration of at most ten \
                 years such as `12h`",
            ),
            (
                "1/0s",
                "`0s` is not a window: write `hour`, `day`, `month` or a duration of at most ten \
                 years such as `12h`",
            ),
            ("1/24h@Europe/Rome", "`@Europe/Rome` goes with `hour`, `day` or `month` only"),
            ("1/day@Berlin", "unknown time zone `Berlin`, did you mean `Europe/Berlin`?"),
        ] {
            assert_eq!(text.parse::<Limit>().unwrap_err().to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn any_limit_comes_back_from_its_text(count in 1_u32.., millis in 1_u64..1_000_000_000) {
            let window = Window::Sliding(Duration::from_millis(millis));
            let limit = Limit { count: count.try_into().unwrap(), window };
            prop_assert_eq!(limit.to_string().parse(), Ok(limit));
        }

        #[test]
        fn no_text_panics(text in "[0-9]{0,11}/?\\PC{0,20}") {
            let _ = text.parse::<Limit>();
        }
    }
}
