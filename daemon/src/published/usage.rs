//! What callers do with a slot.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::Duration,
};

use jiff::Timestamp;
use tokend_core::{BootTime, Demand, Moment};

/// What callers do with a slot, counted without a lock.
#[derive(Debug)]
pub(super) struct Usage {
    /// When a token was last asked for, in seconds since 1970 ..
    last_wall: AtomicI64,
    /// .. and in seconds since boot; `u64::MAX` if none was.
    last_boot: AtomicU64,
    count: AtomicU64,
    /// The longest life that was asked for since the latest token came, and before
    /// that since the one before, in seconds.
    min_ttl: AtomicU64,
    earlier_min_ttl: AtomicU64,
}

impl Usage {
    pub(super) fn new() -> Self {
        Self {
            last_wall: AtomicI64::new(i64::MIN),
            last_boot: AtomicU64::new(u64::MAX),
            count: AtomicU64::new(0),
            min_ttl: AtomicU64::new(0),
            earlier_min_ttl: AtomicU64::new(0),
        }
    }

    /// Notes that someone asks for a token.
    pub(super) fn note(&self, min_ttl: Option<Duration>, now: Moment) {
        self.last_wall.store(now.wall.as_second(), Ordering::Relaxed);
        self.last_boot.store(now.boot.0.as_secs(), Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
        if let Some(min_ttl) = min_ttl {
            self.min_ttl.fetch_max(min_ttl.as_secs(), Ordering::Relaxed);
        }
    }

    /// Returns when a token was last asked for.
    pub(super) fn last_use(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.last_wall.load(Ordering::Relaxed)).ok()
    }

    /// A new token came: what was asked for two tokens ago is forgotten.
    pub(super) fn turn(&self) {
        let lately = self.min_ttl.swap(0, Ordering::Relaxed);
        self.earlier_min_ttl.store(lately, Ordering::Relaxed);
    }

    /// Returns what callers have lately wanted.
    pub(super) fn demand(&self) -> Demand {
        let last = Some(self.last_boot.load(Ordering::Relaxed)).filter(|last| *last != u64::MAX);
        let min_ttl = self.min_ttl.load(Ordering::Relaxed);
        Demand {
            last_use: last.map(|secs| BootTime(Duration::from_secs(secs))),
            uses: self.count.load(Ordering::Relaxed),
            min_ttl: Duration::from_secs(min_ttl.max(self.earlier_min_ttl.load(Ordering::Relaxed))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Moment {
        let start = "2026-01-01T00:00:00Z".parse().unwrap();
        let wait = Duration::from_secs(secs);
        Moment { wall: tokend_core::after(start, wait), boot: BootTime(wait) }
    }

    #[test]
    fn uses_are_counted_and_long_wishes_remembered_for_two_tokens() {
        let usage = Usage::new();
        assert_eq!(usage.demand(), Demand::default());
        assert_eq!(usage.last_use(), None);
        usage.note(Some(Duration::from_secs(900)), at(5));
        usage.note(None, at(7));
        let demand = usage.demand();
        assert_eq!((demand.uses, demand.last_use), (2, Some(at(7).boot)));
        assert_eq!(usage.last_use(), Some(at(7).wall));
        for remembered in [900, 900, 0] {
            assert_eq!(usage.demand().min_ttl, Duration::from_secs(remembered));
            usage.turn();
        }
    }
}
