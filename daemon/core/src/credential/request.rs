//! Callers and operators who want a token: who is served, who waits, who is turned
//! away.

use std::{sync::Arc, time::Duration};

use super::{Activity, Cause, Credential, Effect, Next, Turn, Waiter, WaiterId};
use crate::{Moment, Refusal, Token};

impl<P: Clone> Credential<P> {
    pub(super) fn requested(&mut self, waiter: Waiter, turn: &mut Turn<'_, P>) {
        // It may have been published since the caller looked.
        if let Some(token) = self.usable(turn.now).filter(|t| t.satisfies(waiter.min_ttl, turn.now))
        {
            turn.effects.push(serve(waiter, token));
            return;
        }
        if let Some(life) = self.unsatisfiable(waiter.min_ttl, turn.now) {
            turn.effects.extend(refusals([waiter], &Refusal::MinTtlUnsatisfiable { life }));
            return;
        }
        if self.awaits_rotation(waiter, turn) {
            return;
        }
        let resting = matches!(self.activity, Activity::Resting(_));
        if let Activity::Issuing { waiters, .. } = &mut self.activity {
            waiters.push(waiter);
        } else if let (Activity::Resting(Next::Due), Some(token)) =
            (&self.activity, self.makeshift(waiter, turn.now))
            && !token.is_due(turn.now)
        {
            // Limits are such that each token is used up.
            turn.effects.push(serve(waiter, token));
        } else if resting || self.is_due(turn.now) {
            match self.activity {
                Activity::Unsaved { .. } => self.save_again(vec![waiter], turn),
                _ => self.start(Cause::MinTtl, vec![waiter], turn),
            }
        } else {
            self.turn_away(vec![waiter], turn);
        }
    }

    pub(super) fn forced(&mut self, id: WaiterId, turn: &mut Turn<'_, P>) {
        let waiter = Waiter { id, min_ttl: Some(Duration::ZERO) };
        self.excuse();
        match &mut self.activity {
            Activity::Issuing { waiters, .. } => waiters.push(waiter),
            // The provider has answered already; what is missing is the write.
            Activity::Unsaved { .. } => self.save_again(vec![waiter], turn),
            Activity::Resting(_) | Activity::Waiting { .. } | Activity::Refused => {
                self.start(Cause::Forced, vec![waiter], turn);
            }
        }
    }

    /// Tells callers why no new token comes. One who didn't say what life it needs
    /// gets whatever is valid.
    pub(super) fn turn_away(&self, waiters: Vec<Waiter>, turn: &mut Turn<'_, P>) {
        self.turn_away_for(&self.refusal(turn.now), waiters, turn);
    }

    /// Does so for this reason.
    pub(super) fn turn_away_for(
        &self,
        refusal: &Refusal,
        waiters: Vec<Waiter>,
        turn: &mut Turn<'_, P>,
    ) {
        for waiter in waiters {
            match self.makeshift(waiter, turn.now) {
                Some(token) => turn.effects.push(serve(waiter, token)),
                None => turn.effects.extend(refusals([waiter], refusal)),
            }
        }
    }

    fn makeshift(&self, waiter: Waiter, now: Moment) -> Option<&Arc<Token<P>>> {
        self.usable(now).filter(|_| waiter.min_ttl.is_none())
    }

    /// What a caller is told for whom no token is held and none is under way.
    pub(super) fn refusal(&self, now: Moment) -> Refusal {
        let retry_after = match &self.activity {
            Activity::Waiting { retry_at } | Activity::Unsaved { retry_at, .. } => {
                now.boot.until(*retry_at)
            }
            Activity::Resting(_) | Activity::Issuing { .. } | Activity::Refused => Duration::ZERO,
        };
        match &self.setback {
            Some((setback, _)) => setback.refusal(retry_after),
            None => Refusal::Unavailable { retry_after, message: "no token yet".to_owned() },
        }
    }

    /// Returns the life of the token that is held if no token of that life can
    /// satisfy `min_ttl`. Asking the provider would only spend an issuance.
    fn unsatisfiable(&self, min_ttl: Option<Duration>, now: Moment) -> Option<Duration> {
        let token = self.usable(now).filter(|token| token.never_satisfies(min_ttl))?;
        token.life()
    }
}

fn serve<P>(waiter: Waiter, token: &Arc<Token<P>>) -> Effect<P> {
    Effect::Answer { waiter: waiter.id, answer: Ok(Arc::clone(token)) }
}

pub(super) fn refusals<P>(
    waiters: impl IntoIterator<Item = Waiter>,
    refusal: &Refusal,
) -> impl Iterator<Item = Effect<P>> {
    let answer =
        |waiter: Waiter| Effect::Answer { waiter: waiter.id, answer: Err(refusal.clone()) };
    waiters.into_iter().map(answer)
}
