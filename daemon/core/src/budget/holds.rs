//! How long what is spent goes on counting against one limit.

use std::time::Duration;

use super::{Budget, Limit};
use crate::Stamp;

/// Issuances that the ledger doesn't hold, since it was restored from a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presumed {
    /// When that was noticed: none was begun later ..
    pub at: Stamp,
    /// .. and all that was sent has arrived within this from then on: a daemon that was killed
    /// may have had some on their way.
    pub within: Duration,
    /// How many there were, as an operator says; `None` if nobody knows. Then there were as
    /// many as each limit allows.
    pub used: Option<u32>,
}

impl Presumed {
    /// Returns when the last of them may have arrived.
    pub(super) fn last(&self) -> Stamp {
        self.at.after(self.within)
    }
}

/// How long each issuance that counts against a limit goes on counting.
pub(super) struct Holds {
    /// Those in the ledger, the longest first.
    known: Vec<Duration>,
    /// How many are presumed besides. They might be millions ..
    presumed: usize,
    /// .. and go together.
    together: Duration,
}

impl Holds {
    pub(super) fn of(limit: &Limit, budget: &Budget<'_>, now: &Stamp) -> Self {
        let known = budget.spent.iter().map(|spent| limit.window.holds(&spent.at, now));
        let mut known: Vec<Duration> = known.filter(|left| !left.is_zero()).collect();
        known.sort_unstable_by(|a, b| b.cmp(a));
        let (presumed, together) = budget.presumed.map_or_else(Default::default, |presumed| {
            let used = presumed.used.unwrap_or(limit.count.get()).min(limit.count.get());
            (used, limit.window.holds(&presumed.last(), now))
        });
        let presumed = if together.is_zero() { 0 } else { size(presumed) };
        Self { known, presumed, together }
    }

    /// Returns how many there are.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.known.len().saturating_add(self.presumed)).unwrap_or(u32::MAX)
    }

    /// Tells whether some are presumed.
    pub(super) fn are_presumed(&self) -> bool {
        self.presumed > 0
    }

    /// Returns the time after which no more than `few` are left; zero if there are no more.
    pub(super) fn until_left(&self, few: u32) -> Duration {
        let few = size(few);
        let longer = self.known.partition_point(|left| *left > self.together);
        let left = if few < longer {
            self.known.get(few)
        } else if few < longer.saturating_add(self.presumed) {
            Some(&self.together)
        } else {
            self.known.get(few - self.presumed)
        };
        left.copied().unwrap_or_default()
    }

    /// Returns how many still count after this time.
    pub(super) fn count_after(&self, wait: Duration) -> u32 {
        let known = self.known.partition_point(|left| *left > wait);
        let presumed = if self.together > wait { self.presumed } else { 0 };
        u32::try_from(known.saturating_add(presumed)).unwrap_or(u32::MAX)
    }
}

fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
