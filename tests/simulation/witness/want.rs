//! Holds what the engine wants of the provider against what there is a reason for.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use tokend_core::{Caller, Cause, Ruling, TokenId, after};
use tokend_provider::Operation;

use super::{
    Witness,
    failure::{End, end},
    held::has_ended_by,
    terms::wanted_by,
    token::value,
};
use crate::{
    plan::{Member, Plan},
    world::{Wanted, World, caller::secs},
};

/// What callers and operators have asked of a credential that may cost an issuance, and
/// when.
#[derive(Default)]
pub(super) struct Wishes {
    asked: Vec<(Cause, Timestamp)>,
    /// The token that was held when one was last reported.
    reported: Option<TokenId>,
    /// When users' reports led to an issuance, and of which tokens.
    heard: BTreeMap<Caller, Vec<(Timestamp, TokenId)>>,
}

impl Wishes {
    pub(super) fn when(&self, cause: Cause) -> Option<Timestamp> {
        self.asked.iter().find(|(other, _)| *other == cause).map(|(_, at)| *at)
    }
}

/// A token with less left is as good as none.
pub(super) const BRIEF: Duration = Duration::from_secs(10);

/// The store can answer this much later, and clocks are read in between.
const ROUNDING: Duration = Duration::from_millis(1);

/// A token from this far in the future is as old as no one knows.
const FUTURE: Duration = Duration::from_secs(5 * 60 - 1);

/// A user is heard four times however fast and then once in this time ..
const HOUR: Duration = Duration::from_secs(3_600);

/// .. so no more often than this in any such time.
const MOST_HEARD: usize = 5;

impl Witness {
    /// Notes that someone is about to ask for something that may cost an issuance.
    pub(crate) fn wishes(&mut self, member: &Member, cause: Cause, world: &World) {
        let asked = &mut self.known[member.place].wishes.asked;
        asked.retain(|(other, _)| *other != cause);
        asked.push((cause, world.truth()));
        if cause == Cause::Rejected {
            let held = world.disk.acknowledged(member.id).map(|token| token.id);
            self.known[member.place].wishes.reported = held;
        }
    }

    /// Notes that someone watches a credential's tokens, which is to use them.
    pub(crate) fn uses(&mut self, member: &Member, world: &World) {
        self.known[member.place].watched_at = Some(world.truth());
    }

    /// Checks what a report came to at once, of which `before` reservations are older.
    pub(crate) fn check_report(
        &mut self,
        member: &Member,
        (caller, stale): (Caller, bool),
        ruling: Option<&Ruling>,
        before: usize,
        world: &World,
    ) {
        let is_its = |w: &&Wanted| w.credential == member.id && w.cause == Cause::Rejected;
        let cost = world.wanted[before..].iter().filter(is_its).count();
        if stale {
            assert!(cost == 0, "a report about another token cost an issuance");
            assert_eq!(ruling, Some(&Ruling::Superseded));
        }
        let Some(token) = self.known[member.place].wishes.reported.filter(|_| cost > 0) else {
            return;
        };
        let is_new = self.lasting[member.place].is_replacement(token, world.truth());
        assert!(!is_new, "a token that has just replaced a refused one is replaced as well");
        let heard = self.known[member.place].wishes.heard.entry(caller).or_default();
        // One that has been heard goes on being so until another token comes.
        if heard.last().is_none_or(|(_, last)| *last != token) {
            heard.push((world.truth(), token));
        }
        let lately = heard.iter().filter(|(at, _)| after(*at, HOUR) > world.truth()).count();
        assert!(lately <= MOST_HEARD, "{caller:?} is heard {lately} times in an hour");
    }

