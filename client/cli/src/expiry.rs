//! When secrets end, as people write and read it.

use std::collections::BTreeMap;

use jiff::{civil::Date, tz::TimeZone};
use prost_types::Timestamp;

/// When the secret of an input ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expiry {
    pub(crate) input: String,
    pub(crate) time: Timestamp,
}

/// Returns the ends by the names of the inputs.
pub(crate) fn all(expiries: Vec<Expiry>) -> BTreeMap<String, Timestamp> {
    expiries.into_iter().map(|Expiry { input, time }| (input, time)).collect()
}

/// Reads `INPUT=DATE`.
pub(crate) fn named(text: &str) -> Result<Expiry, String> {
    let given = text.split_once('=').filter(|(input, _)| !input.is_empty());
    let (input, date) = given.ok_or_else(|| "it takes INPUT=DATE".to_owned())?;
    Ok(Expiry { input: input.to_owned(), time: parse(date)? })
}

/// Reads a time as in RFC 3339, or a day, whose end is meant (UTC).
pub(crate) fn parse(text: &str) -> Result<Timestamp, String> {
    let time = match text.parse::<Date>() {
        // A time has a date in front, too.
        Ok(day) if !text.contains([':', 'T', 't']) => {
            TimeZone::UTC.to_timestamp(day.at(23, 59, 59, 0))
        }
        _ => text.parse::<jiff::Timestamp>(),
    };
    let time = time.map_err(|_| {
        "a date is written as 2027-01-31 or, with a time, 2027-01-31T12:00:00Z".to_owned()
    })?;
    Ok(Timestamp { seconds: time.as_second(), nanos: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_meant_to_its_end_and_a_time_to_the_second() {
        let shown = |text| parse(text).map(|time| time.to_string());
        assert_eq!(shown("2027-01-31").unwrap(), "2027-01-31T23:59:59Z");
        assert_eq!(shown("2027-01-31T12:00:00Z").unwrap(), "2027-01-31T12:00:00Z");
        assert_eq!(shown("2027-01-31T12:00:00.5+02:00").unwrap(), "2027-01-31T10:00:00Z");
        for text in ["", "soon", "31.1.2027", "2027-01-31T12:00:00", "2027-02-30"] {
            assert!(shown(text).unwrap_err().contains("2027-01-31"), "{text}");
        }
    }

    #[test]
    fn a_date_is_of_an_input() {
        let expiry = named("key=2027-01-31").unwrap();
        assert_eq!((expiry.input.as_str(), expiry.time), ("key", parse("2027-01-31").unwrap()));
        assert!(named("2027-01-31").is_err() && named("=2027-01-31").is_err());
    }
}
