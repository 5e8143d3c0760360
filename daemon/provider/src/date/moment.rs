//! Moments as programs write them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

use super::parse_http;
use crate::definition::error::{Fault, Located};
use crate::definition::file::Text;
use crate::zone;

/// What a definition says of its provider's dates.
#[derive(Debug, Clone, Default)]
pub(crate) struct Format {
    /// How they are written, by strptime; else in any of the forms that are known.
    pub(crate) pattern: Option<String>,
    /// Where they are when they don't say it; else such a date is none.
    pub(crate) zone: Option<TimeZone>,
}

impl Format {
    /// Compiles `expires_format` and `expires_zone`.
    pub(crate) fn compile(pattern: Option<&Text>, zone: Option<&Text>) -> Result<Self, Located> {
        let zone = zone.map(|name| {
            zone::find(name.get_ref()).map_err(|error| Fault::from(error).at(name.span()))
        });
        if let Some(pattern) = pattern {
            // What can't be written can't be read either.
            let now = Timestamp::UNIX_EPOCH.to_zoned_datetime(TimeZone::UTC);
            if BrokenDownTime::from(&now).to_string(pattern.get_ref()).is_err() {
                return Err(Fault::DateFormat(pattern.get_ref().clone()).at(pattern.span()));
            }
        }
        let pattern = pattern.map(|pattern| pattern.get_ref().clone());
        Ok(Self { pattern, zone: zone.transpose()? })
    }

    /// Reads a date. One without a time is its start.
    pub(crate) fn parse(&self, text: &str) -> Option<Timestamp> {
        let text = text.trim();
        match &self.pattern {
            Some(pattern) => self.parse_pattern(pattern, text),
            None => parse(text).or_else(|| self.place(text.parse().ok()?)),
        }
    }

    fn parse_pattern(&self, pattern: &str, text: &str) -> Option<Timestamp> {
        let broken = BrokenDownTime::parse(pattern, text).ok()?;
        if broken.offset().is_some() || broken.timestamp().is_some() {
            return broken.to_timestamp().ok();
        }
        if broken.iana_time_zone().is_some() {
            return broken.to_zoned_datetime().ok().map(|zoned| zoned.timestamp());
        }
        self.place(broken.to_datetime().ok()?)
    }

    fn place(&self, civil: DateTime) -> Option<Timestamp> {
        self.zone.as_ref()?.to_timestamp(civil).ok()
    }
}

/// Parses a date that says where it is: an HTTP-date, one of RFC 2822 or RFC 3339, or
/// .NET's `/Date(1748779800000)/`. Forgives what is written beside the last two: a space
/// for the `T` or before the offset, an offset without its colon, and `UTC` or `GMT`
/// for `Z` or after the offset.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    parse_http(text)
        .or_else(|| text.parse().ok())
        .or_else(|| parse_net(text))
        .or_else(|| parse_loose(text))
}

/// Reads milliseconds since 1970; an offset tells only where the server is.
fn parse_net(text: &str) -> Option<Timestamp> {
    let inside = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    let end = inside.rfind(['+', '-']).filter(|position| *position > 0);
    let (number, offset) = inside.split_at(end.unwrap_or(inside.len()));
    let digits = offset.get(1..).unwrap_or_default();
    if !matches!(digits.len(), 0 | 4) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Timestamp::from_millisecond(number.parse().ok()?).ok()
}

fn parse_loose(text: &str) -> Option<Timestamp> {
    let (start, last) = text.rsplit_once(' ')?;
    if last.eq_ignore_ascii_case("UTC") || last.eq_ignore_ascii_case("GMT") {
        let start = start.trim_end();
        return parse_spaced(start).or_else(|| format!("{start}Z").parse().ok());
    }
    parse_spaced(text)
}

