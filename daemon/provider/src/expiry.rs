//! When a token expires, from the forms in which answers say so.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use minijinja::Value;
use minijinja::value::ValueKind;

pub(crate) use self::life::{Life, Unit, life};
use crate::date::{self, Format};

mod life;

/// Life and end may differ by this much before it is worth a word: the one counts
/// from the request, the other by a clock that shows the time of the answer.
const TOLERANCE: Duration = Duration::from_secs(60);

/// When a token expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// This long after the request for it was sent: zero if it is expired
    /// already, at most ten years.
    After(Duration),
    /// At this time by the provider's clock, whose skew isn't known because
    /// the answer had no `Date`.
    At(Timestamp),
    /// Never.
    Never,
    /// Neither the answer nor the definition's `[lifetime]` says.
    Unknown,
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(life) => write!(f, "{} s after the request", life.as_secs()),
            Self::At(end) => write!(f, "at {end}"),
            Self::Never => f.write_str("never"),
            Self::Unknown => f.write_str("not told"),
        }
    }
}

/// What an answer says about its token's life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// How long the token lives.
    pub(crate) life: Option<Life>,
    /// When it ends by the provider's clock.
    pub(crate) end: Option<Timestamp>,
    /// The provider's clock at the answer.
    pub(crate) date: Option<Timestamp>,
}

impl Told {
    /// Decides when the token expires: at the earlier of life and end, else by
    /// the definition's default. An end is turned into a life by the
    /// provider's own clock, if it told it, so that skew doesn't matter.
    pub(crate) fn resolve(self, started_at: Timestamp, default: Expiry) -> Expiry {
        match (self.life, self.end, self.date) {
            (None, None, _) => default,
            (Some(Life::Never), None, _) => Expiry::Never,
            (None | Some(Life::Never), Some(end), Some(date)) => {
                Expiry::After(date::between(date, end))
            }
            (None | Some(Life::Never), Some(end), None) => Expiry::At(end),
            (Some(Life::For(life)), Some(end), Some(date)) => {
                Expiry::After(life.min(date::between(date, end)))
            }
            // Without a Date, ours is the only clock to compare by.
            (Some(Life::For(life)), Some(end), None) if date::between(started_at, end) < life => {
                Expiry::At(end)
            }
            (Some(Life::For(life)), _, _) => Expiry::After(life),
        }
    }

    /// By how much life and end contradict each other, if by more than a minute.
    /// Without the provider's clock it would be as likely ours that is wrong. An endless
    /// life contradicts nothing: those who say both mean the end.
    pub(crate) fn mismatch(self) -> Option<Duration> {
        let Life::For(life) = self.life? else { return None };
        let difference = life.abs_diff(date::between(self.date?, self.end?));
        (difference > TOLERANCE).then_some(difference)
    }
}

/// Reads a date, or a Unix time in seconds, milliseconds or microseconds, which is a
/// number or a text. Where a pattern says how dates are written, nothing else is one.
pub(crate) fn moment(value: &Value, format: &Format) -> Option<Timestamp> {
    let number = number(value);
    match number.filter(|_| format.pattern.is_none()) {
        Some(number) => date::unix(number),
        // Of a number such as 20250601, its digits.
        None if number.is_some() => format.parse(&value.to_string()),
        None => format.parse(value.as_str()?),
    }
}

