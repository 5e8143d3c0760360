//! The times that requests are signed with.

use jiff::fmt::{rfc2822, strtime::BrokenDownTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Unit};
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, Value};

use super::{mistaken, option, refused};
use crate::zone;

/// The filter `date`: a Unix time in seconds by a format of strftime, or by `rfc3339`
/// or `http`, in a time zone that is UTC if none is given.
#[expect(clippy::needless_pass_by_value, reason = "minijinja hands options over by value")]
pub(super) fn date(
    value: &Value,
    format: &str,
    zone: Option<&str>,
    options: Kwargs,
) -> Result<String, Error> {
    let zone = match zone {
        Some(zone) => zone,
        None => option(&options, "zone", "UTC")?,
    };
    options.assert_all_used()?;
    let zone = zone::find(zone).map_err(|error| mistaken(error.to_string()))?;
    // Tried on a time that is known, so that what is wrong is the format.
    print(Timestamp::UNIX_EPOCH, format, &zone)
        .ok_or_else(|| mistaken("not a format for dates".to_owned()))?;
    let time = time(value).ok_or_else(|| refused("not a Unix time"))?;
    print(time, format, &zone).ok_or_else(|| refused("not a time of that format"))
}

fn print(time: Timestamp, format: &str, zone: &TimeZone) -> Option<String> {
    match format {
        "rfc3339" if zone.iana_name() == Some("UTC") => Some(time.to_string()),
        "rfc3339" => Some(time.display_with_offset(zone.to_offset(time)).to_string()),
        // An HTTP-date is in GMT (RFC 9110 §5.6.7).
        "http" => rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok(),
        _ => BrokenDownTime::from(&time.to_zoned_datetime(zone.clone())).to_string(format).ok(),
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    let since = match value.kind() {
        ValueKind::Number if value.is_integer() => SignedDuration::from_secs(value.as_i64()?),
        // As exact as such a number is, lest .123 become .122999907.
        ValueKind::Number => SignedDuration::try_from_secs_f64(f64::try_from(value.clone()).ok()?)
            .and_then(|since| since.round(Unit::Microsecond))
            .ok()?,
        _ => return None,
    };
    Timestamp::from_duration(since).ok()
}
