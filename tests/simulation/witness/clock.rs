//! What the wall clock was wrong by, and what it may be wrong by so that the daemon
//! can still tell.

use std::{collections::VecDeque, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokend_provider::Operation;

use super::Witness;
use crate::{
    plan::{Account, Plan},
    world::{
        World,
        provider::{Attempt, What},
    },
};

/// What the wall clock was wrong by since when, oldest first.
pub(super) struct Clocks(VecDeque<(Timestamp, SignedDuration)>);

impl Clocks {
    pub(super) fn new(world: &World) -> Self {
        Self([(world.truth(), world.machine.wrong_by())].into())
    }

    pub(super) fn set(&mut self, world: &World) {
        self.0.push_back((world.truth(), world.machine.wrong_by()));
    }

    /// Returns the least and the most that the clock was wrong by since then, and right
    /// before that: it may have been set at the very moment.
    pub(super) fn since(&self, then: Timestamp) -> (SignedDuration, SignedDuration) {
        let before = self.0.iter().rev().take_while(|(at, _)| *at >= then).count();
        let first = (self.0.len() - before).saturating_sub(1);
        let errors = self.0.range(first..).map(|(_, wrong_by)| *wrong_by);
        let least = errors.clone().min().unwrap_or_default();
        (least, errors.max().unwrap_or_default())
    }

    /// Returns the most that the clock has ever been wrong by in one direction and the
    /// other together.
    fn range(&self) -> Duration {
        let errors = self.0.iter().map(|(_, wrong_by)| *wrong_by);
        let (least, most) = (errors.clone().min(), errors.max());
        Duration::try_from(most.unwrap_or_default() - least.unwrap_or_default())
            .expect("the most is no less")
    }

    /// Returns the least that the clock was wrong by then.
    pub(super) fn at(&self, then: Timestamp) -> SignedDuration {
        let past = self.0.iter().rev().skip_while(|(at, _)| *at > then);
        let moment = past.clone().take_while(|(at, _)| *at == then).count() + 1;
        past.take(moment).map(|(_, wrong_by)| *wrong_by).min().unwrap_or_default()
    }
}

impl Witness {
    /// Returns the most that the clock may be wrong by after a reboot if `rebooted`, or
    /// else from now on.
    ///
    /// A clock that shows more than the time that has passed since an earlier boot
    /// makes what was sent then seem older than it is, and nobody can tell: what was
    /// measured in one boot can't be held against another by anything else. Only what
    /// the provider said of the time helps, if its answer was heard. So the clock isn't
    /// set ahead of what it was when it was written down what still counts.
    pub(crate) fn latitude(&self, plan: &Plan, world: &World, rebooted: bool) -> SignedDuration {
        let mut latitude = SignedDuration::MAX;
        for (at, wrong_by) in self.presumptions(plan, world) {
            if rebooted || at < world.machine.booted_at() {
                latitude = latitude.min(wrong_by);
            }
        }
        for (place, account) in plan.accounts.iter().enumerate() {
            for attempt in self.lately(place, plan, world) {
                let this_boot = attempt.sent_at >= world.machine.booted_at();
                let is_spared = this_boot && !rebooted || self.is_presumed(attempt);
                if is_spared || !counts(attempt, world) {
                    continue;
                }
                latitude = latitude.min(self.written(attempt, account, world));
            }
        }
        latitude
    }

    /// Returns the most that the clock may be wrong by after a reboot if it is wrong by just that
    /// then: what was sent after something else isn't taken for older, whatever the clock showed.
    pub(crate) fn latitude_in_order(&self, plan: &Plan, world: &World) -> Option<SignedDuration> {
        let presumed = self.presumptions(plan, world).map(|(_, wrong_by)| wrong_by);
        let mut latitude = presumed.min().unwrap_or(SignedDuration::MAX);
        let mut firsts = Vec::new();
        for (place, account) in plan.accounts.iter().enumerate() {
            let all: Vec<&Attempt> = self.lately(place, plan, world).collect();
            let mut earliest: Option<Timestamp> = None;
            let counted = |attempt: &&Attempt| !self.is_presumed(attempt) && counts(attempt, world);
            for attempt in all.into_iter().rev().filter(counted) {
                let own = self.written(attempt, account, world);
                let reached_at = attempt.reached_at.unwrap_or(attempt.sent_at);
                let in_order = earliest.map(|earliest| earliest.duration_since(reached_at));
                latitude = latitude.min(in_order.map_or(own, |in_order| in_order.max(own)));
                // What lies in the future says nothing.
                if world.disk.is_settled(attempt.issuance) && own <= SignedDuration::ZERO {
                    let shown = attempt.ended_at.checked_add(own).expect("it is hours");
                    earliest = earliest.max(Some(shown));
                }
            }
            firsts.extend(earliest);
        }
        let shown = world.truth().checked_add(latitude).ok()?;
        firsts.iter().all(|first| *first <= shown).then_some(latitude)
    }

    /// Returns what the clock may be wrong by so that a request isn't taken for older than it is by
    /// what was written down of it.
    fn written(&self, attempt: &Attempt, account: &Account, world: &World) -> SignedDuration {
        let told = account.dated && matches!(attempt.what, Some(What::Answer { .. }));
        let least = if told { SignedDuration::ZERO } else { SignedDuration::MIN };
        let settled = self.clocks.at(attempt.ended_at).max(least);
        if world.disk.is_settled(attempt.issuance) {
            settled
        } else if world.disk.may_be_settled(attempt.issuance) {
            settled.min(attempt.wrong_by)
        } else {
            attempt.wrong_by
        }
    }

    /// Returns how much later the daemon can take something for past than it is.
    pub(crate) fn disorder(&self) -> Duration {
        self.clocks.range()
    }
}

/// Tells whether a limit counts a request: one that nothing was sent of doesn't once that is
/// written down.
fn counts(attempt: &Attempt, world: &World) -> bool {
    let is_unsent = matches!(attempt.what, Some(What::Refused));
    attempt.operation != Operation::KeepAlive
        && !(is_unsent && world.disk.is_settled(attempt.issuance))
}
