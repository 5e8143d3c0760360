//! Newer tokens that an API hands to callers, who hand them over.

use tokend::engine::{Error, Rotated};
use tokend_core::TokenId;
use tokio::sync::oneshot::error::TryRecvError;

use super::{Run, USERS};
use crate::{witness::Submission, world::caller::Waiting};

/// What callers have handed over.
#[derive(Default)]
pub(in super::super) struct Rotations {
    /// Those of which nothing was heard yet, and of which credentials.
    waiting: Vec<(usize, Submission, Waiting<Rotated>)>,
    /// All that APIs have handed out, and of which credentials.
    newer: Vec<(usize, String)>,
}

impl Run {
    /// Callers hand over newer tokens of a credential, also such that have been handed over
    /// before, and in the place of such as aren't held any more.
    pub(super) fn hand_over(&mut self) {
        let all = self.plan.members.iter().filter(|member| member.slides);
        let all: Vec<usize> = all.map(|member| member.place).collect();
        if all.is_empty() {
            return;
        }
        let position = self.dice.pick(&all);
        match self.dice.below(10) {
            0..3 => self.force_one(position),
            3 => self.trouble(),
            _ => {}
        }
        for _ in 0..=self.dice.below(3) {
            let Some(held) = self.held(position) else { return };
            let previous = self.previous(position, held);
            let value = self.newer(position);
            let user = u32::try_from(self.dice.below(USERS)).expect("there are a few");
            self.hand_over_one(position, held, Submission { previous, value, user });
        }
        if self.dice.percent(25) {
            self.end_within(5);
        }
    }

    fn held(&self, position: usize) -> Option<TokenId> {
        self.world.slot(&self.plan.members[position].name)?.token_id()
    }

    /// Draws in whose place one comes.
    fn previous(&mut self, position: usize, held: TokenId) -> TokenId {
        let had = self.had.iter().filter(|(of, id)| *of == position && *id != held);
        let had: Vec<_> = had.map(|(_, id)| *id).collect();
        if !had.is_empty() && self.dice.percent(30) { self.dice.pick(&had) } else { held }
    }

    /// Draws what an API hands out.
    fn newer(&mut self, position: usize) -> String {
        let (account, at) = (self.plan.members[position].account, self.world.truth());
        let provider = self.provider.borrow();
        let lives = |value: &str| !provider.has_ended(value) && !self.world.disk.is_to_end(value);
        let newer = self.rotations.newer.iter();
        let newer = newer.filter(|(of, value)| *of == position && lives(value));
        let newer: Vec<&String> = newer.map(|(_, value)| value).collect();
        let again = match self.dice.below(10) {
            0..2 if !newer.is_empty() => Some(self.dice.pick(&newer).clone()),
            2..5 => newer.last().copied().cloned(),
            _ => None,
        };
        drop(provider);
        let mut provider = self.provider.borrow_mut();
        if let Some(value) = again {
            provider.hand_out_again(account, &value, at);
            return value;
        }
        let value = provider.hand_out(account, at);
        self.rotations.newer.push((position, value.clone()));
        value
    }

    fn hand_over_one(&mut self, position: usize, held: TokenId, submission: Submission) {
        let name = self.plan.members[position].name.clone();
        let Submission { previous, value, user } = &submission;
        let stale = *previous != held;
        self.note(format_args!("user {user} hands over {value} of {name}, stale: {stale}"));
        let has_it = self.has(position, value);
        self.witness.submits(&submission, &self.world);
        let mut answer = self.world.rotate(&name, *previous, value, *user);
        if stale {
            let answer = answer.try_recv().expect("there is nothing to wait for");
            let fits = match &answer {
                Ok(Rotated::Unchanged(id)) => has_it && *id == held,
                Err(Error::Superseded(_)) => !has_it,
                _ => false,
            };
            assert!(fits, "{name} takes {value} in the place of none: {answer:?}");
            assert_eq!(self.held(position), Some(held), "{name} has another token for that");
        } else {
            self.rotations.waiting.push((position, submission, answer));
        }
        self.look();
        self.hear();
    }

    /// Tells whether this is the token that is held.
    fn has(&self, position: usize, value: &str) -> bool {
        let slot = self.world.slot(&self.plan.members[position].name);
        let published = slot.and_then(|slot| slot.published());
        published.is_some_and(|published| crate::world::caller::value(&published) == value)
    }

    /// Those who have handed over something hear what there is to hear.
    pub(in super::super) fn hear_rotations(&mut self) {
        let mut position = 0;
        while position < self.rotations.waiting.len() {
            match self.rotations.waiting[position].2.try_recv() {
                Err(TryRecvError::Empty) => position += 1,
                Err(TryRecvError::Closed) => panic!("someone who hands over one was forgotten"),
                Ok(answer) => {
                    let (member, submission, _) = self.rotations.waiting.remove(position);
                    let member = self.plan.members[member].clone();
                    let (name, value) = (&member.name, &submission.value);
                    match &answer {
                        Ok(rotated) => self.note(format_args!("{name} takes {value}: {rotated:?}")),
                        Err(error) => self.note(format_args!("{name} takes no {value}: {error}")),
                    }
                    self.witness.check_submission(&member, &submission, &answer, &self.world);
                }
            }
        }
    }

    /// The daemon has ended: nobody hears any more what became of it.
    pub(in super::super) fn leave_rotations(&mut self) {
        self.rotations.waiting.clear();
    }

    /// Tells whether someone waits for what becomes of a newer token.
    pub(in super::super) fn has_rotations(&self) -> bool {
        !self.rotations.waiting.is_empty()
    }
}
