//! Holds what reached the provider against its limits.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use tokend_core::{Cause, after};
use tokend_provider::{Limit, Operation, Period, Window};

use super::Witness;
use crate::{
    plan::{Account, Plan},
    world::{World, provider::Attempt},
};

/// Something that was sent, as far as limits go.
pub(super) struct Sent {
    pub(super) place: usize,
    member: usize,
    at: Timestamp,
    /// When it reached the provider, if that counts.
    counted_at: Option<Timestamp>,
    forced: bool,
}

/// How many issuances of one provider are under way at a time.
const LANES: usize = 8;

/// No credential is asked for more often than this within a minute, but by operators:
/// what lives shorter than five seconds is a failure, and after a failure there is a
/// second's pause at least.
const MOST_A_MINUTE: usize = 38;

/// So long after its end the store has written it.
const WRITTEN: Duration = Duration::from_secs(5);

/// Nothing is under way for longer, or reaches the provider later.
const LONGEST: Duration = Duration::from_secs(60);

impl Witness {
    /// Checks a request when it is sent.
    pub(super) fn check_attempt(&mut self, place: usize, plan: &Plan, world: &World) {
        let attempt = &world.attempts[place];
        let member = plan.owner(attempt);
        let account = &plan.accounts[member.account];
        // One issuance may send its request once more, with the secret before: no token can
        // have come of the first, which was refused.
        for earlier in self.sent[member.account].iter_mut().rev() {
            if after(earlier.at, LONGEST) <= attempt.sent_at {
                break;
            }
            if world.attempts[earlier.place].issuance == attempt.issuance {
                earlier.counted_at = None;
            }
        }
        let others = &self.sent[member.account];
        let own = self.known[member.place].latest.map(|latest| &world.attempts[latest]);
        let busy = own.is_some_and(|own| own.ended_at > attempt.sent_at);
        assert!(!busy, "{} asks twice at a time", attempt.name);

        let name = &attempt.name;
        let latest = self.known.iter().filter_map(|known| known.latest);
        let under_way = latest.map(|latest| &world.attempts[latest]).filter(|other| {
            other.ended_at > attempt.sent_at && plan.owner(other).account == member.account
        });
        assert!(under_way.count() < LANES, "{name} asks beside {LANES} others");

        let lately = others.iter().rev().take_while(|o| after(o.at, LONGEST) > attempt.sent_at);
        let unasked = lately.filter(|other| other.member == member.place && !other.forced).count();
        let forced = attempt.cause == Cause::Forced;
        assert!(forced || unasked < MOST_A_MINUTE, "{name} asks {unasked} times a minute");

        self.check_told(attempt, member, world);
        self.check_operation(attempt, member, world);
        let away_until = self.known[member.place].away_until.filter(|_| !forced);
        let away = away_until.is_some_and(|until| until > attempt.sent_at);
        assert!(!away, "{name} was told to stay away until {away_until:?}");

        let sent = Sent {
            place,
            member: member.place,
            at: attempt.sent_at,
            counted_at: attempt.reached_at.filter(|_| counts(attempt)),
            forced,
        };
        if let Some(counted_at) = sent.counted_at {
            let counted = counted(others, &sent, account);
            let sets = self.limits_of(member.account, attempt.issuance, world);
            let faults = sets.into_iter().map(|limits| {
                limits.iter().find_map(|limit| exceeds(limit, attempt, counted_at, &counted))
            });
            // Either set will do.
            if let Some(Some(fault)) = faults.min() {
                panic!("{fault}");
            }
        }
        self.sent[member.account].push(sent);
    }

    /// Has requests that the store presumes and that are still on their way count from when it
    /// does, since nothing of them is known.
    pub(super) fn recall(&mut self, since: usize, world: &World) {
        for sent in self.sent.iter_mut().flatten().filter(|sent| sent.place >= since) {
            sent.counted_at = sent.counted_at.min(Some(world.truth()));
        }
    }

