//! Holds requests that a provider found to be too many against what it had told before.

use std::time::Duration;

use tokend_core::{after, before};

use super::terms::wanted_by;
use crate::{
    plan::Plan,
    world::{
        World,
        provider::{Attempt, What},
    },
};

/// Times until a reset are told in whole seconds.
const ROUNDING: Duration = Duration::from_secs(1);

/// Checks that nobody is told of being beyond a quota who knew of it: who had heard an
/// answer from the same window when the issuance was reserved.
pub(super) fn check_quota(place: usize, plan: &Plan, world: &World) {
    let attempt = &world.attempts[place];
    let account = plan.owner(attempt).account;
    let Some(quota) = plan.accounts[account].quota else { return };
    let Some(reset) = reset(attempt).filter(|_| is_beyond(attempt)) else { return };
    let end = after(attempt.sent_at, reset);
    let begin = after(before(end, quota.window), ROUNDING);
    let reserved_at = wanted_by(attempt.issuance, world).at;
    let all = || world.attempts[..place].iter().filter(|it| plan.owner(it).account == account);
    let window = || all().filter(|it| it.sent_at >= begin);
    // Of what is under way at a time, the answers don't come in order.
    let overlaps = window().any(|it| {
        let meanwhile = |other: &Attempt| it.sent_at < other.ended_at;
        it.ended_at > reserved_at || all().any(|other| other.number < it.number && meanwhile(other))
    });
    let knew = window().any(|it| {
        let same_boot = plan.honest || it.sent_at >= world.machine.booted_at();
        reset_of(it) && it.heard && same_boot && world.disk.is_settled(it.issuance)
    });
    let (name, cause) = (&attempt.name, attempt.cause);
    let may = cause.is_wish() || overlaps || !knew;
    assert!(may, "{name} asks for {cause:?} beyond {quota:?}, and knew of it");
}

fn is_beyond(attempt: &Attempt) -> bool {
    matches!(attempt.what, Some(What::Answer { status: 429, .. }))
}

fn reset_of(attempt: &Attempt) -> bool {
    reset(attempt).is_some()
}

/// Returns in how long a quota is there again, if the answer told.
fn reset(attempt: &Attempt) -> Option<Duration> {
    let Some(What::Answer { headers, .. }) = &attempt.what else { return None };
    let reset = headers.iter().find(|(name, _)| *name == "ratelimit-reset")?;
    Some(Duration::from_secs(reset.1.parse().expect("it is a number")))
}
