//! The only reader of the clock and of its zone: people are told how long and, by
//! the clock on their wall, when.

use std::time::SystemTime;

use jiff::tz::TimeZone;
use prost_types::Timestamp;

/// Returns the time now.
#[expect(
    clippy::disallowed_methods,
    reason = "spans that are shown to people are counted from now"
)]
pub(crate) fn now() -> Timestamp {
    SystemTime::now().into()
}

/// Returns the time zone of this process (`TZ`, else `/etc/localtime`), UTC if it
/// has none.
pub(crate) fn zone() -> TimeZone {
    TimeZone::try_system().unwrap_or(TimeZone::UTC)
}
