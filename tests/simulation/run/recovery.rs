//! The end of all trouble: from then on, it takes a stated time until each credential
//! has a token.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokend_core::{Setback, after};
use tokend_provider::Window;

use super::Run;
use crate::world::{
    caller::secs,
    provider::{Arrival, Attempt},
};

/// The longest wait of tokend's own choice is five minutes; an issuance that was under
/// way goes on for 45 seconds, and another may wait for it.
const PATIENCE: Duration = Duration::from_secs(12 * 60);

/// The store is tried again within a minute, and a little later it has answered.
const WRITTEN: Duration = Duration::from_secs(65);

/// A life that is assumed where none is known, and the longest wait where each attempt
/// counts.
const ASSUMED_LIFE: Duration = Duration::from_secs(3_600);

/// A revocation that fails is tried again within an hour, or later if its provider demanded that:
/// twenty minutes at most and a little more.
const LONGEST_REVOCATION: Duration = Duration::from_secs(3_600 + 1_300 + 100);

impl Run {
    /// Ends all trouble, and waits until each credential has had a token.
    pub(super) fn recover(&mut self) {
        self.note(format_args!("all trouble ends"));
        self.provider.borrow_mut().recover();
        self.world.heal();
        self.world.revoking = Arrival::json(200, "{}");
        self.crash_in = None;
        if !self.plan.honest {
            let latitude = self.witness.latitude(&self.plan, &self.world, false);
            self.world.set_clock(latitude.min(SignedDuration::ZERO));
            self.clock_was_set();
        }
        self.make_whole();
        // A provider may give one that is to be ended until it has.
        self.end_revocations();
        self.well.clear();
        let begun_at = self.world.truth();
        let mut without: Vec<usize> = (0..self.plan.members.len()).collect();
        let longest = without.iter().map(|position| self.patience(*position)).max();
        let end = after(begun_at, longest.unwrap_or_default());
        let mut pause = secs(5);
        while !without.is_empty() && self.world.truth() < end {
            for position in &without {
                self.help(*position);
                self.acquire(*position, Some(Duration::ZERO));
            }
            self.pass(pause);
            for position in std::mem::take(&mut without) {
                if self.well.contains(&position) {
                    self.rest(position);
                } else if !self.is_forbidden(position, begun_at) {
                    without.push(position);
                }
            }
            // The longer it takes, the less a little more matters.
            pause = pause.mul_f64(1.1).min(secs(600));
        }
        let without: Vec<_> =
            without.iter().map(|position| &self.plan.members[*position].name).collect();
        assert!(without.is_empty(), "{without:?} have no token, and nothing forbids it");
        // Everyone is answered, with a token or not.
        let end = after(self.world.truth(), PATIENCE);
        while self.is_awaited() && self.world.truth() < end {
            self.pass(secs(5));
        }
        assert!(!self.is_awaited(), "someone waits for ever");
        self.end_revocations();
        // What couldn't be written is by now.
        let end = after(begun_at, WRITTEN);
        self.pass(Duration::try_from(end.duration_since(self.world.truth())).unwrap_or_default());
        self.witness.check_settled(&self.world);
    }

    /// What is to be ended at its provider ends within the longest wait.
    fn end_revocations(&mut self) {
        let end = after(self.world.truth(), LONGEST_REVOCATION);
        let mut pause = secs(5);
        while !self.world.disk.to_end().is_empty() && self.world.truth() < end {
            self.pass(pause);
            pause = pause.mul_f64(1.5).min(secs(600));
        }
        let left = self.world.disk.to_end();
        assert!(left.is_empty(), "tokens of {left:?} aren't revoked, and nothing forbids it");
    }

    /// Tells whether someone waits for an answer.
    fn is_awaited(&self) -> bool {
        !self.waiting.is_empty()
            || self.has_rotations()
            || self.has_revocations()
            || self.has_calls()
    }

    /// An operator sees to it that all credentials are there.
    fn make_whole(&mut self) {
        let end = after(self.world.truth(), PATIENCE);
        loop {
            self.pass(secs(10));
            let gone = self.plan.members.iter().position(|member| !member.is_there);
            let Some(position) = gone.filter(|_| self.world.truth() < end) else { break };
            self.add(position);
        }
        assert!(self.plan.members.iter().all(|it| it.is_there), "what is added isn't there");
        self.set_known_secrets();
        self.pass(secs(10));
    }

    /// Whoever is well and has no limits would only keep the provider busy while others
    /// wait for theirs.
    fn rest(&mut self, position: usize) {
        let member = &self.plan.members[position];
        if self.plan.limits(member.account).is_empty() {
            self.waiting.retain(|waiter| waiter.member != position);
            self.let_go(position);
        }
    }

    /// Returns how long a credential may be without a token from now on.
    fn patience(&self, position: usize) -> Duration {
        let place = self.plan.members[position].account;
        let account = &self.plan.accounts[place];
        let away = self.provider.borrow().away_until().duration_since(self.world.truth());
        let away = Duration::try_from(away).unwrap_or_default().mul_f64(1.1) + secs(30);
        let quota = account.quota.map_or(Duration::ZERO, |quota| quota.window);
        let scarce =
            account.quota.is_some() || !self.plan.limits(place).is_empty() || away > secs(30);
        let rationed = account.life.unwrap_or_default() * 2;
        let rationed = if scarce { rationed.max(ASSUMED_LIFE) } else { Duration::ZERO };
        PATIENCE + away + rationed + quota + account.longest_window() + self.witness.disorder()
    }

    /// Tells whether a credential has no token because others of its account have had,
    /// since then, what a limit allows to those who are no operators.
    fn is_forbidden(&mut self, position: usize, since: Timestamp) -> bool {
        let member = self.plan.members[position].clone();
        let setback = self.world.look(&member.name).setback;
        if !matches!(setback, Some((Setback::Budget, _))) {
            return false;
        }
        let account = &self.plan.accounts[member.account];
        if self.provider.borrow().is_exhausted(member.account, self.world.truth()) {
            return true;
        }
        self.plan.limits(member.account).iter().any(|limit| {
            let length = match &limit.window {
                Window::Sliding(length) => *length,
                Window::Calendar { .. } => account.longest_window(),
            };
            let lately = self.witness.lately(member.account, &self.plan, &self.world);
            let counts = |attempt: &&Attempt| {
                attempt.sent_at >= since && after(attempt.ended_at, length) > self.world.truth()
            };
            let count = usize::try_from(limit.count.get()).expect("it is small");
            lately.filter(counts).count() + 1 >= count.max(2)
        })
    }
}
