//! Limits on issuances: what they allow, for whom, and from when on.

mod forecast;
mod holds;
#[cfg(test)]
mod tests;

use std::{num::NonZeroU32, time::Duration};

use self::holds::Holds;
pub use self::{
    forecast::{Bound, Usage},
    holds::Presumed,
};
use crate::{Cause, Stamp, Window};

/// At most `count` issuances in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// How many.
    pub count: NonZeroU32,
    /// In what time.
    pub window: Window,
}

/// What a provider has said of the issuances that are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many it allows in all, if it said so.
    pub limit: Option<NonZeroU32>,
    /// How many are left until the reset.
    pub remaining: u32,
    /// The time from its answer to the reset.
    pub reset_after: Duration,
}

/// What a provider said with one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// What.
    pub quota: Quota,
    /// When.
    pub at: Stamp,
    /// Whether a token has been issued since, so that something was left after all.
    pub disproved: bool,
}

/// What is known of the limits of one account at a provider.
#[derive(Debug, Clone, Copy)]
pub struct Budget<'a> {
    /// The limits that are known beforehand.
    pub limits: &'a [Limit],
    /// What the provider has said.
    pub quotas: &'a [Told],
    /// The issuances that count, in any order. Those older than the longest
    /// window may be left out; some more of them help to plan.
    pub spent: &'a [Spent],
    /// The issuances that were made without the ledger's knowing, if it was restored from a
    /// backup.
    pub presumed: Option<Presumed>,
    /// How many credentials share the limits.
    pub sharers: u32,
}

/// An issuance that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// When.
    pub at: Stamp,
    /// Whether it replaced a token that had ended or was about to. The others are
    /// unforeseen.
    pub planned: bool,
}

/// What the limits allow to whom an issuance has been granted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowance {
    /// The time between refreshes that the limits allow all along; `None` if no
    /// limit is known.
    pub pace: Option<Duration>,
    /// How many more issuances of the same cause they allow now; `u32::MAX` if no
    /// limit is known.
    pub room: u32,
}

/// Whoever has been told to wait asks as late as can be for so many times as long: a
/// limit that was hit once will be again ..
const CAUTION: u32 = 24;

/// .. but no longer than a day.
const LONGEST_CAUTION: Duration = Duration::from_secs(24 * 3_600);

/// What a provider says is believed for this long: a header can be wrong, and who asks
/// once a day learns whether it still holds.
const LONGEST_TRUST: Duration = Duration::from_secs(24 * 3_600);

/// Over so many windows it is watched how many issuances are unforeseen.
const WATCHED: u32 = 8;

impl Budget<'_> {
    /// Grants one more issuance of this cause at `now` if that keeps all limits
    /// with what they hold back, and else says how long to wait.
    ///
    /// # Errors
    /// The time after which to ask again.
    pub fn admit(&self, cause: Cause, now: &Stamp) -> Result<Allowance, Duration> {
        if cause == Cause::KeepAlive {
            return Ok(Allowance { pace: self.pace(now), room: u32::MAX });
        }
        let stated = self.limits.iter().map(|limit| limit.wait(self, cause, now));
        let told = self.quotas.iter().map(|quota| self.quota_wait(quota, cause, now));
        let wait = stated.chain(told).max().unwrap_or_default();
        if wait.is_zero() {
            Ok(Allowance { pace: self.pace(now), room: self.room(cause, now) })
        } else {
            Err(wait)
        }
    }

    /// Tells whether a limit counts as spent only because nobody knows what the ledger lacks.
    pub fn is_unknown(&self, now: &Stamp) -> bool {
        let presumed = self.presumed.filter(|presumed| presumed.used.is_none());
        presumed.is_some_and(|presumed| {
            self.limits.iter().any(|limit| !limit.window.holds(&presumed.last(), now).is_zero())
        })
    }

    /// Returns how many issuances of this cause all limits allow now beside one.
    fn room(&self, cause: Cause, now: &Stamp) -> u32 {
        let stated = self.limits.iter().map(|limit| limit.room(self, cause, now));
        let told = self.quotas.iter().filter_map(|told| {
            let (all, spent, left) = self.told_of(told, now);
            (!left.is_zero()).then(|| share(all, cause).saturating_sub(spent))
        });
        stated.chain(told).min().map_or(u32::MAX, |room| room.saturating_sub(1))
    }

    /// Returns the time between refreshes of one credential that all limits allow
    /// all along.
    fn pace(&self, now: &Stamp) -> Option<Duration> {
        let stated = self.limits.iter().map(|limit| limit.pace(self.spent, now));
        let told = self.quotas.iter().filter_map(|quota| self.quota_pace(quota, now));
        let pace = stated.chain(told).max()?;
        Some(pace.saturating_mul(self.sharers.max(1)))
    }

    fn quota_pace(&self, told: &Told, now: &Stamp) -> Option<Duration> {
        let Told { quota, at, .. } = told;
        let age = at.elapsed(now).unwrap_or_default();
        let told_to_wait = quota.limit.is_none() && quota.remaining == 0;
        if told_to_wait && age < quota.reset_after.saturating_mul(CAUTION).min(LONGEST_CAUTION) {
            return Some(Duration::MAX);
        }
        let (all, spent, left) = self.told_of(told, now);
        (!left.is_zero()).then(|| left / share(all, Cause::Aging).saturating_sub(spent).max(1))
    }

    /// Returns how many issuances a quota is about, how many of them are spent, and
    /// how long it holds.
    fn told_of(&self, told: &Told, now: &Stamp) -> (u32, u32, Duration) {
        let Told { quota, at, disproved } = told;
        let all = quota.all();
        if *disproved && quota.remaining == 0 {
            return (all, 0, Duration::ZERO);
        }
        let spent = all.saturating_sub(quota.remaining).saturating_add(self.since(at, now));
        let spent = spent.saturating_add(self.lacking_since(at));
        let holds = quota.reset_after.min(LONGEST_TRUST);
        (all, spent, holds.saturating_sub(at.elapsed(now).unwrap_or_default()))
    }

    /// Returns how long a quota keeps an issuance from being made.
    ///
    /// An operator isn't kept: it is the provider's to refuse, and what a header
    /// says can be wrong.
    fn quota_wait(&self, told: &Told, cause: Cause, now: &Stamp) -> Duration {
        let (all, spent, left) = self.told_of(told, now);
        let exhausted = told.quota.remaining == 0 || spent >= share(all, cause);
        if exhausted && !cause.is_wish() { left } else { Duration::ZERO }
    }

    /// Counts what has been spent since `at`, beside what the answer of then
    /// belonged to.
    fn since(&self, at: &Stamp, now: &Stamp) -> u32 {
        let age = at.elapsed(now).unwrap_or_default();
        let younger = |spent: &&Spent| spent.at.elapsed(now).is_none_or(|elapsed| elapsed < age);
        u32::try_from(self.spent.iter().filter(younger).count()).unwrap_or(u32::MAX)
    }

    /// Counts what may have been spent since `at` and isn't in the ledger.
    fn lacking_since(&self, at: &Stamp) -> u32 {
        let presumed = self.presumed.filter(|presumed| at.elapsed(&presumed.at).is_some());
        presumed.map_or(0, |presumed| presumed.used.unwrap_or(u32::MAX))
    }
}

