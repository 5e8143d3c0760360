//! Holds newer tokens that callers hand over against what was held when they did.

use std::collections::BTreeMap;

use jiff::Timestamp;
use secrecy::ExposeSecret;
use tokend::{
    credential::Grant,
    engine::{Error, Rotated},
};
use tokend_core::{Token, TokenId, before};

use super::{Witness, token::value};
use crate::{
    plan::Member,
    world::{World, caller::secs},
};

/// What callers have handed over, and when.
#[derive(Default)]
pub(super) struct Submitted {
    /// Of each value, in whose place.
    all: BTreeMap<String, Vec<TokenId>>,
    /// Of each user, when.
    at: BTreeMap<u32, Vec<Timestamp>>,
}

/// What a caller hands over.
#[derive(Clone)]
pub(crate) struct Submission {
    pub(crate) previous: TokenId,
    pub(crate) value: String,
    pub(crate) user: u32,
}

/// A user can hand over so many in two seconds, however fast.
const BURST: usize = 20;

impl Witness {
    /// Notes that a caller hands over a newer token.
    pub(crate) fn submits(&mut self, submission: &Submission, world: &World) {
        let Submission { previous, value, user } = submission;
        self.submitted.all.entry(value.clone()).or_default().push(*previous);
        self.submitted.at.entry(*user).or_default().push(world.truth());
    }

    /// Checks that a token that was handed over is there in the place of the one before only,
    /// and has its refresh token.
    pub(super) fn check_succession(
        &self,
        member: &Member,
        before: Option<&Token<Grant>>,
        token: &Token<Grant>,
    ) {
        let (name, value) = (&member.name, value(token));
        let is_handed_over = self.provider.borrow().given(value).attempt.is_none();
        // What comes of a backup has another before it.
        if !is_handed_over || self.restored_at() == Some(self.began_at) {
            return;
        }
        let places = self.submitted.all.get(value);
        let fits = |before: &&Token<Grant>| places.is_some_and(|all| all.contains(&before.id));
        let before = before.filter(fits);
        let before = before.unwrap_or_else(|| panic!("{name} has {value} in a wrong place"));
        let [was, is] = [before, token].map(|token| {
            let refresh_token = token.payload.refresh_token.as_ref();
            refresh_token.map(|token| token.expose_secret().to_owned())
        });
        assert_eq!(is, was, "{name} has {value} without the refresh token from before");
    }

    /// Checks what one who has handed over a newer token is told.
    pub(crate) fn check_submission(
        &self,
        member: &Member,
        Submission { previous, value, user }: &Submission,
        answer: &Result<Rotated, Error>,
        world: &World,
    ) {
        let name = &member.name;
        let held = world.slot(name).and_then(|slot| slot.published());
        let held = held.as_ref().map(|published| published.token());
        let is_held = held.is_some_and(|held| super::token::value(held) == value);
        match answer {
            Ok(Rotated::Accepted(id) | Rotated::Unchanged(id)) => {
                let stored = world.disk.acknowledged(member.id);
                let is_stored = stored.is_some_and(|stored| stored.id == *id);
                assert!(is_stored, "{name} took {value}, and it isn't stored");
                let is_served = held.is_some_and(|held| held.id == *id);
                assert!(is_served && is_held, "{name} took {value}, and it isn't served");
            }
            Err(Error::Superseded(_)) => {
                let is_other = held.is_none_or(|held| held.id != *previous);
                assert!(is_other && !is_held, "{name} takes no {value}, though it could");
            }
            Err(Error::TooManyRotations { .. }) => {
                let since = before(world.truth(), secs(2));
                let all = self.submitted.at.get(user).into_iter().flatten();
                let lately = all.filter(|at| **at >= since).count();
                assert!(lately > BURST, "user {user} is held up after {lately}");
            }
            Err(_) => assert!(!is_held, "{name} serves {value}, and said that it doesn't"),
        }
    }
}