    /// Checks that the ledger knows the end of all that this run of the daemon has heard of, also
    /// of what came for one that was removed meanwhile.
    pub(crate) fn check_settled(&self, world: &World) {
        let heard = world.attempts.iter().rev().filter(|attempt| attempt.heard);
        for attempt in heard.take_while(|attempt| attempt.sent_at >= self.began_at) {
            let is_written = after(attempt.ended_at, WRITTEN) < world.truth();
            let is_settled = world.disk.is_settled(attempt.issuance);
            assert!(
                is_settled || !is_written,
                "what {} asked for at {} is never settled",
                attempt.name,
                attempt.sent_at
            );
        }
    }

    /// Returns the attempts of an account, the latest first, and as far back as they
    /// may still count.
    pub(crate) fn lately<'a>(
        &'a self,
        account: usize,
        plan: &'a Plan,
        world: &'a World,
    ) -> impl Iterator<Item = &'a Attempt> {
        let longest = plan.accounts[account].longest_window() + LONGEST;
        let all = self.sent[account].iter().rev();
        let lately = all.take_while(move |sent| after(sent.at, longest) > world.truth());
        lately.map(|sent| &world.attempts[sent.place])
    }
}

/// To keep a session alive issues nothing.
fn counts(attempt: &Attempt) -> bool {
    attempt.operation != Operation::KeepAlive
}

/// Returns when those reached the provider that may count beside this one.
fn counted(others: &[Sent], sent: &Sent, account: &Account) -> Vec<Timestamp> {
    let longest = account.longest_window() + LONGEST;
    let near = others.iter().rev().take_while(|other| after(other.at, longest) > sent.at);
    near.filter_map(|other| other.counted_at).collect()
}

/// Returns how a request exceeds a limit, if it does.
fn exceeds(
    limit: &Limit,
    attempt: &Attempt,
    reached_at: Timestamp,
    others: &[Timestamp],
) -> Option<String> {
    let count = usize::try_from(limit.count.get()).expect("it is small");
    let (most, used) = match &limit.window {
        Window::Sliding(length) => {
            let counts = |other: &&Timestamp| after(**other, *length) > attempt.sent_at;
            (most_within(*length, reached_at, others), others.iter().filter(counts).count())
        }
        Window::Calendar { period, zone } => {
            let same = |at| others.iter().filter(|other| same(*period, zone, **other, at)).count();
            (1 + same(reached_at), same(attempt.sent_at))
        }
    };
    let (name, cause) = (&attempt.name, attempt.cause);
    if most > count {
        return Some(format!("{name} exceeds {limit} for {cause:?}: {most}"));
    }
    let most = share(count, cause);
    let kept = format!("{name} takes what is kept of {limit} for {cause:?}: {used} of {most}");
    (used >= most).then_some(kept)
}

/// Returns how many may be taken for this cause of so many that a limit allows: refreshes
/// leave a quarter alone, and all but operators the last one.
pub(super) fn share(all: usize, cause: Cause) -> usize {
    match cause {
        Cause::Aging | Cause::MinTtl => all - (all / 4).max(1).min(all - 1),
        Cause::Absent | Cause::Rejected | Cause::Wanted => (all - 1).max(1),
        Cause::Forced | Cause::Login | Cause::KeepAlive => all,
    }
}

/// Returns the most requests in any stretch of this length that holds the one at `at`.
fn most_within(length: Duration, at: Timestamp, others: &[Timestamp]) -> usize {
    let near = |other: &&Timestamp| after(**other, length) > at && after(at, length) > **other;
    let mut near: Vec<Timestamp> = others.iter().filter(near).copied().chain([at]).collect();
    near.sort_unstable();
    let from = |(first, start): (usize, &Timestamp)| {
        near[first..].iter().take_while(|other| **other < after(*start, length)).count()
    };
    near.iter().enumerate().map(from).max().unwrap_or_default()
}

/// Tells whether two points in time lie in one period of the calendar.
fn same(period: Period, zone: &TimeZone, a: Timestamp, b: Timestamp) -> bool {
    let (a, b) = (zone.to_datetime(a), zone.to_datetime(b));
    match period {
        Period::Hour => (a.date(), a.hour()) == (b.date(), b.hour()),
        Period::Day => a.date() == b.date(),
        Period::Month => a.date().first_of_month() == b.date().first_of_month(),
    }
}
