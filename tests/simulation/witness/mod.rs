//! Watches a simulation and says when something has happened that must not.
//!
//! It goes by the true time, by what reached the provider and by what the store has
//! acknowledged, not by what the daemon thinks.

mod clock;
mod errand;
mod failure;
mod held;
mod ledger;
mod quota;
mod refresh;
mod refusal;
mod restoration;
mod retry;
mod secret;
mod submission;
mod terms;
mod token;
mod told;
mod want;

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokend::{credential::Grant, published::Edition};
use tokend_core::{Cause, IssuanceId, Token, TokenId, after};

use self::{
    clock::Clocks,
    errand::Errands,
    failure::{End, Failures, end},
    ledger::Sent,
    quota::check_quota,
    refresh::Ages,
    refusal::Asked,
    restoration::Restoration,
    secret::check_secret,
    submission::Submitted,
    terms::{Terms, wanted_by},
    token::value,
    told::{Told, demanded},
    want::Wishes,
};
pub(crate) use self::{submission::Submission, token::check_wait};
use crate::{
    plan::{FEW, Member, Plan},
    provider::Shared,
    story::Story,
    world::World,
};

/// What is known of a simulation.
pub(crate) struct Witness {
    provider: Shared,
    clocks: Clocks,
    /// What has been sent, for each account.
    sent: Vec<Vec<Sent>>,
    /// What is known of each credential in this run of the daemon ..
    known: Vec<Known>,
    /// .. and what a restart changes nothing about.
    lasting: Vec<Lasting>,
    /// What each account was told.
    told: Vec<Told>,
    /// The attempts of whose end the daemon hasn't heard, by their places.
    under_way: Vec<usize>,
    /// The reservations that may be refused.
    asked: Vec<Asked>,
    /// Those of which nobody knows what became of them.
    dubious: Vec<Asked>,
    ages: Ages,
    /// When a clock was set or the machine woke last.
    disturbed_at: Timestamp,
    /// The attempts and reservations that have been looked at.
    attempts: usize,
    wanted: usize,
    /// When this run of the daemon began, and what the wall clock was wrong by then.
    began_at: Timestamp,
    began_wrong_by: SignedDuration,
    terms: Terms,
    restorations: Vec<Restoration>,
    submitted: Submitted,
    errands: Errands,
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
    published: Option<Arc<Token<Grant>>>,
    /// What callers who watch were told last.
    seen: Option<(Edition, Vec<u8>)>,
    wishes: Wishes,
    /// When someone last watched it.
    watched_at: Option<Timestamp>,
}

/// What is known of a credential, and of its provider, from its beginning on.
struct Lasting {
    failures: Failures,
    /// The last reservations, the latest last.
    wanted: [Option<IssuanceId>; 2],
    /// When a token came last.
    published_at: Timestamp,
    /// The token that came in the place of one that an API had refused, and when.
    replacement: Option<(TokenId, Timestamp)>,
    /// When anything happened.
    active_at: Timestamp,
    /// When it came to be there, as far as is known.
    begun_at: Timestamp,
}

/// For so long it isn't a token's fault if it is refused that came in a refused one's place.
const NEW: Duration = Duration::from_secs(60);

impl Lasting {
    fn new(now: Timestamp) -> Self {
        let (failures, wanted, replacement) = Default::default();
        let (published_at, active_at, begun_at) = (now, now, now);
        Self { failures, wanted, published_at, replacement, active_at, begun_at }
    }

    /// Tells whether nothing was wanted after this issuance.
    fn is_latest(&self, issuance: IssuanceId) -> bool {
        self.wanted[1] == Some(issuance)
    }

    /// Tells whether nothing was wanted between these two issuances.
    fn follows(&self, former: IssuanceId, latter: IssuanceId) -> bool {
        self.wanted == [Some(former), Some(latter)]
    }

    /// Tells whether a token has lately taken the place of one that was refused.
    fn is_replacement(&self, token: TokenId, now: Timestamp) -> bool {
        let recent = |at| after(at, NEW) > now;
        self.replacement.is_some_and(|(other, at)| other == token && recent(at))
    }
}

impl Witness {
    pub(crate) fn new(plan: &Plan, provider: Shared, world: &World) -> Self {
        Self {
            provider,
            clocks: Clocks::new(world),
            sent: plan.accounts.iter().map(|_| Vec::new()).collect(),
            known: plan.members.iter().map(|_| Known::default()).collect(),
            lasting: plan.members.iter().map(|_| Lasting::new(world.truth())).collect(),
            told: plan.accounts.iter().map(|_| Told::default()).collect(),
            under_way: Vec::new(),
            asked: Vec::new(),
            dubious: Vec::new(),
            ages: Ages::default(),
            disturbed_at: world.truth(),
            attempts: 0,
            wanted: 0,
            began_at: world.truth(),
            began_wrong_by: world.machine.wrong_by(),
            terms: Terms::default(),
            restorations: Vec::new(),
            submitted: Submitted::default(),
            errands: Errands::default(),
        }
    }

