//! Time zones by their IANA names, from the data that is compiled in.

use jiff::tz::{TimeZone, TimeZoneDatabase, TimeZoneName};
use thiserror::Error;

use crate::suggestion::{self, Suggestion};

/// A name that no time zone has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown time zone `{name}`{suggestion}")]
pub struct UnknownZone {
    name: String,
    suggestion: Suggestion,
}

/// Finds a time zone. The machine's own data isn't asked, so that a definition
/// means the same on every machine.
pub(crate) fn find(name: &str) -> Result<TimeZone, UnknownZone> {
    let zones = TimeZoneDatabase::bundled();
    match zones.get(name) {
        // `Etc/Unknown` is a name too, of no zone.
        Ok(zone) if !zone.is_unknown() => Ok(zone),
        _ => Err(UnknownZone { name: name.to_owned(), suggestion: suggest(&zones, name) }),
    }
}

/// Suggests the zone of the city that was named, else the nearest name. All of
/// them would be six hundred.
fn suggest(zones: &TimeZoneDatabase, name: &str) -> Suggestion {
    let names: Vec<_> = zones.available().collect();
    let known = || names.iter().map(TimeZoneName::as_str);
    let city = name.replace(' ', "_");
    let is_city = |known: &&str| {
        known.rsplit_once('/').is_some_and(|(_, last)| last.eq_ignore_ascii_case(&city))
    };
    match known().find(is_city).or_else(|| suggestion::nearest(name, known())) {
        Some(meant) => Suggestion::of(meant),
        None => Suggestion::saying("write one such as `Europe/Berlin`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_zones_by_their_names_whatever_the_case() {
        for (name, expected) in
            [("Europe/Berlin", "Europe/Berlin"), ("europe/berlin", "Europe/Berlin"), ("utc", "UTC")]
        {
            assert_eq!(find(name).unwrap().iana_name(), Some(expected));
        }
    }

    #[test]
    fn suggests_the_zone_that_was_meant() {
        for (name, expected) in [
            ("Europe/Berln", "unknown time zone `Europe/Berln`, did you mean `Europe/Berlin`?"),
            ("New York", "unknown time zone `New York`, did you mean `America/New_York`?"),
            ("+02:00", "unknown time zone `+02:00`, write one such as `Europe/Berlin`"),
            ("Etc/Unknown", "unknown time zone `Etc/Unknown`, write one such as `Europe/Berlin`"),
        ] {
            assert_eq!(find(name).unwrap_err().to_string(), expected);
        }
    }
}
