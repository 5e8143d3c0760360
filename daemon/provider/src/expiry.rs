//! When a token expires, from the forms in which answers say so.

use std::time::Duration;

use jiff::Timestamp;
use minijinja::Value;
use minijinja::value::ValueKind;

use crate::date;

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

/// What an answer says about its token's life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// How long the token lives.
    pub(crate) life: Option<Duration>,
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
            (None, Some(end), Some(date)) => Expiry::After(date::between(date, end)),
            (None, Some(end), None) => Expiry::At(end),
            (Some(life), Some(end), Some(date)) => {
                Expiry::After(life.min(date::between(date, end)))
            }
            // Without a Date, ours is the only clock to compare by.
            (Some(life), Some(end), None) if date::between(started_at, end) < life => {
                Expiry::At(end)
            }
            (Some(life), _, _) => Expiry::After(life),
        }
    }

    /// By how much life and end contradict each other, if by more than a minute.
    /// Without the provider's clock it would be as likely ours that is wrong.
    pub(crate) fn mismatch(self) -> Option<Duration> {
        let difference = self.life?.abs_diff(date::between(self.date?, self.end?));
        (difference > TOLERANCE).then_some(difference)
    }
}

/// Reads a number of seconds, given as a number or as a text. Fractions are
/// dropped, negative numbers are zero, and more than ten years are ten years.
pub(crate) fn seconds(value: &Value) -> Option<Duration> {
    let number = number(value)?;
    let bounded = number.clamp(0.0, date::LONGEST.as_secs_f64());
    Some(Duration::from_secs(Duration::try_from_secs_f64(bounded).ok()?.as_secs()))
}

/// Reads an HTTP-date, an RFC 3339 date or a Unix time in seconds or milliseconds,
/// which is a number or a text.
pub(crate) fn moment(value: &Value) -> Option<Timestamp> {
    match number(value) {
        Some(number) => date::unix(number),
        None => date::parse(value.as_str()?),
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
            (Value::from("1h"), None),
            (Value::from(""), None),
            (Value::from(true), None),
            (Value::from(vec![3600]), None),
        ] {
            assert_eq!(seconds(&value), expected.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn the_earlier_of_life_and_end_counts_by_the_clock_of_the_provider() {
        let ours = at("2025-06-01T12:00:00Z");
        // The provider's clock is an hour ahead of ours.
        let date = Some(at("2025-06-01T13:00:00Z"));
        let ten_past = at("2025-06-01T13:10:00Z");
        let end = Some(ten_past);
        let life = |seconds| Some(Duration::from_secs(seconds));
        for (told, expected) in [
            (Told { life: None, end: None, date }, Expiry::Unknown),
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
            let told = Told { life: Some(Duration::from_secs(life)), end, date };
            assert_eq!(told.mismatch(), expected.map(Duration::from_secs), "{told:?}");
        }
        assert_eq!(Told { life: None, end, date }.mismatch(), None);
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
        ] {
            assert_eq!(moment(&value), expected, "{value}");
        }
        for value in [Value::from(3600), Value::from("0"), Value::from(true), Value::from("")] {
            assert_eq!(moment(&value), None, "{value}");
        }
    }

    #[test]
    fn an_answer_that_does_not_say_gets_the_default() {
        let now = at("2025-06-01T12:00:00Z");
        assert_eq!(Told::default().resolve(now, Expiry::Never), Expiry::Never);
        let told = Told { life: Some(Duration::from_secs(5)), ..Told::default() };
        assert_eq!(told.resolve(now, Expiry::Never), after(5));
    }
}
