//! The machine's clocks; no other file reads one.

use std::{fs, io, time::Duration};

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use tokend_core::{BootId, BootTime, Moment};

use crate::ports::Clock;

/// Reads the machine's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    boot_id: BootId,
}

/// The kernel doesn't say which boot this is.
#[derive(Debug, thiserror::Error)]
#[error("can't read {BOOT_ID}; is /proc mounted?")]
pub struct NoBootId(#[source] io::Error);

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

impl SystemClock {
    /// Finds out which boot this is.
    pub fn new() -> Result<Self, NoBootId> {
        let text = fs::read_to_string(BOOT_ID).map_err(NoBootId)?;
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        let id = u128::from_str_radix(&digits, 16)
            .map_err(|error| NoBootId(io::Error::new(io::ErrorKind::InvalidData, error)))?;
        Ok(Self { boot_id: BootId(id.to_be_bytes()) })
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let boot = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(boot.tv_sec).unwrap_or_default();
        let nanos = u32::try_from(boot.tv_nsec).unwrap_or_default();
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
        let wall = Timestamp::now();
        Moment { wall, boot: BootTime(Duration::new(seconds, nanos)) }
    }

    fn boot_id(&self) -> BootId {
        self.boot_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_go_forward_within_one_boot() {
        let clock = SystemClock::new().unwrap();
        let (first, second) = (clock.stamp(), clock.stamp());
        assert!(first.elapsed(&second).is_some());
        assert!(first.moment.wall > "2025-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(SystemClock::new().unwrap().boot_id(), clock.boot_id());
    }
}
