//! The clocks of the simulated machine: it starts with the year 2026 and never
//! restarts.

use std::time::Duration;

use jiff::Timestamp;
use tokend_core::{BootId, BootTime, Moment, Stamp, after};

use crate::Millis;

/// 2026-01-01T00:00:00Z.
const START: Timestamp = Timestamp::constant(1_767_225_600, 0);

pub(crate) fn moment(at: Millis) -> Moment {
    let passed = Duration::from_millis(at);
    Moment { wall: after(START, passed), boot: BootTime(passed) }
}

pub(crate) fn stamp(at: Millis) -> Stamp {
    let moment = moment(at);
    Stamp { moment, boot_id: BootId([0; 16]), date: Some(moment.wall) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_go_together_from_the_start_of_the_year() {
        assert_eq!(moment(0).wall.to_string(), "2026-01-01T00:00:00Z");
        assert_eq!(moment(1_500).wall.to_string(), "2026-01-01T00:00:01.5Z");
        assert_eq!(stamp(0).elapsed(&stamp(1_500)), Some(Duration::from_millis(1_500)));
    }
}
