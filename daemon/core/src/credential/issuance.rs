//! One issuance on its way: reserved, sent, persisted, or given up.

use std::{sync::Arc, time::Duration};

use super::{Activity, Cause, Credential, Effect, Receipt, Step, Turn, Waiter, refusals};
use crate::{
    Failure, IssuanceId, Random, Refusal, Setback, StoreFailure, Token, Verdict,
    schedule::not_at_once,
};

/// A token with a shorter life is as good as expired: to keep one at hand would
/// be to ask without a pause.
const LEAST_LIFE: Duration = Duration::from_secs(5);

/// A refresh that the limits don't allow isn't tried again sooner.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// A token with less left on arrival is as good as expired.
const LEAST_REMAINING: Duration = Duration::from_secs(1);

impl<P> Credential<P> {
    pub(super) fn start(&mut self, cause: Cause, waiters: Vec<Waiter>, turn: &mut Turn<'_, P>) {
        let issuance = IssuanceId::draw(&mut turn.random);
        self.activity = Activity::Issuing { issuance, step: Step::Reserving(cause), waiters };
        turn.effects.push(Effect::Reserve { issuance, cause });
    }

    pub(super) fn reserved(&mut self, id: IssuanceId, turn: &mut Turn<'_, P>) {
        if let Activity::Issuing { issuance, step: step @ Step::Reserving(_), .. } =
            &mut self.activity
            && *issuance == id
        {
            *step = Step::Sending;
            turn.effects.push(Effect::Send(id));
        }
    }

    pub(super) fn refused(
        &mut self,
        id: IssuanceId,
        retry_after: Duration,
        turn: &mut Turn<'_, P>,
    ) {
        let Activity::Issuing { issuance, step: Step::Reserving(cause), .. } = &self.activity
        else {
            return;
        };
        if *issuance != id {
            return;
        }
        let wait = match (cause, &self.token) {
            // What is held back from refreshes is there for whom no token is left.
            (Cause::Aging | Cause::MinTtl, Some(token)) => {
                retry_after.min(token.serviceable(turn.now)).max(LEAST_PAUSE)
            }
            _ => retry_after,
        };
        let next = Activity::Waiting { retry_at: turn.now.boot.after(wait) };
        self.give_up(Setback::Budget, next, turn);
    }

    pub(super) fn issued(
        &mut self,
        issuance: IssuanceId,
        token: Token<P>,
        receipt: Receipt,
        turn: &mut Turn<'_, P>,
    ) {
        let life = token.life().unwrap_or(Duration::MAX);
        let remaining = token.remaining(turn.now).unwrap_or(Duration::MAX);
        if life < LEAST_LIFE || remaining < LEAST_REMAINING {
            let life = life.as_secs();
            let failure = transient(format!(
                "the token had as good as expired when it came: it lives for {life} s"
            ));
            settle(issuance, true, &failure, receipt, turn);
            self.failed(failure, turn);
            return;
        }
        if let Activity::Issuing { step, .. } = &mut self.activity {
            let refresh_at = token.refresh_at.map(|due| not_at_once(due, turn.now.wall, remaining));
            let token = Arc::new(Token { refresh_at, ..token });
            *step = Step::Persisting(Arc::clone(&token), receipt);
            turn.effects.push(Effect::Persist { issuance, token, receipt });
        }
    }

    pub(super) fn failed(&mut self, failure: Failure, turn: &mut Turn<'_, P>) {
        self.consecutive_failures = self.consecutive_failures.saturating_add(1);
        let next = if failure.verdict == Verdict::Denied {
            Activity::Refused
        } else {
            let wait = failure.wait(self.consecutive_failures, &mut turn.random);
            Activity::Waiting { retry_at: turn.now.boot.after(wait) }
        };
        self.give_up(Setback::Issuance(failure), next, turn);
    }

    pub(super) fn persisted(&mut self, id: IssuanceId, turn: &mut Turn<'_, P>) {
        let Activity::Issuing { issuance, step: Step::Persisting(token, _), waiters } =
            &mut self.activity
        else {
            return;
        };
        if *issuance != id {
            return;
        }
        let token = Arc::clone(token);
        if token.is_expired(turn.now) {
            self.failed(transient("the token expired before it could be stored".to_owned()), turn);
            return;
        }
        let waiters = std::mem::take(waiters);
        self.activity = Activity::Resting;
        self.consecutive_failures = 0;
        self.store_failures = 0;
        self.setback = None;
        turn.effects.push(Effect::Publish(Arc::clone(&token)));
        for waiter in waiters {
            let answer = if token.satisfies(waiter.min_ttl, turn.now) {
                Ok(Arc::clone(&token))
            } else {
                let life = token.remaining(turn.now).unwrap_or_default();
                Err(Refusal::MinTtlUnsatisfiable { life })
            };
            turn.effects.push(Effect::Answer { waiter: waiter.id, answer });
        }
        self.token = Some(token);
    }

    pub(super) fn unwritten(
        &mut self,
        id: IssuanceId,
        failure: StoreFailure,
        turn: &mut Turn<'_, P>,
    ) {
        let Activity::Issuing { issuance, step, .. } = &self.activity else {
            return;
        };
        if *issuance != id {
            return;
        }
        self.store_failures = self.store_failures.saturating_add(1);
        let wait = store_wait(&failure, self.store_failures, &mut turn.random);
        let retry_at = turn.now.boot.after(wait);
        let next = match step {
            Step::Reserving(_) => Activity::Waiting { retry_at },
            Step::Persisting(token, receipt) => Activity::Unsaved {
                issuance: id,
                token: Arc::clone(token),
                receipt: *receipt,
                retry_at,
            },
            Step::Sending => return,
        };
        self.give_up(Setback::Store(failure), next, turn);
    }

    /// Ends the issuance without a token: everyone who waits learns why.
    pub(super) fn give_up(&mut self, setback: Setback, next: Activity<P>, turn: &mut Turn<'_, P>) {
        self.setback = Some((setback, turn.now.wall));
        if let Activity::Issuing { waiters, .. } = std::mem::replace(&mut self.activity, next) {
            let refusal = self.refusal(turn.now);
            turn.effects.extend(refusals(waiters, &refusal));
        }
    }

    pub(super) fn save_again(&mut self, waiters: Vec<Waiter>, turn: &mut Turn<'_, P>) {
        if let Activity::Unsaved { issuance, token, receipt, .. } = &self.activity {
            let (issuance, token, receipt) = (*issuance, Arc::clone(token), *receipt);
            let step = Step::Persisting(Arc::clone(&token), receipt);
            turn.effects.push(Effect::Persist { issuance, token, receipt });
            self.activity = Activity::Issuing { issuance, step, waiters };
        }
    }
}

pub(super) fn transient(message: String) -> Failure {
    Failure { verdict: Verdict::Transient, retry_after: None, message }
}

/// A store that fails is looked at again as a failing provider is, but within a
/// minute: looking costs nothing.
fn store_wait(failure: &StoreFailure, consecutive: u32, random: &mut impl Random) -> Duration {
    const LONGEST_ROW: u32 = 5;
    transient(failure.message.clone()).wait(consecutive.min(LONGEST_ROW), random)
}

pub(super) fn settle<P>(
    issuance: IssuanceId,
    sent: bool,
    failure: &Failure,
    receipt: Receipt,
    turn: &mut Turn<'_, P>,
) {
    let failure = failure.clone();
    turn.effects.push(Effect::Settle { issuance, sent, failure, receipt });
}
