//! Holds the secrets that are sent against those that are known to work.

use super::terms::wanted_by;
use crate::{
    plan::Plan,
    world::{
        World,
        provider::{Attempt, What},
    },
};

/// Checks that a secret isn't sent whose successor is known to work.
pub(super) fn check_secret(place: usize, plan: &Plan, world: &World) {
    let attempt = &world.attempts[place];
    let Some(number) = number(attempt) else { return };
    let reserved = wanted_by(attempt.issuance, world);
    let name = &attempt.name;
    let later = |it: &&Attempt| self::number(it).is_some_and(|earlier| earlier > number);
    let own = world.attempts[..place].iter().filter(|it| it.name == *name);
    for earlier in own.filter(later) {
        let same = wanted_by(earlier.issuance, world).credential == reserved.credential;
        let known = earlier.heard && earlier.ended_at < reserved.at;
        let known = known && world.disk.is_settled(earlier.issuance) && same;
        let works = known && has_worked(earlier, plan);
        assert!(!works, "{name} sends a secret that was replaced: {number}");
    }
}

/// Tells whether a request brought a token that is one.
fn has_worked(attempt: &Attempt, plan: &Plan) -> bool {
    let Some(What::Answer { status: 200, body, .. }) = &attempt.what else { return false };
    let life = plan.accounts[plan.owner(attempt).account].life;
    let told = life.map(|life| format!(r#""expires_in":{}"#, life.as_secs()));
    body.contains("access_token") && told.is_none_or(|told| body.contains(&told))
}

/// Returns the number of the secret that is sent, if one is.
fn number(attempt: &Attempt) -> Option<usize> {
    let (_, rest) = attempt.body.split_once("hunter2-")?;
    rest.split_once('-')?.0.parse().ok()
}
