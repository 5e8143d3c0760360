//! Watches a simulation and says when something has happened that must not.
//!
//! It goes by the true time, by what reached the provider and by what the store has
//! acknowledged, not by what the daemon thinks.

mod clock;
mod ledger;
mod quota;
mod restoration;
mod secret;
mod terms;
mod token;
mod want;

use jiff::{SignedDuration, Timestamp};
use tokend_core::TokenId;

pub(crate) use self::token::check_wait;
use self::{
    clock::Clocks,
    ledger::Sent,
    restoration::Restoration,
    terms::{Terms, wanted_by},
    want::Wishes,
};
use crate::{plan::Plan, provider::Shared, story::Story, world::World};

/// What is known of a simulation.
pub(crate) struct Witness {
    provider: Shared,
    clocks: Clocks,
    /// What has been sent, for each account.
    sent: Vec<Vec<Sent>>,
    /// What is known of each credential.
    known: Vec<Known>,
    /// The attempts and reservations that have been looked at.
    attempts: usize,
    wanted: usize,
    /// When this run of the daemon began, and what the wall clock was wrong by then.
    began_at: Timestamp,
    began_wrong_by: SignedDuration,
    terms: Terms,
    restorations: Vec<Restoration>,
}

/// What is known of a credential.
#[derive(Default)]
struct Known {
    /// Its latest attempt in this run of the daemon, and the latest of which nothing
    /// was heard, by their places.
    latest: Option<usize>,
    lost: Option<usize>,
    /// Until when its provider has told it to stay away.
    away_until: Option<Timestamp>,
    /// The token that was stored when the run began.
    loaded: Option<TokenId>,
    /// The one that was published last.
    published: Option<TokenId>,
    wishes: Wishes,
}

impl Witness {
    pub(crate) fn new(plan: &Plan, provider: Shared, world: &World) -> Self {
        Self {
            provider,
            clocks: Clocks::new(world),
            sent: plan.accounts.iter().map(|_| Vec::new()).collect(),
            known: plan.members.iter().map(|_| Known::default()).collect(),
            attempts: 0,
            wanted: 0,
            began_at: world.truth(),
            began_wrong_by: world.machine.wrong_by(),
            terms: Terms::default(),
            restorations: Vec::new(),
        }
    }

    /// Notes that the daemon has been started anew.
    pub(crate) fn restarted(&mut self, plan: &Plan, world: &World) {
        (self.began_at, self.began_wrong_by) = (world.truth(), world.machine.wrong_by());
        for (known, member) in self.known.iter_mut().zip(&plan.members) {
            let loaded = world.disk.acknowledged(member.id).map(|token| token.id);
            *known = Known { loaded, published: known.published, ..Known::default() };
        }
        self.clocks.set(world);
    }

    /// Notes that the wall clock has been set.
    pub(crate) fn clock_was_set(&mut self, world: &World) {
        self.clocks.set(world);
    }

    /// Looks at everything after a step.
    pub(crate) fn look(&mut self, plan: &Plan, world: &World, story: &mut Story) {
        assert!(world.spins < MOST_SPINS, "the engine was due at once {} times", world.spins);
        self.look_at_ends(world);
        for wanted in &world.wanted[self.wanted..] {
            if self.has_gone(wanted) {
                continue;
            }
            let member = plan.members.iter().find(|member| member.id == wanted.credential);
            let member = member.expect("no others were added");
            story.note(wanted.at, format_args!("{} wants one: {:?}", member.name, wanted.cause));
            self.check_want(wanted, member, plan, world);
        }
        self.wanted = world.wanted.len();
        for place in self.attempts..world.attempts.len() {
            let attempt = &world.attempts[place];
            let what = attempt.what.as_ref().expect("it has been decided");
            let (name, operation) = (&attempt.name, attempt.operation);
            story.note(attempt.sent_at, format_args!("{name} asks: {operation:?}, {what}"));
            self.check_attempt(place, plan, world);
            self.check_quota(place, plan, world);
            self.check_secret(place, plan, world);
            let owner = plan.owner(attempt);
            // One that was removed has nothing to do with one of its name.
            if wanted_by(attempt.issuance, world).credential == owner.id {
                self.known[owner.place].latest = Some(place);
            }
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
