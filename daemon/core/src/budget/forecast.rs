//! A look at a budget, for people: what is used, and how long it lasts.

use std::{num::NonZeroU32, time::Duration};

use super::{Budget, Limit, Quota, Told, reserve, share};
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
        let mut holds: Vec<Duration> = limit.holding(self.spent, now).collect();
        holds.sort_unstable();
        let used = u32::try_from(holds.len()).unwrap_or(u32::MAX);
        let free = share(count, Cause::Aging);
        Usage {
            bound: Bound::Stated(limit.clone()),
            used,
            limit: Some(limit.count),
            remaining: count.saturating_sub(used),
            reserved: reserve(count).min(count.saturating_sub(used)),
            frees_in: holds.first().copied(),
            lasts: lasts(&holds, &limit.window, free),
        }
    }

    fn told(&self, told: &Told, now: &Stamp) -> Option<Usage> {
        let (_, _, left) = self.told_of(told, now);
        if left.is_zero() {
            return None;
        }
        let Told { quota, at, .. } = told;
        let age = at.elapsed(now).unwrap_or_default();
        let since = self.since(at, now);
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
        })
    }
}

/// Returns when more than `free` would count if issuances went on as they did,
/// where each of those so far goes on counting for the time in `holds`.
fn lasts(holds: &[Duration], window: &Window, free: u32) -> Option<Duration> {
    let used = u32::try_from(holds.len()).unwrap_or(u32::MAX);
    if used >= free {
        return Some(Duration::ZERO);
    }
    // One says nothing of how fast they follow each other.
    if used < 2 {
        return None;
    }
    let (first, last) = (*holds.first()?, *holds.last()?);
    let length = window.length();
    // A few in a row say little of the rest of the day.
    let gap = length.saturating_sub(first).max(length / SAMPLE) / used;
    let end = match window {
        Window::Sliding(length) => *length,
        Window::Calendar { .. } => last,
    };
    let ahead = (1..).map(|number| (number, gap.saturating_mul(number)));
    ahead.take_while(|(_, after)| *after < end).find_map(|(number, after)| {
        let still = holds.iter().filter(|left| **left > after).count();
        let all = u32::try_from(still).unwrap_or(u32::MAX).saturating_add(number);
        (all > free).then_some(after)
    })
}
