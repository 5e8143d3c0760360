//! Backups that were restored, and what the ledger lacks since.

use jiff::{SignedDuration, Timestamp};
use tokend_core::after;

use super::{Lasting, Witness, failure::Failures, told::Told};
use crate::{
    plan::{Account, Member, Plan},
    world::{World, provider::Attempt},
};

/// A backup that was restored.
pub(super) struct Restoration {
    at: Timestamp,
    wrong_by: SignedDuration,
    /// The place of the first request that it doesn't know of ..
    since: usize,
    /// .. and of the first after it.
    until: usize,
}

impl Restoration {
    /// Tells whether the store knows nothing of a request.
    fn lacks(&self, attempt: &Attempt) -> bool {
        (self.since..self.until).contains(&(attempt.number - 1))
    }
}

impl Witness {
    /// Notes that a backup was restored, from when so many requests had been sent.
    pub(crate) fn restored(&mut self, before: &[Member], since: usize, plan: &Plan, world: &World) {
        self.terms.bring_back(&plan.members);
        for member in before {
            let is_it = |it: &Member| it.is_there && it.id == member.id;
            if member.is_there && !plan.members.iter().any(is_it) {
                self.replaced(member, world);
            }
        }
        self.recall(since, world);
        self.provider.borrow_mut().forget_ends();
        self.told.iter_mut().for_each(Told::restored);
        // An attempt that the backup knows nothing of is none that failed.
        self.known.iter_mut().for_each(|known| known.latest = None);
        for lasting in &mut self.lasting {
            let failures = Failures::restored();
            *lasting = Lasting { failures, ..Lasting::new(world.truth()) };
        }
        let (at, wrong_by) = (world.truth(), world.machine.wrong_by());
        self.restorations.push(Restoration { at, wrong_by, since, until: world.attempts.len() });
    }

    /// Returns when a backup was last restored.
    pub(super) fn restored_at(&self) -> Option<Timestamp> {
        self.restorations.last().map(|last| last.at)
    }

    /// Returns how many requests of an account the store lacks since the last restoration.
    pub(crate) fn lacking(&self, account: usize, plan: &Plan, world: &World) -> u32 {
        let Some(last) = self.restorations.last() else { return 0 };
        let all = world.attempts[last.since..last.until].iter();
        let count = all.filter(|attempt| plan.owner(attempt).account == account).count();
        u32::try_from(count).expect("it is small")
    }

    /// Tells whether a restored store knows nothing of a request, and counts it among those that
    /// it presumes.
    pub(super) fn is_presumed(&self, attempt: &Attempt) -> bool {
        self.restorations.iter().any(|restoration| restoration.lacks(attempt))
    }

    /// Returns what the clock was wrong by when the restorations were noticed after which limits
    /// may still count as spent.
    pub(super) fn presumptions<'a>(
        &'a self,
        plan: &'a Plan,
        world: &'a World,
    ) -> impl Iterator<Item = (Timestamp, SignedDuration)> + 'a {
        let longest = plan.accounts.iter().map(Account::longest_window).max();
        let longest = longest.unwrap_or_default();
        let late = self.restorations.iter().filter(move |it| after(it.at, longest) > world.truth());
        late.map(|restoration| (restoration.at, restoration.wrong_by))
    }
}