    /// Notes that the daemon has been started anew.
    pub(crate) fn restarted(&mut self, plan: &Plan, world: &World) {
        (self.began_at, self.began_wrong_by) = (world.truth(), world.machine.wrong_by());
        for (known, member) in self.known.iter_mut().zip(&plan.members) {
            let loaded = world.disk.acknowledged(member.id).map(|token| token.id);
            let latest = known.latest.map(|latest| &world.attempts[latest]);
            let lasting = &mut self.lasting[member.place];
            lasting.failures.restarted(latest, world);
            lasting.replacement = None;
            // In another boot there is only the wall clock to go by.
            let is_kept = latest.is_some_and(|latest| {
                let this_boot = latest.sent_at >= world.machine.booted_at();
                // What one before said isn't read again.
                let is_latest = demanded(latest).is_some();
                this_boot && is_latest && world.disk.is_settled(latest.issuance)
            });
            let away_until = known.away_until.filter(|_| is_kept);
            let published = known.published.take();
            *known = Known { away_until, loaded, published, ..Known::default() };
        }
        self.told.iter_mut().for_each(|told| told.restarted(world));
        self.under_way.clear();
        self.abandon();
        self.errands.restarted();
        self.clocks.set(world);
    }

    /// Notes that something about a credential was changed.
    pub(crate) fn changed(&mut self, member: &Member, world: &World) {
        self.lasting[member.place].active_at = world.truth();
    }

    /// Notes that a credential has other secrets.
    pub(crate) fn supplied(&mut self, member: &Member, world: &World) {
        self.lasting[member.place].failures.supplied(world.truth());
    }

    /// Notes that the machine has slept.
    pub(crate) fn slept(&mut self, world: &World) {
        self.disturbed_at = world.truth();
    }

    /// Notes that the wall clock has been set.
    pub(crate) fn clock_was_set(&mut self, world: &World) {
        self.clocks.set(world);
        self.disturbed_at = world.truth();
    }

    /// Looks at everything after a step.
    pub(crate) fn look(&mut self, plan: &Plan, world: &World, story: &mut Story) {
        assert!(world.spins < MOST_SPINS, "the engine was due at once {} times", world.spins);
        self.look_at_ends(world);
        self.look_at_ended(plan, world);
        for wanted in &world.wanted[self.wanted..] {
            if self.has_gone(wanted) {
                continue;
            }
            let member = plan.members.iter().find(|member| member.id == wanted.credential);
            let member = member.expect("no others were added");
            story.note(wanted.at, format_args!("{} wants one: {:?}", member.name, wanted.cause));
            self.check_want(wanted, member, plan, world);
            self.asked(wanted, member);
            let lasting = &mut self.lasting[member.place];
            lasting.wanted = [lasting.wanted[1], Some(wanted.issuance)];
            lasting.active_at = wanted.at;
        }
        self.wanted = world.wanted.len();
        for place in self.attempts..world.attempts.len() {
            let attempt = &world.attempts[place];
            let what = attempt.what.as_ref().expect("it has been decided");
            let (name, operation) = (&attempt.name, attempt.operation);
            story.note(attempt.sent_at, format_args!("{name} asks: {operation:?}, {what}"));
            self.check_attempt(place, plan, world);
            check_quota(place, plan, world);
            check_secret(place, plan, world);
            let owner = plan.owner(attempt);
            // One that was removed has nothing to do with one of its name.
            if wanted_by(attempt.issuance, world).credential == owner.id {
                self.known[owner.place].latest = Some(place);
            }
            self.under_way.push(place);
        }
        self.attempts = world.attempts.len();
        self.look_at_errands(world, story);
        for member in &plan.members {
            self.check_published(member, plan, world, story);
            self.check_rest(member, plan, world);
            self.check_retry(member, plan, world);
        }
        self.look_at_refusals(plan, world);
    }

    /// Notes what the daemon has heard by now.
    fn look_at_ended(&mut self, plan: &Plan, world: &World) {
        let is_heard = |place: &mut usize| world.attempts[*place].heard;
        for place in self.under_way.extract_if(.., is_heard) {
            let attempt = &world.attempts[place];
            let member = plan.owner(attempt);
            let lasting = &mut self.lasting[member.place];
            lasting.failures.ended(place, attempt, held::is_brief(attempt, member));
            let until = demanded(attempt).map(|wait| after(attempt.ended_at, wait));
            let away_until = &mut self.known[member.place].away_until;
            // What says nothing of it leaves it as it was, but for a token.
            *away_until = until.or(away_until.filter(|_| end(attempt) != End::Given));
            lasting.active_at = world.truth();
            self.told[member.account].ended(place, attempt);
        }
        self.told.iter_mut().for_each(|told| told.look(world));
        if is_disk_troubled(world) {
            self.lasting.iter_mut().for_each(|lasting| lasting.active_at = world.truth());
        }
    }

    /// Notes that callers see another token.
    fn came(&mut self, member: &Member, token: &Token<Grant>, plan: &Plan, world: &World) {
        let latest = self.known[member.place].latest.map(|latest| &world.attempts[latest]);
        let lasting = &mut self.lasting[member.place];
        lasting.active_at = world.truth();
        let is_handed_over = self.provider.borrow().given(value(token)).attempt.is_none();
        if latest.is_some_and(|latest| latest.cause == Cause::Rejected) && !is_handed_over {
            lasting.replacement = Some((token.id, world.truth()));
        }
        self.check_kept(member, token, world);
        self.check_plan(member, plan, world);
    }
}

/// Tells whether the store can't write what it is to, or couldn't a moment ago.
fn is_disk_troubled(world: &World) -> bool {
    let is_late = |at| after(at, TROUBLED) > world.truth();
    world.disk.full || world.disk.troubled_at.is_some_and(is_late)
}

/// By then what couldn't be written has been tried again.
const TROUBLED: Duration = Duration::from_secs(60);

/// The engine may be due at once when there is more to do than it does at a time, but
/// nothing here is that much.
const MOST_SPINS: u32 = 4;
