//! Holds what limits are said to forbid against what was spent of them.

use std::time::Duration;

use jiff::Timestamp;
use tokend::credential::CredentialId;
use tokend_core::{Cause, IssuanceId, after};
use tokend_provider::{Limit, Operation, Period, Window};

use super::{Witness, is_disk_troubled, ledger::share, terms::wanted_by};
use crate::{
    plan::{DAY, Member, Plan},
    world::{
        Wanted, World,
        provider::{Attempt, What},
    },
};

/// A reservation that may be refused.
pub(super) struct Asked {
    issuance: IssuanceId,
    credential: CredentialId,
    account: usize,
    cause: Cause,
    at: Timestamp,
    name: String,
}

/// Until then the store has answered, and what it granted has been sent.
const ANSWERED: Duration = Duration::from_secs(10);

/// What was sent goes on counting for so long beyond its window: until its end was written,
/// or until it might have been sent if that is unknown.
const OVERTIME: Duration = Duration::from_secs(60);

impl Witness {
    /// Notes that nobody will hear what became of the reservations that aren't answered yet: they
    /// may count.
    pub(super) fn abandon(&mut self) {
        self.dubious.append(&mut self.asked);
    }

    /// Notes a reservation.
    pub(super) fn asked(&mut self, wanted: &Wanted, member: &Member) {
        let (issuance, cause, at) = (wanted.issuance, wanted.cause, wanted.at);
        let (account, name) = (member.account, member.name.clone());
        let credential = member.id;
        self.asked.push(Asked { issuance, credential, account, cause, at, name });
    }

    /// Checks that there was a reason for each reservation of which nothing has come.
    pub(super) fn look_at_refusals(&mut self, plan: &Plan, world: &World) {
        let now = world.truth();
        if is_disk_troubled(world) {
            self.abandon();
            return;
        }
        let later = self.asked.iter().position(|asked| after(asked.at, ANSWERED) > now);
        let answered = self.asked.drain(..later.unwrap_or(self.asked.len()));
        for asked in answered.collect::<Vec<_>>() {
            let is_sent = |attempt: &Attempt| attempt.issuance == asked.issuance;
            let attempts = world.attempts.iter().rev();
            let mut lately = attempts.take_while(|attempt| attempt.sent_at >= asked.at);
            // What is settled was granted, and of no use any more when it was.
            if !lately.any(is_sent) && !world.disk.is_settled(asked.issuance) {
                self.check_refusal(&asked, plan, world);
            }
        }
    }

    fn check_refusal(&self, asked: &Asked, plan: &Plan, world: &World) {
        let account = &plan.accounts[asked.account];
        let longest = account.longest_window() + OVERTIME + self.disorder();
        let is_known = self.is_steady_since(asked.at) && !self.terms.is_gone(asked.credential);
        let matters = self.told[asked.account].matters(asked.at);
        let was_restored = self.restored_at().is_some_and(|at| after(at, longest) > asked.at);
        let sets = self.limits_of(asked.account, asked.issuance, world);
        let is_unlimited = sets.iter().any(|limits| limits.is_empty());
        if is_unlimited || matters || !is_known || was_restored {
            return;
        }
        let is_ahead = |other: &&Wanted| {
            let member = plan.members.iter().find(|member| member.id == other.credential);
            let is_its = member.is_some_and(|member| member.account == asked.account);
            is_its && other.at <= asked.at && other.issuance != asked.issuance
        };
        let wanted = world.wanted.iter().rev();
        let lately = wanted.take_while(|other| after(other.at, ANSWERED) > asked.at);
        let under_way = lately.filter(is_ahead).count();
        let is_full = |limit: &Limit| {
            let most = usize::try_from(limit.count.get()).expect("it is small");
            // By a clock that is behind, it counts for longer.
            let length = length(limit) + OVERTIME + self.disorder();
            let used = self.spent(asked, length, plan, world) + under_way;
            used >= share(most, asked.cause)
        };
        let is_full = sets.into_iter().flatten().any(is_full);
        assert!(
            is_full,
            "{} is refused one for {:?}, and no limit is spent",
            asked.name, asked.cause
        );
    }

    /// Returns how many may have counted by then.
    fn spent(&self, asked: &Asked, length: Duration, plan: &Plan, world: &World) -> usize {
        let all = self.sent[asked.account].iter().map(|sent| &world.attempts[sent.place]);
        // It counts from its end, which a sleep may put off.
        let near = all.filter(|attempt| after(attempt.ended_at, length) > asked.at);
        let counts = |attempt: &&Attempt| {
            // That nothing was sent is on the disk by then, unless it is of one that is gone.
            let owner = plan.owner(attempt);
            let is_its = wanted_by(attempt.issuance, world).credential == owner.id;
            let is_known = world.disk.is_settled(attempt.issuance) || owner.is_there && is_its;
            let is_unsent = matches!(attempt.what, Some(What::Refused)) && is_known;
            let is_over = after(attempt.ended_at, ANSWERED) < asked.at;
            let is_free = attempt.operation == Operation::KeepAlive || is_unsent && is_over;
            attempt.sent_at <= asked.at && !is_free
        };
        let sent = near.filter(counts).count();
        // Some were never sent, and it was never written down that they weren't.
        let dubious = self.dubious.iter().filter(|other| other.account == asked.account);
        sent + dubious.filter(|other| after(other.at, length) > asked.at).count()
    }
}

/// Returns for how long an issuance can count against a limit.
fn length(limit: &Limit) -> Duration {
    match &limit.window {
        Window::Sliding(length) => *length,
        Window::Calendar { period: Period::Hour, .. } => Duration::from_secs(3_600),
        Window::Calendar { .. } => DAY,
    }
}
