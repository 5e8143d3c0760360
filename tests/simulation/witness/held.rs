//! Holds which tokens are kept against what their providers told of them.

use std::time::Duration;

use jiff::Timestamp;
use tokend::{credential::Grant, published::Slot};
use tokend_core::{Cause, Token, after};
use tokend_provider::Operation;

use super::{
    Witness,
    failure::{End, end},
    token::{until, value},
};
use crate::{
    plan::{Kind, Member},
    world::{
        Wanted, World,
        caller::secs,
        provider::{Attempt, What},
    },
};

/// To keep a token at hand that lives shorter would be to ask without a pause ..
const LEAST_LIFE: Duration = secs(5);

/// .. and one that has less left when it comes is of no use.
const LEAST_LEFT: Duration = secs(1);

/// Tells whether a token isn't kept since it was as good as expired when it came. One that is given
/// once more is as old as it is, and what a login brings is kept for the refresh token beside it.
pub(super) fn is_brief(attempt: &Attempt, member: &Member) -> bool {
    !matches!(member.kind, Kind::Repeats | Kind::Login) && had_ended(attempt)
}

/// Tells whether the token that an answer brought was as good as expired when it came.
fn had_ended(attempt: &Attempt) -> bool {
    let is_short = life(attempt).is_some_and(|life| life < LEAST_LIFE);
    is_short || has_ended_by(attempt, attempt.ended_at)
}

/// Tells whether the token that an answer brought was as good as expired at some time.
pub(super) fn has_ended_by(attempt: &Attempt, at: Timestamp) -> bool {
    life(attempt).is_some_and(|life| until(at, after(attempt.sent_at, life)) < LEAST_LEFT)
}

/// Returns how long the token lives that an answer brought, if it says so.
fn life(attempt: &Attempt) -> Option<Duration> {
    let Some(What::Answer { status: 200, body, .. }) = &attempt.what else { return None };
    let told = body.split_once(r#""expires_in":"#).and_then(|(_, rest)| rest.split(',').next());
    told.and_then(|told| told.trim_end_matches('}').parse().ok()).map(secs)
}

impl Witness {
    /// Checks that a token isn't kept that was as good as expired when it came.
    pub(super) fn check_kept(&self, member: &Member, token: &Token<Grant>, world: &World) {
        let came = self.provider.borrow().given(value(token)).attempt;
        let is_brief = came.is_some_and(|came| is_brief(&world.attempts[came], member));
        assert!(!is_brief, "{} keeps a token that had expired when it came", member.name);
    }

    /// Checks that a token isn't served that another may have ended, of which nothing was heard.
    pub(super) fn check_dead(
        &self,
        member: &Member,
        token: &Token<Grant>,
        slot: &Slot,
        world: &World,
    ) {
        let came = self.provider.borrow().given(value(token)).attempt;
        let is_ended = self.may_be_dead(member).zip(came).is_some_and(|(lost, came)| came < lost);
        let is_served = slot.remaining(world.now()).is_none_or(|left| left > Duration::ZERO);
        assert!(!is_ended || !is_served, "{} serves one that may have been ended", member.name);
    }

    /// Checks that nothing is asked for while what came is there but for the write: it would be
    /// lost for another.
    pub(super) fn check_unsaved(&self, wanted: &Wanted, member: &Member, world: &World) {
        let latest = self.known[member.place].latest.map(|latest| &world.attempts[latest]);
        let Some(latest) = latest.filter(|latest| latest.heard) else { return };
        let has_come = end(latest) == End::Given && latest.operation != Operation::KeepAlive;
        // By a clock that was set it may have ended.
        let is_kept = has_come
            && wanted.cause != Cause::Login
            && member.resupplied_at.is_none_or(|at| at < latest.sent_at)
            && !is_brief(latest, member)
            && !has_ended_by(latest, wanted.at)
            && self.is_steady_since(latest.sent_at);
        let is_written = world.disk.is_settled(latest.issuance);
        let name = &member.name;
        assert!(!is_kept || is_written, "{name} asks for another than the one that has come");
    }
}
