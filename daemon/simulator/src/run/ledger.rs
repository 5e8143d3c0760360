//! The ledger of issuances, in memory: what tokend's store does on disk.

use std::time::Duration;

use tokend_core::{Allowance, Budget, Cause, Limit, Spent};

use crate::{Millis, Span, clock::stamp};

/// For so many windows issuances are kept: those that count no more tell how many are
/// unforeseen.
const KEPT: u32 = 10;

pub(crate) struct Ledger<'a> {
    limits: &'a [Limit],
    longest: Duration,
    /// Those that may still count or tell something, oldest first, with the one under
    /// way at the end.
    spent: Vec<Spent>,
    /// All that count, from when they were sent until they ended.
    counted: Vec<Span>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(limits: &'a [Limit]) -> Self {
        let longest = limits.iter().map(|limit| limit.window.longest()).max().unwrap_or_default();
        Self { limits, longest, spent: Vec::new(), counted: Vec::new() }
    }

    /// Writes an issuance down if the limits allow it.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn reserve(&mut self, cause: Cause, now: Millis) -> Result<Allowance, Duration> {
        let now = stamp(now);
        let kept = self.longest * KEPT;
        self.spent.retain(|spent| spent.at.elapsed(&now).is_some_and(|age| age < kept));
        let (limits, spent) = (self.limits, &self.spent[..]);
        let allowance =
            Budget { limits, quotas: &[], spent, presumed: None, sharers: 1 }.admit(cause, &now)?;
        self.spent.push(Spent { at: now, planned: cause.is_planned() });
        Ok(allowance)
    }

    /// Writes down that the issuance under way, which was sent at `sent`, has ended. It
    /// counts from now on, or not at all if the provider hasn't seen it.
    pub(super) fn settle(&mut self, sent: Millis, now: Millis, counts: bool) {
        let reserved = self.spent.pop();
        debug_assert!(reserved.is_some(), "it was reserved");
        if counts {
            let planned = reserved.is_none_or(|spent| spent.planned);
            self.spent.push(Spent { at: stamp(now), planned });
            self.counted.push(Span { start: sent, end: now });
        }
    }

    /// Returns all issuances that count, in order.
    pub(super) fn into_counted(self) -> Vec<Span> {
        self.counted
    }
}
