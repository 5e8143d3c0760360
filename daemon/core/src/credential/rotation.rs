//! Newer tokens that an API has handed to callers.

mod coming;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use self::coming::{Coming, superseded};
use super::{
    Activity, Caller, Credential, Effect, Operation, Step, Turn, WaiterId, arrival::Arrival,
    request::refusals,
};
use crate::{BootTime, Lifetime, Refusal, Session, Token, TokenId, schedule::not_at_once};

/// A newer token, handed over by a caller to whom an API has given it.
#[derive(Debug)]
pub struct Rotation<P> {
    /// Who waits for what becomes of it.
    pub waiter: WaiterId,
    /// The token in whose place it came.
    pub token_id: TokenId,
    /// Who hands it over.
    pub caller: Caller,
    /// How long it lives; `None` if the token itself is the same and only what belongs
    /// to it is newer.
    pub lifetime: Option<Lifetime>,
    /// Whether there is something by which to refresh it.
    pub refreshable: bool,
    /// How its life can be prolonged, if it can.
    pub session: Option<Session>,
    /// The secret and what belongs to it.
    pub payload: P,
}

/// What became of a newer token that a caller handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reception {
    /// It is on disk, and callers see it.
    Accepted(TokenId),
    /// Another token has taken the place of the one before already.
    Superseded,
    /// This caller hands over too many; nothing has changed.
    Throttled {
        /// When it can be handed over again.
        retry_after: Duration,
    },
    /// It isn't served, for now.
    Refused(Refusal),
}

/// A user can hand over so many however fast they come ..
const BURST: u32 = 20;

/// .. and then one in this time: each is a write to the disk, which all share.
const INTERVAL: Duration = Duration::from_millis(100);

/// So many users are remembered; of more, those who handed over last.
const USERS: usize = 32;

/// Newer tokens, and who has handed them over.
#[derive(Debug)]
pub(super) struct Rotations<P> {
    /// When the last one of each user would have come, if they came no faster than they
    /// may all along (the generic cell rate algorithm, ITU-T I.371).
    due_at: BTreeMap<Caller, BootTime>,
    /// One that isn't on disk yet.
    coming: Option<Coming<P>>,
    /// Who handed over another while a token was being written.
    late: Vec<WaiterId>,
}

impl<P> Default for Rotations<P> {
    fn default() -> Self {
        Self { due_at: BTreeMap::new(), coming: None, late: Vec::new() }
    }
}

impl<P> Rotations<P> {
    /// Returns the token that isn't on disk yet.
    pub(super) fn coming(&self) -> Option<&Arc<Token<P>>> {
        self.coming.as_ref().map(|coming| &coming.token)
    }

    pub(super) fn coming_mut(&mut self) -> Option<&mut Arc<Token<P>>> {
        self.coming.as_mut().map(|coming| &mut coming.token)
    }

    /// Returns when one that couldn't be written is to be written again.
    pub(super) fn retry_at(&self) -> Option<BootTime> {
        self.coming.as_ref()?.retry_at()
    }

    /// Tells whether one is being written.
    pub(super) fn is_writing(&self) -> bool {
        self.coming.as_ref().is_some_and(Coming::is_writing)
    }

    /// Gives up one that couldn't be written: another token has come.
    pub(super) fn give_way(&mut self) {
        self.coming = self.coming.take().filter(Coming::is_writing);
    }

    /// Returns how long a user has to wait; zero if it needn't, which is noted.
    fn throttle(&mut self, caller: Caller, now: BootTime) -> Duration {
        if self.due_at.len() >= USERS && !self.due_at.contains_key(&caller) {
            let quietest = self.due_at.iter().min_by_key(|(_, due_at)| **due_at);
            if let Some(caller) = quietest.map(|(caller, _)| *caller) {
                self.due_at.remove(&caller);
            }
        }
        let due_at = self.due_at.entry(caller).or_insert(now);
        let wait = now.until(*due_at).saturating_sub(INTERVAL * (BURST - 1));
        if wait.is_zero() {
            *due_at = (*due_at).max(now).after(INTERVAL);
        }
        wait
    }
}

