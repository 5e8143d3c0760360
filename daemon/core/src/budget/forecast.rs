//! A look at a budget, for people: what is used, and how long it lasts.

use std::{num::NonZeroU32, time::Duration};

use super::{Budget, Limit, Quota, Told, holds::Holds, reserve, share};
use crate::{Cause, Stamp, Window};

/// The share of a window, one of this many, that at least goes into a forecast.
const SAMPLE: u32 = 4;

/// A limit, and how much of it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Which limit.
    pub bound: Bound,
    /// How many issuances count against it now.
    pub used: u32,
    /// How many it allows in all; `None` if the provider didn't say.
    pub limit: Option<NonZeroU32>,
    /// How many are left, those that are held back included.
    pub remaining: u32,
    /// How many of them refreshes ahead of expiry leave alone.
    pub reserved: u32,
    /// The time after which one more becomes free, or all do if the limit ends at
    /// once; `None` if nothing is used.
    pub frees_in: Option<Duration>,
    /// The time after which refreshes find nothing left if they go on as in the
    /// window so far; `None` if they never do.
    pub lasts: Option<Duration>,
    /// Whether all of it counts as used because nobody knows what was: the ledger was restored
    /// from a backup.
    pub unknown: bool,
}

/// Where a limit comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// It was known beforehand.
    Stated(Limit),
    /// The provider's answers tell.
    Told(Quota),
}

impl Budget<'_> {
    /// Returns how much of each limit is used at `now`. What a provider has told
    /// counts until the reset that it named.
    pub fn usage(&self, now: &Stamp) -> Vec<Usage> {
        let stated = self.limits.iter().map(|limit| self.stated(limit, now));
        let told = self.quotas.iter().filter_map(|quota| self.told(quota, now));
        stated.chain(told).collect()
    }

    fn stated(&self, limit: &Limit, now: &Stamp) -> Usage {
        let count = limit.count.get();
        let holds = Holds::of(limit, self, now);
        let unknown = holds.are_presumed() && self.presumed.is_some_and(|it| it.used.is_none());
        let used = holds.count();
        let free = share(count, Cause::Aging);
        // Of more than are allowed, some have to go before one more is free.
        let few = used.min(count).saturating_sub(1);
        Usage {
            bound: Bound::Stated(limit.clone()),
            used: if unknown { count } else { used },
            limit: Some(limit.count),
            remaining: count.saturating_sub(used),
            reserved: reserve(count).min(count.saturating_sub(used)),
            frees_in: Some(holds.until_left(few)).filter(|left| !left.is_zero()),
            lasts: lasts(&holds, &limit.window, free),
            unknown,
        }
    }

    fn told(&self, told: &Told, now: &Stamp) -> Option<Usage> {
        let (_, _, left) = self.told_of(told, now);
        if left.is_zero() {
            return None;
        }
        let Told { quota, at, .. } = told;
        let age = at.elapsed(now).unwrap_or_default();
        let lacking = self.lacking_since(at);
        let since = self.since(at, now).saturating_add(lacking);
        let remaining = quota.remaining.saturating_sub(since);
        let free = remaining.saturating_sub(reserve(quota.all()));
        let lasts = match (free, since) {
            (0, _) => Some(Duration::ZERO),
            (_, 0) => None,
            (free, since) => Some(age.saturating_mul(free) / since).filter(|lasts| *lasts < left),
        };
        Some(Usage {
            bound: Bound::Told(*quota),
            used: quota.all().saturating_sub(remaining),
            limit: quota.limit,
            remaining,
            reserved: reserve(quota.all()).min(remaining),
            frees_in: Some(left),
            lasts,
            unknown: lacking == u32::MAX,
        })
    }
}

/// Returns when more than `free` would count if issuances went on as they did,
/// where each of those so far goes on counting for as long as `holds` says.
fn lasts(holds: &Holds, window: &Window, free: u32) -> Option<Duration> {
    let used = holds.count();
    if used >= free {
        return Some(Duration::ZERO);
    }
    // One says nothing of how fast they follow each other.
    if used < 2 {
        return None;
    }
    let (first, last) = (holds.until_left(used - 1), holds.until_left(0));
    let length = window.length();
    // A few in a row say little of the rest of the day.
    let gap = length.saturating_sub(first).max(length / SAMPLE) / used;
    let end = match window {
        Window::Sliding(length) => *length,
        Window::Calendar { .. } => last,
    };
    let ahead = (1..).map(|number| (number, gap.saturating_mul(number)));
    ahead.take_while(|(_, after)| *after < end).find_map(|(number, after)| {
        let all = holds.count_after(after).saturating_add(number);
        (all > free).then_some(after)
    })
}