    /// Checks that there is a reason for a reservation.
    pub(super) fn check_want(
        &mut self,
        wanted: &Wanted,
        member: &Member,
        plan: &Plan,
        world: &World,
    ) {
        let Wanted { cause, at, .. } = wanted;
        let last = self.known[member.place].latest.map(|latest| &world.attempts[latest]);
        let busy = last.is_some_and(|last| last.ended_at > *at);
        assert!(!busy, "{} wants one while one is under way", member.name);
        self.forget_former_secrets(member, world);
        // What is refused that was held is followed by a login for the same reason.
        if last.is_some_and(|last| last.ended_at == *at && last.operation != Operation::Issue) {
            self.lasting[member.place].failures.begun_anew();
            return;
        }
        self.check_patience(wanted, member, plan, world);
        self.check_unsaved(wanted, member, world);
        if matches!(cause, Cause::Aging | Cause::Absent) {
            self.check_use(wanted, member, plan, world);
        }
        match cause {
            Cause::Aging | Cause::KeepAlive => {
                self.check_timing(wanted, member, plan, world);
                self.check_due(wanted, member, world);
            }
            Cause::Absent => self.check_absent(wanted, member, world),
            // A token that was refused is replaced when that can be done.
            Cause::Rejected if self.is_reported(member, world) => {}
            // Or once more if what took its place couldn't be kept.
            Cause::Rejected if self.is_lost(member, world) => {}
            Cause::MinTtl | Cause::Rejected | Cause::Wanted | Cause::Forced | Cause::Login => {
                let asked = self.known[member.place].wishes.when(*cause);
                // Where there are many, it may have waited for its turn.
                let turn = if plan.members.len() > 8 { secs(3_600) } else { Duration::ZERO };
                let fresh = asked.is_some_and(|asked| after(asked, turn) >= *at);
                assert!(fresh, "no one has asked {} for that: {cause:?}", member.name);
            }
        }
    }

    /// Tells whether the latest token never came to lie on the disk, or too late.
    fn is_lost(&self, member: &Member, world: &World) -> bool {
        let Some(latest) = self.known[member.place].latest else { return false };
        let held = world.disk.acknowledged(member.id);
        let came = held.and_then(|token| self.provider.borrow().given(value(token)).attempt);
        let attempt = &world.attempts[latest];
        let is_late = has_ended_by(attempt, world.truth());
        end(attempt) == End::Given && (came != Some(latest) || is_late)
    }

    /// Tells whether a token is held that was reported.
    pub(super) fn is_reported(&self, member: &Member, world: &World) -> bool {
        let held = world.disk.acknowledged(member.id).map(|token| token.id);
        held.is_some() && held == self.known[member.place].wishes.reported
    }

    /// Tells whether another secret is tried, after a refusal or after what was under way.
    pub(super) fn tries_secrets(&self, member: &Member, world: &World) -> bool {
        let known = &self.known[member.place];
        let latest = known.latest.map(|latest| world.attempts[latest].issuance);
        let latest = latest.map(|issuance| wanted_by(issuance, world).at);
        let tried = known.wishes.when(Cause::Aging);
        tried.is_some_and(|at| latest.is_none_or(|latest| latest <= at))
    }

    /// A refresh isn't made before its time, least of all after a start.
    fn check_due(&self, wanted: &Wanted, member: &Member, world: &World) {
        let Some(token) = world.disk.acknowledged(member.id) else { return };
        let known = &self.known[member.place];
        let wished = self.tries_secrets(member, world)
            || known.wishes.when(Cause::MinTtl) == Some(wanted.at);
        let loaded = known.loaded == Some(token.id);
        let shown = self.began_at.checked_add(self.began_wrong_by).expect("no overflow");
        let strange = loaded && token.issued_at > after(shown, FUTURE);
        let Some(due) = token.refresh_at.filter(|_| !strange && !wished) else { return };
        let (_, most) = self.errors(token);
        let latest = after(wanted.at, ROUNDING).checked_add(most).expect("no overflow");
        assert!(due <= latest, "{} is refreshed at {latest}, due at {due}", member.name);
    }

    fn check_absent(&self, wanted: &Wanted, member: &Member, world: &World) {
        let Some(token) = world.disk.acknowledged(member.id) else { return };
        if self.may_be_dead(member).is_some() {
            return;
        }
        let (_, most) = self.errors(token);
        let latest = after(wanted.at, BRIEF + ROUNDING).checked_add(most).expect("no overflow");
        let ended = token.expires_at.is_some_and(|end| end <= latest);
        assert!(ended, "{} has a token that lives on", member.name);
    }
}
