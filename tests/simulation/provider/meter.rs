//! A quota that a provider tells of and enforces, by its own clock.

use std::time::Duration;

use jiff::Timestamp;
use tokend_core::after;

use crate::world::provider::Arrival;

/// So many requests in so long a time, which begins with the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) count: u64,
    pub(crate) window: Duration,
}

/// How much of it is used.
pub(super) struct Meter {
    quota: Quota,
    used: u64,
    ends_at: Timestamp,
}

impl Meter {
    pub(super) fn new(quota: Quota) -> Self {
        Self { quota, used: 0, ends_at: Timestamp::MIN }
    }

    /// Counts a request, and tells whether it is one too many.
    pub(super) fn count(&mut self, at: Timestamp) -> bool {
        if at >= self.ends_at {
            (self.used, self.ends_at) = (0, after(at, self.quota.window));
        }
        let is_beyond = self.used >= self.quota.count;
        self.used += u64::from(!is_beyond);
        is_beyond
    }

    /// Tells whether nothing is left but what is kept back from those who are no operators.
    pub(super) fn is_exhausted(&self, at: Timestamp) -> bool {
        at < self.ends_at && self.used + 1 >= self.quota.count
    }

    /// Says in an answer how much is left.
    pub(super) fn tell(&self, arrival: Arrival, at: Timestamp) -> Arrival {
        let left = Duration::try_from(self.ends_at.duration_since(at)).unwrap_or_default();
        arrival
            .with("ratelimit-limit", self.quota.count.to_string())
            .with("ratelimit-remaining", (self.quota.count - self.used).to_string())
            .with("ratelimit-reset", left.as_secs_f64().ceil().to_string())
    }

    /// Returns when what is used is there again.
    pub(super) fn ends_at(&self) -> Timestamp {
        self.ends_at
    }
}
