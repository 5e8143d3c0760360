//! The only reader of the clock: people are told how long, the daemon says when.

use std::time::SystemTime;

use prost_types::Timestamp;

/// Returns the time now.
#[expect(
    clippy::disallowed_methods,
    reason = "spans that are shown to people are counted from now"
)]
pub(crate) fn now() -> Timestamp {
    SystemTime::now().into()
}
