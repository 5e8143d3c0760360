//! How long a token lives, from the forms in which answers say so.

use std::time::Duration;

use minijinja::Value;
use schemars::JsonSchema;
use serde::Deserialize;

use super::number;
use crate::date;

/// How long a token lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// This long, in whole seconds and at most ten years.
    For(Duration),
    /// For ever.
    Never,
}

/// What a number without a unit counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unit {
    /// Seconds.
    #[default]
    Seconds,
    /// Thousandths of a second.
    Milliseconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
    /// Days of 24 hours.
    Days,
}

impl Unit {
    fn seconds(self) -> f64 {
        match self {
            Self::Seconds => 1.0,
            Self::Milliseconds => 0.001,
            Self::Minutes => 60.0,
            Self::Hours => 3_600.0,
            Self::Days => 86_400.0,
        }
    }
}

/// Reads a life: a number of the unit, given as a number or as a text, or a text that is
/// a duration (`1h 30m`, `PT2H`, `01:30:00`, `1.00:00:00`) or `never`. Fractions of
/// seconds are dropped, negative lives are zero, and more than ten years are ten years.
pub(crate) fn life(value: &Value, unit: Unit) -> Option<Life> {
    let seconds = match number(value) {
        Some(number) => number * unit.seconds(),
        None => match value.as_str()?.trim() {
            text if text.eq_ignore_ascii_case("never") => return Some(Life::Never),
            text => date::duration(text)?,
        },
    };
    let bounded = seconds.clamp(0.0, date::LONGEST.as_secs_f64());
    // Rounded to nanoseconds, so that 1.15 minutes are 69 seconds.
    let exact = Duration::try_from_secs_f64(bounded).ok()?;
    Some(Life::For(Duration::from_secs(exact.as_secs())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lasting(seconds: u64) -> Life {
        Life::For(Duration::from_secs(seconds))
    }

    #[test]
    fn seconds_come_as_numbers_and_texts() {
        for (value, expected) in [
            (Value::from(3600), Some(3600)),
            (Value::from("899"), Some(899)),
            (Value::from(" 899 "), Some(899)),
            (Value::from(3600.5), Some(3600)),
            (Value::from("3600.9"), Some(3600)),
            (Value::from(0), Some(0)),
            (Value::from(-1), Some(0)),
            (Value::from("-1"), Some(0)),
            (Value::from(1e18), Some(date::LONGEST.as_secs())),
            (Value::from(u64::MAX), Some(date::LONGEST.as_secs())),
            (Value::from("inf"), None),
            (Value::from("NaN"), None),
            (Value::from(""), None),
            (Value::from("soon"), None),
            (Value::from(true), None),
            (Value::from(vec![3600]), None),
        ] {
            assert_eq!(life(&value, Unit::Seconds), expected.map(lasting), "{value}");
        }
    }

    #[test]
    fn a_number_counts_its_unit_and_a_fraction_of_it() {
        for (value, unit, expected) in [
            (Value::from(899_999), Unit::Milliseconds, 899),
            (Value::from("1.15"), Unit::Minutes, 69),
            (Value::from(0.5), Unit::Hours, 1_800),
            (Value::from(90), Unit::Days, 7_776_000),
            (Value::from("1e300"), Unit::Days, date::LONGEST.as_secs()),
            (Value::from(f64::MAX), Unit::Days, date::LONGEST.as_secs()),
        ] {
            assert_eq!(life(&value, unit), Some(lasting(expected)), "{value} {unit:?}");
        }
    }

    #[test]
    fn a_duration_says_its_own_unit() {
        for (text, expected) in [
            ("1h", 3_600),
            (" 1h 30m ", 5_400),
            ("2 days", 172_800),
            ("PT2H", 7_200),
            ("P1D", 86_400),
            ("PT1.9S", 1),
            ("01:30:00", 5_400),
            ("1:30:00", 5_400),
            ("1 day, 1:30:00", 91_800),
            ("100:00:00", 360_000),
            ("1.00:00:00", 86_400),
            ("00:59:59.9999999", 3_599),
            ("-00:01:00", 0),
            ("-PT1H", 0),
            ("99999999.00:00:00", date::LONGEST.as_secs()),
            ("P90000D", date::LONGEST.as_secs()),
        ] {
            assert_eq!(life(&Value::from(text), Unit::Minutes), Some(lasting(expected)), "{text}");
        }
        for text in ["1:2", "01:60:00", "01:00:60", "1:0:0", "1.2.00:00:00", "a:00:00", "1 month"] {
            assert_eq!(life(&Value::from(text), Unit::Seconds), None, "{text}");
        }
    }

    #[test]
    fn a_life_can_be_endless() {
        for text in ["never", " Never "] {
            assert_eq!(life(&Value::from(text), Unit::Seconds), Some(Life::Never), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_bounded_life_or_none(text: String, like in "[-0-9.:PTHMSDhmsd ]{0,20}") {
            for text in [text, like] {
                if let Some(Life::For(life)) = life(&Value::from(text), Unit::Days) {
                    prop_assert!(life <= date::LONGEST);
                }
            }
        }
    }
}
