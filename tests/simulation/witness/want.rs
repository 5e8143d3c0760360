//! Holds what the engine wants of the provider against what there is a reason for.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use tokend_core::{Caller, Cause, Ruling, after};
use tokend_provider::Operation;

use super::Witness;
use crate::{
    plan::{Member, Plan},
    world::{Wanted, World, caller::secs},
};

/// What callers and operators have asked for that may cost an issuance, and when.
#[derive(Default)]
pub(super) struct Wishes {
    asked: Vec<(String, Cause, Timestamp)>,
    /// When a user's report of a credential's token last led to an issuance.
    heard: BTreeMap<(String, Caller), Timestamp>,
}

impl Wishes {
    fn when(&self, member: &Member, cause: Cause) -> Option<Timestamp> {
        let is_it = |(name, other, _): &&(String, Cause, Timestamp)| {
            *name == member.name && *other == cause
        };
        self.asked.iter().find(is_it).map(|(_, _, at)| *at)
    }
}

/// A token with less left is as good as none.
const BRIEF: Duration = Duration::from_secs(10);

/// The store can answer this much later, and clocks are read in between.
const ROUNDING: Duration = Duration::from_millis(1);

/// A token from this far in the future is as old as no one knows.
const FUTURE: Duration = Duration::from_secs(5 * 60 - 1);

/// A user who has been heard isn't heard for this long.
const PAUSE: Duration = Duration::from_secs(60);

impl Witness {
    /// Notes that someone is about to ask for something that may cost an issuance.
    pub(crate) fn wishes(&mut self, member: &Member, cause: Cause, world: &World) {
        self.wishes.asked.retain(|(name, other, _)| *name != member.name || *other != cause);
        self.wishes.asked.push((member.name.clone(), cause, world.truth()));
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
        if cost > 0 {
            let last = self.wishes.heard.insert((member.name.clone(), caller), world.truth());
            let paused = last.is_none_or(|last| after(last, PAUSE) <= world.truth());
            assert!(paused, "{caller:?} is heard again too soon");
        }
    }

    /// Checks that there is a reason for a reservation.
    pub(super) fn check_want(&self, wanted: &Wanted, member: &Member, plan: &Plan, world: &World) {
        let Wanted { cause, at, .. } = wanted;
        let own = |name: &tokend_core::Name| name.as_str() == member.name;
        let run = world.attempts[self.first_attempt..].iter();
        let last = run.rev().find(|a| own(&a.name) && a.sent_at < *at);
        assert!(
            last.is_none_or(|last| last.ended_at <= *at),
            "{} wants one while one is under way",
            member.name
        );
        // What is refused that was held is followed by a login for the same reason.
        if last.is_some_and(|last| last.ended_at == *at && last.operation != Operation::Issue) {
            return;
        }
        match cause {
            Cause::Aging | Cause::KeepAlive => self.check_due(wanted, member, world),
            Cause::Absent => self.check_absent(wanted, member, world),
            Cause::MinTtl | Cause::Rejected | Cause::Forced => {
                let asked = self.wishes.when(member, *cause);
                // Where there are many, it may have waited for its turn.
                let turn = if plan.members.len() > 8 { secs(3_600) } else { Duration::ZERO };
                let fresh = asked.is_some_and(|asked| after(asked, turn) >= *at);
                assert!(fresh, "no one has asked {} for that: {cause:?}", member.name);
            }
        }
    }

    /// A refresh isn't made before its time, least of all after a start.
    fn check_due(&self, wanted: &Wanted, member: &Member, world: &World) {
        let Some(token) = world.disk.acknowledged(member.id) else { return };
        let wished = self.wishes.when(member, Cause::MinTtl) == Some(wanted.at);
        let loaded = self.loaded.get(&member.name) == Some(&token.id);
        let shown = self.began_at.checked_add(self.clocks.at(self.began_at)).expect("no overflow");
        let strange = loaded && token.issued_at > after(shown, FUTURE);
        let Some(due) = token.refresh_at.filter(|_| !strange && !wished) else { return };
        let (_, most) = self.errors(token, world);
        let latest = after(wanted.at, ROUNDING).checked_add(most).expect("no overflow");
        assert!(due <= latest, "{} is refreshed at {latest}, due at {due}", member.name);
    }

    fn check_absent(&self, wanted: &Wanted, member: &Member, world: &World) {
        let Some(token) = world.disk.acknowledged(member.id) else { return };
        if self.may_be_dead(member, world).is_some() {
            return;
        }
        let (_, most) = self.errors(token, world);
        let latest = after(wanted.at, BRIEF + ROUNDING).checked_add(most).expect("no overflow");
        let ended = token.expires_at.is_some_and(|end| end <= latest);
        assert!(ended, "{} has a token that lives on", member.name);
    }
}
