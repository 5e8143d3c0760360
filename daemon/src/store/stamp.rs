//! Points in time as columns.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Row;
use tokend_core::{BootId, BootTime, Moment, Stamp};

/// Returns a time in whole milliseconds, rounded up: an issuance must not seem to
/// be older than it is.
pub(super) fn wall_ms(time: Timestamp) -> i64 {
    let ms = time.as_millisecond();
    if wall(ms) < time { ms + 1 } else { ms }
}

/// Returns a time since boot in whole milliseconds, rounded up.
pub(super) fn boot_ms(time: BootTime) -> i64 {
    i64::try_from(time.0.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}

/// Reads a stamp from three columns of a row, the first of which is `column`.
pub(super) fn read(row: &Row<'_>, column: usize, date: Option<i64>) -> rusqlite::Result<Stamp> {
    // Nothing that tokend writes is out of range. What is counts as the future,
    // which is the safe side.
    let boot = u64::try_from(row.get::<_, i64>(column + 1)?).unwrap_or(u64::MAX);
    Ok(Stamp {
        moment: Moment {
            wall: wall(row.get(column)?),
            boot: BootTime(Duration::from_millis(boot)),
        },
        boot_id: BootId(row.get(column + 2)?),
        date: date.map(wall),
    })
}

/// Reads a time in milliseconds.
pub(super) fn wall(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up() {
        let ms = |text: &str| wall_ms(text.parse().unwrap());
        assert_eq!(ms("1970-01-01T00:00:00.001Z"), 1);
        assert_eq!(ms("1970-01-01T00:00:00.001000001Z"), 2);
        assert_eq!(ms("1969-12-31T23:59:59.998000001Z"), -1);
        assert_eq!(boot_ms(BootTime(Duration::from_millis(1))), 1);
        assert_eq!(boot_ms(BootTime(Duration::from_nanos(1_000_001))), 2);
        assert_eq!(boot_ms(BootTime(Duration::MAX)), i64::MAX);
        assert_eq!(wall(wall_ms(Timestamp::MAX)), Timestamp::MAX);
    }
}