impl<P: Clone> Credential<P> {
    /// Takes a newer token, if the one before is held; of several about one token the
    /// first counts.
    pub(super) fn rotated(&mut self, rotation: Rotation<P>, turn: &mut Turn<'_, P>) {
        let waiter = rotation.waiter;
        let held = self.token.as_ref().filter(|token| token.id == rotation.token_id);
        let Some(held) = held.map(Arc::clone) else {
            turn.effects.push(Effect::Acknowledge { waiter, reception: Reception::Superseded });
            return;
        };
        let is_writing = self.rotations.is_writing();
        match &self.activity {
            Activity::Issuing { step: Step::Persisting(..), .. } => {
                self.rotations.late.push(waiter);
                return;
            }
            // Another came, and lacks the write only.
            Activity::Unsaved { .. } => {
                let reception = Reception::Refused(self.refusal(turn.now));
                turn.effects.push(Effect::Acknowledge { waiter, reception });
                return;
            }
            _ if is_writing => {
                self.rotations.late.push(waiter);
                return;
            }
            _ => {}
        }
        let retry_after = self.rotations.throttle(rotation.caller, turn.now.boot);
        if !retry_after.is_zero() {
            let reception = Reception::Throttled { retry_after };
            turn.effects.push(Effect::Acknowledge { waiter, reception });
            return;
        }
        let token = Arc::new(self.succeeded(&held, rotation, turn));
        turn.effects.push(Effect::Keep(Arc::clone(&token)));
        // One that couldn't be written is older.
        self.rotations.coming = Some(Coming::new(token, waiter));
    }

    /// Makes a token of what was handed over in the place of `held`.
    fn succeeded(
        &self,
        held: &Token<P>,
        rotation: Rotation<P>,
        turn: &mut Turn<'_, P>,
    ) -> Token<P> {
        let Rotation { lifetime, refreshable, session, payload, .. } = rotation;
        let Some(lifetime) = lifetime else {
            return Token { id: TokenId::draw(&mut turn.random), payload, ..Token::clone(held) };
        };
        let (sent_at, took, same) = (turn.now.wall, Duration::ZERO, false);
        let came = Arrival { sent_at, took, lifetime, same, refreshable, session };
        let token = self.arrived(Operation::Issue, came, payload, turn);
        let remaining = token.remaining(turn.now).unwrap_or(Duration::MAX);
        let refresh_at = token.refresh_at.map(|due| not_at_once(due, sent_at, remaining));
        let refreshes = refreshable.then(|| held.refreshes.unwrap_or_default());
        Token { refresh_at, refreshes, ..token }
    }

    /// Answers those who handed over a token while another was being written.
    pub(super) fn tell_late(&mut self, reception: &Reception, turn: &mut Turn<'_, P>) {
        if self.rotations.is_writing() {
            return;
        }
        let late = std::mem::take(&mut self.rotations.late).into_iter();
        turn.effects.extend(
            late.map(|waiter| Effect::Acknowledge { waiter, reception: reception.clone() }),
        );
    }
}

impl<P> Rotations<P> {
    /// Takes out the token that is being written, if it is this one.
    fn take(&mut self, id: TokenId) -> Option<Coming<P>> {
        self.coming.take_if(|coming| coming.token.id == id && coming.is_writing())
    }

    /// Answers everyone who waits; the credential is gone.
    pub(super) fn remove(self) -> Vec<Effect<P>> {
        let Self { coming, late, .. } = self;
        let (mut submitters, mut effects) = (late, Vec::new());
        if let Some(Coming { submitter, waiters, reporters, .. }) = coming {
            submitters.extend(submitter);
            effects.extend(refusals(waiters, &Refusal::Removed));
            effects.extend(superseded(reporters));
        }
        let reception = Reception::Refused(Refusal::Removed);
        effects.extend(
            submitters
                .into_iter()
                .map(|waiter| Effect::Acknowledge { waiter, reception: reception.clone() }),
        );
        effects
    }
}