impl Limit {
    /// Returns the time between refreshes that the limit allows all along, beside what
    /// nobody foresees; if that may take up all of it, a time in which some is left.
    fn pace(&self, spent: &[Spent], now: &Stamp) -> Duration {
        let all = share(self.count.get(), Cause::Aging);
        let unforeseen = self.unforeseen(all, spent, now);
        match all.saturating_sub(unforeseen) {
            0 => self.window.length().saturating_mul(unforeseen.saturating_add(1)) / all,
            free => self.window.length() / free,
        }
    }

    /// Returns how many of `all` to leave alone in each window for issuances that no
    /// one plans: tokens that an API refuses, callers' and operators' wishes.
    ///
    /// If they come by chance, so many that they vary by the root of what there is. A
    /// limit that has been watched for long without any needs nothing of the kind.
    fn unforeseen(&self, all: u32, spent: &[Spent], now: &Stamp) -> u32 {
        let ages = spent.iter().filter_map(|spent| Some((spent.at.elapsed(now)?, spent.planned)));
        let watched = self.window.length().saturating_mul(WATCHED);
        let known = ages.clone().any(|(age, _)| age >= watched);
        let unplanned = ages.filter(|(age, planned)| *age < watched && !planned).count();
        let unplanned = u32::try_from(unplanned).unwrap_or(u32::MAX);
        if known && unplanned == 0 {
            return 0;
        }
        let by_chance = all.isqrt() + u32::from(all.isqrt().pow(2) < all);
        by_chance.max(unplanned.div_ceil(WATCHED).saturating_add(1))
    }

    /// Returns how long it takes until one more issuance of this cause keeps the
    /// limit.
    fn wait(&self, budget: &Budget<'_>, cause: Cause, now: &Stamp) -> Duration {
        // As many as leave room for one more have to leave the window first.
        Holds::of(self, budget, now).until_left(share(self.count.get(), cause) - 1)
    }

    fn room(&self, budget: &Budget<'_>, cause: Cause, now: &Stamp) -> u32 {
        let used = Holds::of(self, budget, now).count();
        share(self.count.get(), cause).saturating_sub(used)
    }
}

impl Quota {
    /// Returns how many issuances it is about. A provider that doesn't say how
    /// many it allows in all is taken to allow what is left.
    fn all(&self) -> u32 {
        self.limit.map_or(0, NonZeroU32::get).max(self.remaining).max(1)
    }
}

/// Returns how many of `all` an issuance of this cause may find spent and still
/// be made.
///
/// A quarter is kept back from refreshes, for tokens that are needed at once.
/// Whoever has no token or one that an API refused may use that, too, but for the
/// last one, which is an operator's.
fn share(all: u32, cause: Cause) -> u32 {
    match cause {
        Cause::Aging | Cause::MinTtl => all - reserve(all),
        Cause::Absent | Cause::Rejected | Cause::Wanted => (all - 1).max(1),
        Cause::Forced | Cause::Login | Cause::KeepAlive => all,
    }
}

fn reserve(all: u32) -> u32 {
    (all / 4).max(1).min(all - 1)
}
