//! Holds what reached the provider against its limits.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use tokend_core::{Cause, after, before};
use tokend_provider::{Limit, Operation, Period, Window};

use super::Witness;
use crate::{
    plan::{Member, Plan},
    world::{World, caller::secs, provider::Attempt},
};

/// How many issuances of one provider are under way at a time.
const LANES: usize = 8;

/// No credential is asked for more often than this within a minute, but by operators:
/// whatever lives shorter than five seconds is a failure, and after a failure there is
/// a second's pause at least.
const MOST_A_MINUTE: usize = 45;

impl Witness {
    /// Checks a request when it is sent.
    pub(super) fn check_attempt(&self, place: usize, plan: &Plan, world: &World) {
        let attempt = &world.attempts[place];
        let account = account_of(attempt, plan);
        let run = &world.attempts[self.first_attempt..place];
        let under_way: Vec<&Attempt> =
            run.iter().rev().take(64).filter(|other| other.ended_at > attempt.sent_at).collect();
        let own = under_way.iter().find(|other| other.name == attempt.name);
        assert!(own.is_none(), "{} asks twice at a time", attempt.name);
        let same = under_way.iter().filter(|other| account_of(other, plan) == account).count();
        assert!(same < LANES, "{same} ask {account} already");

        let lately = before(attempt.sent_at, secs(60));
        let lately = world.attempts[..=place].iter().rev().take_while(|a| a.sent_at > lately);
        let unasked = |a: &&Attempt| a.name == attempt.name && a.cause != Cause::Forced;
        let count = lately.filter(unasked).count();
        assert!(count <= MOST_A_MINUTE, "{} asks {count} times a minute", attempt.name);

        if let Some(reached_at) = attempt.reached_at.filter(|_| counts(attempt)) {
            for limit in &plan.accounts[account].limits {
                let others = world.attempts[..place]
                    .iter()
                    .filter(|other| counts(other) && account_of(other, plan) == account);
                check_limit(limit, attempt, reached_at, others);
            }
        }
    }
}

/// To keep a session alive issues nothing.
fn counts(attempt: &Attempt) -> bool {
    attempt.operation != Operation::KeepAlive
}

fn account_of(attempt: &Attempt, plan: &Plan) -> usize {
    let is_own = |member: &&Member| member.name == attempt.name.as_str();
    plan.members.iter().find(is_own).expect("no one else asks").account
}

fn check_limit<'a>(
    limit: &Limit,
    attempt: &Attempt,
    reached_at: Timestamp,
    others: impl Iterator<Item = &'a Attempt>,
) {
    let count = usize::try_from(limit.count.get()).expect("it is small");
    let others: Vec<Timestamp> = others.filter_map(|other| other.reached_at).collect();
    let most = match &limit.window {
        Window::Sliding(length) => most_within(*length, reached_at, &others),
        Window::Calendar { period, zone } => {
            let same = |other: &&Timestamp| same(*period, zone, **other, reached_at);
            1 + others.iter().filter(same).count()
        }
    };
    let (name, cause) = (&attempt.name, attempt.cause);
    assert!(most <= count, "{name} exceeds {limit} for {cause:?}: {most}");
    // When it was reserved, there had to be more than one left, or it was an operator's.
    let used = match &limit.window {
        Window::Sliding(length) => {
            others.iter().filter(|other| after(**other, *length) > attempt.sent_at).count()
        }
        Window::Calendar { period, zone } => {
            let same = |other: &&Timestamp| same(*period, zone, **other, attempt.sent_at);
            others.iter().filter(same).count()
        }
    };
    assert!(
        cause == Cause::Forced || count == 1 || used + 2 <= count,
        "{name} takes the last of {limit} for {cause:?}"
    );
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
