//! A newer token on its way to the disk, and who waits for it.

use std::{sync::Arc, time::Duration};

use super::Reception;
use crate::{
    BootTime, Moment, Refusal, Setback, StoreFailure, Token, TokenId,
    credential::{Activity, Credential, Effect, Next, Ruling, Step, Turn, Waiter, WaiterId},
};

/// A newer token on its way to the disk.
#[derive(Debug)]
pub(super) struct Coming<P> {
    pub(super) token: Arc<Token<P>>,
    stage: Stage,
    pub(super) submitter: Option<WaiterId>,
    pub(super) waiters: Vec<Waiter>,
    pub(super) reporters: Vec<WaiterId>,
}

#[derive(Debug)]
enum Stage {
    Writing,
    /// The API has dropped the token before: to lose this one would do harm.
    Unwritten {
        failure: StoreFailure,
        retry_at: BootTime,
    },
}

impl<P> Coming<P> {
    /// Makes one that is being written.
    pub(super) fn new(token: Arc<Token<P>>, submitter: WaiterId) -> Self {
        let (waiters, reporters) = Default::default();
        Self { token, stage: Stage::Writing, submitter: Some(submitter), waiters, reporters }
    }

    /// Returns when it is to be written again, if it couldn't be written.
    pub(super) fn retry_at(&self) -> Option<BootTime> {
        match self.stage {
            Stage::Writing => None,
            Stage::Unwritten { retry_at, .. } => Some(retry_at),
        }
    }

    pub(super) fn is_writing(&self) -> bool {
        matches!(self.stage, Stage::Writing)
    }

    /// Returns why it can't be written now, if writing it isn't under way or due.
    fn refusal(&self, now: Moment) -> Option<Refusal> {
        match &self.stage {
            Stage::Unwritten { failure, retry_at } if *retry_at > now.boot => {
                let (failure, retry_after) = (failure.clone(), now.boot.until(*retry_at));
                Some(Refusal::Store { failure, retry_after })
            }
            _ => None,
        }
    }
}

impl<P: Clone> Credential<P> {
    /// The newer token is on disk: callers see it.
    pub(in crate::credential) fn kept(&mut self, id: TokenId, turn: &mut Turn<'_, P>) {
        let Some(coming) = self.rotations.take(id) else { return };
        self.store_failures = 0;
        if matches!(self.setback, Some((Setback::Store(_), _))) {
            self.setback = None;
        }
        let Coming { token, submitter, waiters, reporters, .. } = coming;
        if token.is_expired(turn.now) {
            self.lost(submitter, waiters, reporters, turn);
            return;
        }
        self.refused = None;
        self.is_left_alone = false;
        self.token = Some(Arc::clone(&token));
        turn.effects.push(Effect::Publish(token));
        turn.effects.extend(
            submitter
                .map(|waiter| Effect::Acknowledge { waiter, reception: Reception::Accepted(id) }),
        );
        self.tell_late(&Reception::Superseded, turn);
        turn.effects.extend(superseded(reporters));
        self.relieve(turn);
        for waiter in waiters {
            self.requested(waiter, turn);
        }
    }

    /// Answers those who wait for an issuance and whom the token that is held serves. One
    /// that no one wants any more isn't begun.
    fn relieve(&mut self, turn: &mut Turn<'_, P>) {
        if let Activity::Resting(next) = &mut self.activity {
            *next = Next::Due;
        }
        let Activity::Issuing { cause, step, waiters, reporters, .. } = &mut self.activity else {
            return;
        };
        turn.effects.extend(superseded(std::mem::take(reporters)));
        let waiting = std::mem::take(waiters);
        if matches!(step, Step::Queued) && !cause.is_wish() {
            self.activity = Activity::Resting(Next::Due);
        }
        for waiter in waiting {
            self.requested(waiter, turn);
        }
    }

