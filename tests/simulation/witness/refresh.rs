//! Holds when tokens are refreshed, and how, against how long they live.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use tokend::credential::Grant;
use tokend_core::{Cause, Policy, Token, after, before};
use tokend_provider::Operation;

use super::{
    FEW, Witness,
    failure::{self, End, end},
    is_disk_troubled,
    token::{LEAST_LIFE, value},
    want,
};
use crate::{
    plan::{Kind, Member, Plan},
    world::{
        Wanted, World,
        caller::secs,
        provider::{Attempt, What},
    },
};

/// How old tokens were to become that were planned alike: by their lives.
pub(super) type Ages = BTreeMap<Duration, BTreeMap<Duration, usize>>;

/// Where nothing is scarce, so much of a token's life is left when it is refreshed, or half
/// of it if that is less.
const SLACK: Duration = Duration::from_secs(60);

/// A token that has come isn't replaced sooner, unless it lives too short for that.
const LEAST_PAUSE: Duration = Duration::from_secs(5);

/// A refresh that is later has been missed, and is planned anew.
const MISSED: Duration = Duration::from_secs(61);

/// Who has asked within a day, or within a token's life, uses a credential.
const USED: Duration = Duration::from_secs(24 * 3_600 + 1);

/// Something is done within this: the longest wait of tokend's own choice is five minutes,
/// what was missed is made up for within one, and clocks are looked at twice in that.
const LONGEST_REST: Duration = Duration::from_secs(300 + 60 + 30 + 10);

/// The engine looks at the clocks again after this at the latest.
const LONGEST_TIMER: Duration = Duration::from_secs(30);

/// So many ages aren't alike to the nanosecond if each is drawn.
const ALIKE: usize = 3;

/// The store answers this much later, and some times are in whole milliseconds.
const ROUNDING: Duration = Duration::from_millis(10);

/// A token, and what is true of it while the clocks go as they do.
pub(super) struct Held<'a> {
    token: &'a Token<Grant>,
    /// When its answer came, and which that was, if it came in one of the provider's.
    came: Option<(Timestamp, usize)>,
    /// When it is to be refreshed, and when it ends, as its provider told.
    pub(super) due_at: Timestamp,
    pub(super) end: Timestamp,
}

impl Held<'_> {
    fn life(&self) -> Duration {
        self.token.life().unwrap_or_default()
    }

    /// Returns when it is late to refresh it.
    fn late_at(&self) -> Timestamp {
        let slack = SLACK.min(self.life() / 2);
        self.end.checked_sub(slack).expect("it is within the calendar")
    }
}

impl Witness {
    /// Tells whether no clock was set, and the daemon up and awake, since before then.
    pub(super) fn is_steady_since(&self, then: Timestamp) -> bool {
        self.disturbed_at.max(self.began_at) < then
    }

    /// Tells whether someone asked for a token at that moment.
    pub(super) fn is_asked(&self, member: &Member, at: Timestamp) -> bool {
        self.known[member.place].wishes.when(Cause::MinTtl) == Some(at)
    }

    /// Tells whether nothing limits how often a credential is refreshed, or who comes first.
    fn is_plentiful(&self, member: &Member, plan: &Plan, now: Timestamp) -> bool {
        self.is_unlimited(member.account)
            && !self.told[member.account].matters(now)
            && plan.members.len() <= FEW
    }

