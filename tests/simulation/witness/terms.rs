//! Which limits were in force when, and which credentials there were.

use jiff::Timestamp;
use tokend::credential::CredentialId;
use tokend_core::IssuanceId;
use tokend_provider::Limit;

use super::{Known, Lasting, Witness};
use crate::{
    plan::{Member, Plan},
    world::{Wanted, World},
};

/// The limits of accounts since when, and who has gone when.
#[derive(Default)]
pub(super) struct Terms {
    /// Of each account, oldest first.
    limits: Vec<Vec<(Timestamp, Vec<Limit>)>>,
    gone: Vec<(CredentialId, usize, Timestamp)>,
}

impl Terms {
    /// Tells whether a credential has gone.
    pub(super) fn is_gone(&self, credential: CredentialId) -> bool {
        self.gone.iter().any(|(id, ..)| *id == credential)
    }

    /// Those who are there haven't gone.
    pub(super) fn bring_back(&mut self, members: &[Member]) {
        let is_there = |id: &CredentialId| members.iter().any(|it| it.is_there && it.id == *id);
        self.gone.retain(|(id, ..)| !is_there(id));
    }
}

impl Witness {
    /// Notes which limits are in force from now on.
    pub(crate) fn terms_changed(&mut self, plan: &Plan, world: &World) {
        let now = world.truth();
        self.terms.limits.resize(plan.accounts.len(), Vec::new());
        for (account, limits) in self.terms.limits.iter_mut().enumerate() {
            let new = plan.limits(account);
            if limits.last().is_none_or(|(_, last)| *last != new) {
                limits.push((now, new));
            }
        }
    }

    /// Notes that a credential is gone, or that one of its name comes.
    pub(crate) fn replaced(&mut self, member: &Member, world: &World) {
        if member.is_there {
            self.terms.gone.push((member.id, member.place, world.truth()));
        }
        self.known[member.place] = Known::default();
        self.lasting[member.place] = Lasting::new(world.truth());
    }

    /// Tells whether an account has never had a limit.
    pub(super) fn is_unlimited(&self, account: usize) -> bool {
        self.terms.limits[account].iter().all(|(_, limits)| limits.is_empty())
    }

    /// Returns the limits that were in force when an issuance was reserved; several sets if
    /// they changed in that moment.
    pub(super) fn limits_of(
        &self,
        account: usize,
        issuance: IssuanceId,
        world: &World,
    ) -> Vec<&[Limit]> {
        let wanted = wanted_by(issuance, world);
        let all = &self.terms.limits[account];
        let later = all.iter().rev().take_while(|(since, _)| *since >= wanted.at).count();
        let first = (all.len() - later).saturating_sub(1);
        let until = all.iter().take_while(|(since, _)| *since <= wanted.at).count();
        all[first..until.max(first + 1)].iter().map(|(_, limits)| limits.as_slice()).collect()
    }

    /// Checks that one who has gone wants nothing any more, and tells whether it has gone.
    pub(super) fn has_gone(&self, wanted: &Wanted) -> bool {
        let gone = self.terms.gone.iter().find(|(id, ..)| *id == wanted.credential);
        let Some((_, place, at)) = gone else { return false };
        assert!(wanted.at <= *at, "c{place} was removed and wants a token");
        true
    }
}

/// Returns the reservation of an issuance.
pub(super) fn wanted_by(issuance: IssuanceId, world: &World) -> &Wanted {
    let is_it = |wanted: &&Wanted| wanted.issuance == issuance;
    world.wanted.iter().rev().find(is_it).expect("it was reserved")
}