    /// The newer token has expired on its way to the disk.
    fn lost(
        &mut self,
        submitter: Option<WaiterId>,
        waiters: Vec<Waiter>,
        reporters: Vec<WaiterId>,
        turn: &mut Turn<'_, P>,
    ) {
        let message = "the token expired before it could be stored".to_owned();
        let refusal = Refusal::Unavailable { retry_after: Duration::ZERO, message };
        let reception = Reception::Refused(refusal);
        self.rotations.late.extend(submitter);
        self.tell_late(&reception, turn);
        let ruling = Ruling::Suppressed { retry_after: Duration::ZERO };
        turn.effects.extend(
            reporters.into_iter().map(|waiter| Effect::Rule { waiter, ruling: ruling.clone() }),
        );
        for waiter in waiters {
            self.requested(waiter, turn);
        }
    }

    /// The newer token couldn't be written. It is written later, unless another has come
    /// meanwhile.
    pub(in crate::credential) fn unkept(
        &mut self,
        id: TokenId,
        failure: StoreFailure,
        turn: &mut Turn<'_, P>,
    ) {
        let Some(coming) = self.rotations.take(id) else { return };
        self.store_failures = self.store_failures.saturating_add(1);
        let retry_after = self.store_wait(&failure, turn);
        let refusal = Refusal::Store { failure: failure.clone(), retry_after };
        let Coming { token, submitter, waiters, reporters, .. } = coming;
        self.rotations.late.extend(submitter);
        self.tell_late(&Reception::Refused(refusal.clone()), turn);
        let ruling = Ruling::Suppressed { retry_after };
        turn.effects.extend(
            reporters.into_iter().map(|waiter| Effect::Rule { waiter, ruling: ruling.clone() }),
        );
        self.turn_away_for(&refusal, waiters, turn);
        let is_later = matches!(
            self.activity,
            Activity::Issuing { step: Step::Persisting(..), .. } | Activity::Unsaved { .. }
        );
        if is_later {
            return;
        }
        if self.setback.is_none() {
            self.setback = Some((Setback::Store(failure.clone()), turn.now.wall));
        }
        let stage = Stage::Unwritten { failure, retry_at: turn.now.boot.after(retry_after) };
        let (submitter, waiters, reporters) = Default::default();
        self.rotations.coming = Some(Coming { token, stage, submitter, waiters, reporters });
    }

    /// Writes a newer token again that couldn't be written.
    pub(in crate::credential) fn keep_again(&mut self, turn: &mut Turn<'_, P>) {
        if let Some(coming) = &mut self.rotations.coming
            && !coming.is_writing()
        {
            coming.stage = Stage::Writing;
            turn.effects.push(Effect::Keep(Arc::clone(&coming.token)));
        }
    }

    /// Lets a caller wait for a newer token that isn't on disk yet, if that will serve it,
    /// rather than ask the provider. Returns whether the caller is seen to.
    pub(in crate::credential) fn awaits_rotation(
        &mut self,
        waiter: Waiter,
        turn: &mut Turn<'_, P>,
    ) -> bool {
        let now = turn.now;
        let Some(coming) = &mut self.rotations.coming else { return false };
        if !coming.token.satisfies(waiter.min_ttl, now) {
            return false;
        }
        if let Some(refusal) = coming.refusal(now) {
            if matches!(self.activity, Activity::Issuing { .. }) {
                return false;
            }
            self.turn_away_for(&refusal, vec![waiter], turn);
            return true;
        }
        coming.waiters.push(waiter);
        self.keep_again(turn);
        true
    }

    /// Rules on a report about a token for which a newer one isn't on disk yet. Returns
    /// whether there is one.
    pub(in crate::credential) fn report_awaits_rotation(
        &mut self,
        waiter: WaiterId,
        turn: &mut Turn<'_, P>,
    ) -> bool {
        let now = turn.now;
        let Some(coming) = &mut self.rotations.coming else { return false };
        if let Some(Refusal::Store { retry_after, .. }) = coming.refusal(now) {
            turn.effects.push(Effect::Rule { waiter, ruling: Ruling::Suppressed { retry_after } });
        } else {
            coming.reporters.push(waiter);
            self.keep_again(turn);
        }
        true
    }
}

/// Tells reporters that another token is there.
pub(super) fn superseded<P>(reporters: Vec<WaiterId>) -> impl Iterator<Item = Effect<P>> {
    reporters.into_iter().map(|waiter| Effect::Rule { waiter, ruling: Ruling::Superseded })
}