    /// Returns the token that is held, if the clock has gone as it goes since it was asked for.
    pub(super) fn held<'a>(&self, member: &Member, world: &'a World) -> Option<Held<'a>> {
        let token = world.disk.acknowledged(member.id)?;
        let given = self.provider.borrow().given(value(token)).clone();
        let (least, most) = self.errors(token);
        let wrong_by = (least == most).then_some(most)?;
        let truly = |at: Timestamp| at.checked_sub(wrong_by).expect("it is within the calendar");
        // What the provider has done and the daemon never heard of is no part of it.
        let came = match given.attempt.map(|place| (&world.attempts[place], place)) {
            Some((came, place)) if came.heard && end(came) == End::Given => {
                Some((came.ended_at, place))
            }
            Some(_) => return None,
            None => None,
        };
        let (due_at, end) = (truly(token.refresh_at?), truly(token.expires_at?));
        Some(Held { token, came, due_at, end })
    }

    /// Checks that a credential is used that is to be refreshed while it is.
    pub(super) fn check_use(&self, wanted: &Wanted, member: &Member, plan: &Plan, world: &World) {
        let is_free = plan.members.len() <= FEW && !self.tries_secrets(member, world);
        if member.policy != Policy::Used || !is_free || self.is_reported(member, world) {
            return;
        }
        let known = &self.known[member.place];
        let asked_at = known.wishes.when(Cause::MinTtl).max(known.watched_at);
        let there_since = self.began_at.max(self.lasting[member.place].begun_at);
        let used_at = asked_at.map_or(there_since, |asked| asked.max(there_since));
        let life = world.disk.acknowledged(member.id).and_then(|token| token.life());
        let is_used = after(used_at, USED.max(life.unwrap_or_default())) > wanted.at;
        let name = &member.name;
        assert!(is_used, "{name} is refreshed, and no one has used it since {used_at}");
    }

    /// Checks when a refresh is wanted.
    pub(super) fn check_timing(
        &self,
        wanted: &Wanted,
        member: &Member,
        plan: &Plan,
        world: &World,
    ) {
        let (name, at) = (&member.name, wanted.at);
        let known = &self.known[member.place];
        let Some(held) = self.held(member, world) else { return };
        let is_its = wanted.cause == Cause::Aging && !self.tries_secrets(member, world);
        // Where there are many, the policy may be another when its turn comes.
        let is_early = is_its && member.policy == Policy::OnDemand && plan.members.len() <= FEW;
        assert!(!is_early, "{name} is refreshed ahead of use");
        let Some((came_at, attempt)) = held.came else { return };
        let lasting = &self.lasting[member.place];
        let came = world.attempts[attempt].issuance;
        if known.latest.is_none() && lasting.is_latest(came) && at == self.began_at {
            let planned = member.policy == Policy::Always && is_its && held.end > at;
            let missed = planned && after(held.due_at, MISSED) < at;
            assert!(!missed, "{name} makes up for what it has missed the moment it is up");
        }
        // The rest is about a token that came and has been held since, and nothing else.
        if known.latest != Some(attempt) || !lasting.is_latest(came) {
            return;
        }
        let sent_at = world.attempts[attempt].sent_at;
        let left = Duration::try_from(held.end.duration_since(came_at)).unwrap_or_default();
        if self.is_steady_since(sent_at) && !self.is_asked(member, at) {
            // One that lives for seconds is none, and to bring it is to fail.
            let is_brief = held.life() < LEAST_LIFE;
            let pause = if is_brief { failure::LEAST_PAUSE } else { LEAST_PAUSE.min(left / 2) };
            let least = after(came_at, pause);
            assert!(after(at, ROUNDING) >= least, "{name} is refreshed as soon as it has come");
        }
        let repeats = member.kind == Kind::Repeats && is_its;
        if repeats && self.provider.borrow().given(value(held.token)).first == Some(attempt) {
            let life = plan.accounts[member.account].life.unwrap_or_default();
            // A provider that is slow is asked before, lest its answer come too late.
            let same = secs(life.as_secs().div_ceil(10) + 1).max(want::BRIEF);
            assert!(after(at, same) >= held.end, "{name} is refreshed while it repeats itself");
        }
        let is_free = matches!(member.kind, Kind::Plain | Kind::Rotating | Kind::EndsOld);
        let is_planned = is_free && is_its && member.policy == Policy::Always;
        // A timer stands still while the machine sleeps, and is for half a minute at most.
        let is_steady = self.is_steady_since(before(held.due_at, LONGEST_TIMER));
        if is_planned && self.is_plentiful(member, plan, at) && is_steady {
            let seen_at = lasting.published_at.max(came_at);
            let is_late = after(held.late_at(), ROUNDING) < at;
            let was_late = after(seen_at, LEAST_PAUSE * 2) > held.late_at();
            assert!(!is_late || was_late, "{name} is refreshed late, at {at}: {}", held.end);
        }
    }

    /// Checks that what an attempt does is the least that has to be done.
    pub(super) fn check_operation(&self, attempt: &Attempt, member: &Member, world: &World) {
        let Some(token) = world.disk.acknowledged(member.id) else { return };
        let given = self.provider.borrow().given(value(token)).clone();
        let Some(place) = given.attempt else { return };
        let came = &world.attempts[place];
        if !self.lasting[member.place].follows(came.issuance, attempt.issuance) {
            return;
        }
        let name = &attempt.name;
        if let (Kind::Rotating, Some(What::Answer { body, .. })) = (member.kind, &came.what)
            && body.contains("refresh_token")
        {
            let is_refreshed = attempt.operation == Operation::Refresh;
            assert!(is_refreshed, "{name} has a refresh token that it doesn't use");
        }
        let known = &self.known[member.place];
        let lives_on = token
            .session
            .zip(token.expires_at)
            .is_some_and(|(session, end)| session.end.is_some_and(|last| last > end));
        let is_planned = matches!(attempt.cause, Cause::Aging | Cause::MinTtl);
        if lives_on && is_planned && known.latest == given.attempt {
            let is_kept = attempt.operation == Operation::KeepAlive;
            assert!(is_kept, "{name} is asked for anew, though it can be kept alive");
        }
    }

    /// Notes for when a token that has just come is to be refreshed.
    pub(super) fn check_plan(&mut self, member: &Member, plan: &Plan, world: &World) {
        self.lasting[member.place].published_at = world.truth();
        let is_free = matches!(member.kind, Kind::Plain | Kind::Rotating);
        if !is_free || !self.is_plentiful(member, plan, world.truth()) {
            return;
        }
        let Some(held) = self.held(member, world) else { return };
        let Some((came_at, attempt)) = held.came else { return };
        // One that came late in its life isn't refreshed at once, whatever was drawn.
        let is_put_off = held.due_at <= after(came_at, LEAST_PAUSE + ROUNDING);
        let is_new = self.known[member.place].latest == Some(attempt);
        if is_put_off || !is_new {
            return;
        }
        let due = held.token.refresh_at.expect("it is held to be refreshed");
        let age = Duration::try_from(due.duration_since(held.token.issued_at)).unwrap_or_default();
        let alike = self.ages.entry(held.life()).or_default().entry(age).or_default();
        *alike += 1;
        assert!(*alike < ALIKE, "{} is refreshed after {age:?} time and again", member.name);
    }

    /// Tells whether a token can be replaced without a person: where a refresh token is all there
    /// is, nothing may have been asked for since it came of which the end isn't known.
    fn may_refresh(&self, member: &Member, held: &Held<'_>, world: &World) -> bool {
        let came = held.came.map(|(_, place)| world.attempts[place].issuance);
        let is_latest = came.is_some_and(|came| self.lasting[member.place].is_latest(came));
        member.kind != Kind::Login || is_latest
    }

    /// Checks that a credential isn't forgotten.
    pub(super) fn check_rest(&self, member: &Member, plan: &Plan, world: &World) {
        let now = world.truth();
        let (known, lasting) = (&self.known[member.place], &self.lasting[member.place]);
        let is_under_way = known.latest.is_some_and(|latest| !world.attempts[latest].heard);
        if member.policy != Policy::Always
            || !self.is_plentiful(member, plan, now)
            || is_under_way
            || is_disk_troubled(world)
            || lasting.failures.is_denied()
            || world.slot(&member.name).is_none()
        {
            return;
        }
        let last = known.published.as_ref();
        let was_revoked = last.is_some_and(|token| world.disk.is_revoked(token.id));
        let due_at = match (world.disk.acknowledged(member.id), self.held(member, world)) {
            // Nor is a refresh token used that may have been since.
            (Some(_), Some(held)) if self.may_refresh(member, &held, world) => held.due_at,
            // A person may have to log in first.
            (None, _) if !was_revoked && member.kind != Kind::Login => Timestamp::MIN,
            _ => return,
        };
        let since = due_at.max(self.began_at).max(self.disturbed_at).max(lasting.active_at);
        let name = &member.name;
        let longest = LONGEST_REST + lasting.failures.demanded();
        assert!(after(since, longest) > now, "{name} is forgotten since {since}");
    }
}