fn number(value: &Value) -> Option<f64> {
    let number: f64 = match value.kind() {
        ValueKind::Number => f64::try_from(value.clone()).ok()?,
        ValueKind::String => value.as_str()?.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn after(seconds: u64) -> Expiry {
        Expiry::After(Duration::from_secs(seconds))
    }

    #[test]
    fn the_earlier_of_life_and_end_counts_by_the_clock_of_the_provider() {
        let ours = at("2025-06-01T12:00:00Z");
        // The provider's clock is an hour ahead of ours.
        let date = Some(at("2025-06-01T13:00:00Z"));
        let ten_past = at("2025-06-01T13:10:00Z");
        let end = Some(ten_past);
        let life = |seconds| Some(Life::For(Duration::from_secs(seconds)));
        let never = Some(Life::Never);
        for (told, expected) in [
            (Told { life: None, end: None, date }, Expiry::Unknown),
            (Told { life: never, end: None, date }, Expiry::Never),
            (Told { life: never, end, date }, after(600)),
            (Told { life: never, end, date: None }, Expiry::At(ten_past)),
            (Told { life: life(60), end: None, date }, after(60)),
            (Told { life: None, end, date }, after(600)),
            (Told { life: life(60), end, date }, after(60)),
            (Told { life: life(6000), end, date }, after(600)),
            (Told { life: None, end, date: None }, Expiry::At(ten_past)),
            (Told { life: life(60), end, date: None }, after(60)),
            (Told { life: life(6000), end, date: None }, Expiry::At(ten_past)),
            (Told { life: None, end: Some(at("2025-06-01T12:59:59Z")), date }, after(0)),
            (
                Told { life: None, end: Some(at("9999-01-01T00:00:00Z")), date },
                Expiry::After(date::LONGEST),
            ),
        ] {
            assert_eq!(told.resolve(ours, Expiry::Unknown), expected, "{told:?}");
        }
    }

    #[test]
    fn a_contradiction_counts_from_a_minute_on_and_by_the_clock_of_the_provider() {
        let date = Some(at("2025-06-01T13:00:00Z"));
        let end = Some(at("2025-06-01T13:10:00Z"));
        for (life, date, expected) in [
            (600, date, None),
            (540, date, None),
            (660, date, None),
            (539, date, Some(61)),
            (661, date, Some(61)),
            (3600, None, None),
        ] {
            let told = Told { life: Some(Life::For(Duration::from_secs(life))), end, date };
            assert_eq!(told.mismatch(), expected.map(Duration::from_secs), "{told:?}");
        }
        assert_eq!(Told { life: None, end, date }.mismatch(), None);
        assert_eq!(Told { life: Some(Life::Never), end, date }.mismatch(), None);
    }

    #[test]
    fn ends_come_as_dates_and_unix_times() {
        let expected = Some(at("2025-06-01T12:10:00Z"));
        for value in [
            Value::from("2025-06-01T12:10:00Z"),
            Value::from("Sun, 01 Jun 2025 12:10:00 GMT"),
            Value::from(1_748_779_800),
            Value::from(1_748_779_800_000_i64),
            Value::from("1748779800"),
            Value::from(" 1748779800000 "),
            Value::from("1748779800000000"),
            Value::from("/Date(1748779800000)/"),
            Value::from("2025-06-01 12:10:00 UTC"),
        ] {
            assert_eq!(moment(&value, &Format::default()), expected, "{value}");
        }
        for value in [Value::from(3600), Value::from("0"), Value::from(true), Value::from("")] {
            assert_eq!(moment(&value, &Format::default()), None, "{value}");
        }
    }

    #[test]
    fn a_zone_leaves_unix_times_alone_and_a_pattern_takes_their_place() {
        let zone = crate::zone::find("Europe/Berlin").ok();
        let expected = Some(at("2025-05-31T22:00:00Z"));
        let format = Format { pattern: None, zone: zone.clone() };
        for value in [Value::from(1_748_728_800), Value::from("1748728800")] {
            assert_eq!(moment(&value, &format), expected, "{value}");
        }
        let format = Format { pattern: Some("%Y%m%d".to_owned()), zone };
        for value in [Value::from(20_250_601), Value::from("20250601")] {
            assert_eq!(moment(&value, &format), expected, "{value}");
        }
        assert_eq!(moment(&Value::from(1_748_728_800), &format), None);
        assert_eq!(moment(&Value::from(true), &format), None);
    }

    #[test]
    fn an_answer_that_does_not_say_gets_the_default() {
        let now = at("2025-06-01T12:00:00Z");
        assert_eq!(Told::default().resolve(now, Expiry::Never), Expiry::Never);
        let told = Told { life: Some(Life::For(Duration::from_secs(5))), ..Told::default() };
        assert_eq!(told.resolve(now, Expiry::Never), after(5));
    }
}