/// Parses a date with a space before its offset.
fn parse_spaced(text: &str) -> Option<Timestamp> {
    let (start, offset) = text.rsplit_once(' ')?;
    let offset = offset.starts_with(['+', '-', 'Z', 'z']).then_some(offset)?;
    format!("{}{offset}", start.trim_end()).parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::zone;

    fn berlin() -> Format {
        Format { pattern: None, zone: zone::find("Europe/Berlin").ok() }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn reads_dates_that_say_where_they_are() {
        for text in [
            "2025-06-01T12:10:00Z",
            "2025-06-01T14:10:00.000+02:00",
            "2025-06-01T12:10:00.0000000+0000",
            "2025-06-01T14:10:00+02",
            "2025-06-01 12:10:00Z",
            "2025-06-01 12:10Z",
            "2025-06-01 14:10:00+0200",
            "2025-06-01 14:10:00 +0200",
            "2025-06-01 12:10:00 Z",
            "2025-06-01 12:10:00 UTC",
            "2025-06-01T12:10:00 gmt",
            "2025-06-01 12:10:00.0 +0000 UTC",
            "Sun, 01 Jun 2025 12:10:00 GMT",
            "Sun, 1 Jun 2025 14:10:00 +0200",
            "1 Jun 2025 12:10:00 +0000",
            "/Date(1748779800000)/",
            "/Date(1748779800000+0200)/",
            " /Date(1748779800000-0730)/ ",
        ] {
            assert_eq!(Format::default().parse(text), Some(at("2025-06-01T12:10:00Z")), "{text}");
            // A zone is for those that don't say.
            assert_eq!(berlin().parse(text), Some(at("2025-06-01T12:10:00Z")), "{text}");
        }
        assert_eq!(parse("/Date(-1000)/"), Some(at("1969-12-31T23:59:59Z")));
    }

    #[test]
    fn what_does_not_say_where_it_is_is_no_date() {
        for text in [
            "2025-06-01T12:10:00",
            "2025-06-01 12:10:00",
            "2025-06-01",
            "2025-06-01 UTC",
            "12:10:00 UTC",
            "UTC",
            "01/06/2025",
            "/Date()/",
            "/Date(+)/",
            "/Date(1748779800000+2)/",
            "/Date(99999999999999999999)/",
            "/Date(9223372036854775807)/",
        ] {
            assert_eq!(Format::default().parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_zone_places_dates_without_an_offset() {
        for (text, expected) in [
            ("2025-06-01T14:10:00", "2025-06-01T12:10:00Z"),
            ("2025-01-01 14:10:00.5", "2025-01-01T13:10:00.5Z"),
            ("2025-06-01", "2025-05-31T22:00:00Z"),
            // There is no such time in that night.
            ("2025-03-30T02:30:00", "2025-03-30T01:30:00Z"),
        ] {
            assert_eq!(berlin().parse(text), Some(at(expected)), "{text}");
        }
        assert_eq!(berlin().parse("2025-02-29"), None);
        assert_eq!(berlin().parse("2025-06-01T14:10:00+99:00"), None);
    }

    #[test]
    fn a_pattern_reads_what_it_describes_and_nothing_else() {
        let format = |pattern: &str| Format { pattern: Some(pattern.to_owned()), ..berlin() };
        for (pattern, text, expected) in [
            ("%d/%m/%Y %H:%M", "01/06/2025 14:10", "2025-06-01T12:10:00Z"),
            ("%Y%m%d%H%M%S", "20250601141000", "2025-06-01T12:10:00Z"),
            ("%d.%m.%Y", "01.06.2025", "2025-05-31T22:00:00Z"),
            ("%d.%m.%Y %H:%M %z", "01.06.2025 12:10 +0000", "2025-06-01T12:10:00Z"),
            ("%F %T %Q", "2025-06-01 08:10:00 America/New_York", "2025-06-01T12:10:00Z"),
            ("%b %e %Y %I:%M %p", "Jun 1 2025 02:10 PM", "2025-06-01T12:10:00Z"),
            ("at %s", "at 1748779800", "2025-06-01T12:10:00Z"),
        ] {
            assert_eq!(format(pattern).parse(text), Some(at(expected)), "{pattern}");
        }
        for (pattern, text) in [
            ("%d/%m/%Y", "2025-06-01T12:10:00Z"),
            ("%d/%m/%Y", "31/02/2025"),
            ("%H:%M", "14:10"),
            ("%!", "01/06/2025"),
        ] {
            assert_eq!(format(pattern).parse(text), None, "{pattern}");
        }
        let nowhere = Format { zone: None, ..format("%d/%m/%Y") };
        assert_eq!(nowhere.parse("01/06/2025"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_a_date_or_not(
            text: String,
            like in "[-+0-9:.TZ/ ]{0,30}",
            inside in "[-+0-9]{0,24}",
            pattern in "(%[-_0^]?[0-9]{0,3}[a-zA-Z:.]{1,3}[ -]?){0,6}",
        ) {
            let by_pattern = Format { pattern: Some(pattern), ..berlin() };
            for text in [text, format!("{like} UTC"), format!("/Date({inside})/"), like] {
                for format in [&Format::default(), &berlin(), &by_pattern] {
                    let _ = format.parse(&text);
                }
            }
        }
    }
}
