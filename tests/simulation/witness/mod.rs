//! Watches a simulation and says when something has happened that must not.
//!
//! It goes by the true time, by what reached the provider and by what the store has
//! acknowledged, not by what the daemon thinks.

mod clock;
mod ledger;
mod token;
mod want;

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokend_core::TokenId;

use self::{clock::Clocks, want::Wishes};
use crate::{
    plan::{Member, Plan},
    provider::Shared,
    story::Story,
    world::World,
};

/// What is known of a simulation.
pub(crate) struct Witness {
    provider: Shared,
    clocks: Clocks,
    wishes: Wishes,
    /// The attempts and reservations that have been looked at.
    attempts: usize,
    wanted: usize,
    /// The first attempt of this run of the daemon, and when the run began.
    first_attempt: usize,
    began_at: Timestamp,
    /// The tokens that were stored when it did.
    loaded: BTreeMap<String, TokenId>,
    /// What is published, to tell a change.
    published: BTreeMap<String, TokenId>,
}

impl Witness {
    pub(crate) fn new(provider: Shared, world: &World) -> Self {
        Self {
            provider,
            clocks: Clocks::new(world),
            wishes: Wishes::default(),
            attempts: 0,
            wanted: 0,
            first_attempt: 0,
            began_at: world.truth(),
            loaded: BTreeMap::new(),
            published: BTreeMap::new(),
        }
    }

    /// Notes that the daemon has been started anew.
    pub(crate) fn restarted(&mut self, plan: &Plan, world: &World) {
        self.first_attempt = world.attempts.len();
        self.began_at = world.truth();
        self.wishes = Wishes::default();
        let held = |member: &Member| {
            world.disk.acknowledged(member.id).map(|token| (member.name.clone(), token.id))
        };
        self.loaded = plan.members.iter().filter_map(held).collect();
        self.clocks.set(world);
    }

    /// Notes that the wall clock has been set.
    pub(crate) fn clock_was_set(&mut self, world: &World) {
        self.clocks.set(world);
    }

    /// Looks at everything after a step.
    pub(crate) fn look(&mut self, plan: &Plan, world: &World, story: &mut Story) {
        assert!(world.spins < MOST_SPINS, "the engine was due at once {} times", world.spins);
        for wanted in &world.wanted[self.wanted..] {
            let member = plan.members.iter().find(|member| member.id == wanted.credential);
            let member = member.expect("no others were added");
            story.note(wanted.at, format_args!("{} wants one: {:?}", member.name, wanted.cause));
            self.check_want(wanted, member, plan, world);
        }
        self.wanted = world.wanted.len();
        for place in self.attempts..world.attempts.len() {
            let attempt = &world.attempts[place];
            let what = attempt.what.as_ref().expect("it has been decided");
            story.note(
                attempt.sent_at,
                format_args!("{} asks: {:?}, {what:?}", attempt.name, attempt.operation),
            );
            self.check_attempt(place, plan, world);
        }
        self.attempts = world.attempts.len();
        for member in &plan.members {
            self.check_published(member, world, story);
        }
    }
}

/// The engine may be due at once when there is more to do than it does at a time, but
/// nothing here is that much.
const MOST_SPINS: u32 = 4;
