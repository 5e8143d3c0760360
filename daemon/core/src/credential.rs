//! The life of one credential: what it holds, what it is doing, what comes next.

mod effect;
mod input;
mod issuance;
#[cfg(test)]
mod tests;
mod view;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use self::issuance::settle;
pub use self::{
    effect::{Cause, Effect},
    input::{History, Input, Receipt, Waiter, WaiterId},
    view::{State, View},
};
use crate::{
    BootTime, IssuanceId, Moment, Random, Refusal, Setback, Token, TokenId, Verdict, refresh_at,
};

#[derive(Debug)]
pub(crate) struct Credential<P> {
    /// The time between refreshes that the limits allow.
    pace: Duration,
    token: Option<Arc<Token<P>>>,
    activity: Activity<P>,
    consecutive_failures: u32,
    store_failures: u32,
    setback: Option<(Setback, Timestamp)>,
}

/// What is under way. Whether a usable token is held is another question: any
/// of these can go on beside one.
#[derive(Debug)]
enum Activity<P> {
    /// Nothing, until the token is due or a caller comes.
    Resting,
    /// An issuance. Everyone who asks meanwhile waits for it.
    Issuing { issuance: IssuanceId, step: Step<P>, waiters: Vec<Waiter> },
    /// A wait after a failure or for the budget.
    Waiting { retry_at: BootTime },
    /// A token came but couldn't be written; writing is tried again, nothing is
    /// asked for.
    Unsaved { issuance: IssuanceId, token: Arc<Token<P>>, receipt: Receipt, retry_at: BootTime },
    /// The provider refused the credential, or nothing can be sent: nothing
    /// happens until a person acts.
    Refused,
}

#[derive(Debug)]
enum Step<P> {
    Reserving(Cause),
    Sending,
    Persisting(Arc<Token<P>>, Receipt),
}

/// When a credential has to be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deadline {
    Now,
    /// Whichever comes first.
    Token {
        wall: Timestamp,
        boot: BootTime,
    },
    Boot(BootTime),
}

/// One look at a credential: when it happens, what is drawn, what is to be done.
pub(crate) struct Turn<'a, P> {
    pub(crate) now: Moment,
    pub(crate) random: &'a mut dyn Random,
    pub(crate) effects: Vec<Effect<P>>,
}

impl<P> Credential<P> {
    /// Takes a credential up from the store.
    pub(crate) fn load(
        token: Option<Token<P>>,
        history: History,
        pace: Duration,
        turn: &mut Turn<'_, P>,
    ) -> Self {
        let token = token.map(|token| Arc::new(Token { taken_up: Some(turn.now), ..token }));
        if let Some(token) = &token {
            turn.effects.push(Effect::Publish(Arc::clone(token)));
        }
        let consecutive_failures = history.consecutive_failures;
        let (activity, setback) = match history.last_failure {
            None => (Activity::Resting, None),
            Some((failure, at, ago)) => {
                let activity = if failure.verdict == Verdict::Denied {
                    Activity::Refused
                } else {
                    let wait =
                        failure.wait(consecutive_failures, &mut turn.random).saturating_sub(ago);
                    Activity::Waiting { retry_at: turn.now.boot.after(wait) }
                };
                (activity, Some((Setback::Issuance(failure), at)))
            }
        };
        Self { pace, token, activity, consecutive_failures, store_failures: 0, setback }
    }

    pub(crate) fn handle(&mut self, input: Input<P>, turn: &mut Turn<'_, P>) {
        match input {
            // The shell loads a credential once; the keeper takes care of it.
            Input::Loaded { .. } => {}
            Input::Requested(waiter) => self.requested(waiter, turn),
            Input::Forced(waiter) => self.forced(waiter, turn),
            Input::Reserved(id) => self.reserved(id, turn),
            Input::Refused { issuance, retry_after } => {
                self.refused(issuance, retry_after, turn);
            }
            Input::Impossible { issuance, message } => {
                if self.is_reserving(issuance) {
                    self.give_up(Setback::Impossible(message), Activity::Refused, turn);
                }
            }
            Input::Issued { issuance, sent_at, lifetime, payload, receipt } => {
                if self.is_sending(issuance) {
                    let token = Token {
                        id: TokenId::draw(&mut turn.random),
                        issued_at: sent_at,
                        expires_at: lifetime.end(sent_at),
                        refresh_at: refresh_at(sent_at, lifetime, self.pace, &mut turn.random),
                        taken_up: Some(turn.now),
                        payload,
                    };
                    self.issued(issuance, token, receipt, turn);
                }
            }
            Input::Failed { issuance, sent, failure, receipt } => {
                if self.is_sending(issuance) {
                    settle(issuance, sent, &failure, receipt, turn);
                    self.failed(failure, turn);
                }
            }
            Input::Persisted(id) => self.persisted(id, turn),
            Input::Unwritten { issuance, failure } => {
                self.unwritten(issuance, failure, turn);
            }
        }
    }

    /// Does what is due.
    pub(crate) fn wake(&mut self, turn: &mut Turn<'_, P>) {
        if !self.is_due(turn.now) {
            return;
        }
        match &self.activity {
            // What failed was asked for out of turn; the token itself isn't due.
            Activity::Waiting { .. } if !self.is_token_due(turn.now) => {
                self.activity = Activity::Resting;
            }
            Activity::Resting | Activity::Waiting { .. } => {
                let cause = self.cause(Cause::Aging, turn.now);
                self.start(cause, Vec::new(), turn);
            }
            Activity::Unsaved { .. } => self.save_again(Vec::new(), turn),
            Activity::Issuing { .. } | Activity::Refused => {}
        }
    }

    /// Writes a token now that couldn't be written before.
    pub(crate) fn save(&mut self, turn: &mut Turn<'_, P>) {
        self.save_again(Vec::new(), turn);
    }

    /// Answers everyone who waits; the credential is gone.
    pub(crate) fn remove(self) -> Vec<Effect<P>> {
        match self.activity {
            Activity::Issuing { waiters, .. } => refusals(waiters, &Refusal::Removed).collect(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        match &self.activity {
            Activity::Resting => match &self.token {
                Some(token) => token.due().map(|(wall, boot)| Deadline::Token { wall, boot }),
                None => Some(Deadline::Now),
            },
            Activity::Waiting { retry_at } | Activity::Unsaved { retry_at, .. } => {
                Some(Deadline::Boot(*retry_at))
            }
            Activity::Issuing { .. } | Activity::Refused => None,
        }
    }

    fn requested(&mut self, waiter: Waiter, turn: &mut Turn<'_, P>) {
        // It may have been published since the caller looked.
        if let Some(token) = self.usable(turn.now).filter(|t| t.satisfies(waiter.min_ttl, turn.now))
        {
            let answer = Ok(Arc::clone(token));
            turn.effects.push(Effect::Answer { waiter: waiter.id, answer });
            return;
        }
        if let Some(life) = self.unsatisfiable(waiter.min_ttl, turn.now) {
            turn.effects.extend(refusals([waiter], &Refusal::MinTtlUnsatisfiable { life }));
            return;
        }
        if let Activity::Issuing { waiters, .. } = &mut self.activity {
            waiters.push(waiter);
        } else if matches!(self.activity, Activity::Resting) || self.is_due(turn.now) {
            let cause = self.cause(Cause::MinTtl, turn.now);
            match self.activity {
                Activity::Unsaved { .. } => self.save_again(vec![waiter], turn),
                _ => self.start(cause, vec![waiter], turn),
            }
        } else {
            let refusal = self.refusal(turn.now);
            turn.effects.extend(refusals([waiter], &refusal));
        }
    }

    fn forced(&mut self, id: WaiterId, turn: &mut Turn<'_, P>) {
        let waiter = Waiter { id, min_ttl: Some(Duration::ZERO) };
        match &mut self.activity {
            Activity::Issuing { waiters, .. } => waiters.push(waiter),
            // The provider has answered already; what is missing is the write.
            Activity::Unsaved { .. } => self.save_again(vec![waiter], turn),
            Activity::Resting | Activity::Waiting { .. } | Activity::Refused => {
                self.start(Cause::Forced, vec![waiter], turn);
            }
        }
    }

    /// What a caller is told for whom no token is held and none is under way.
    fn refusal(&self, now: Moment) -> Refusal {
        let retry_after = match &self.activity {
            Activity::Waiting { retry_at } | Activity::Unsaved { retry_at, .. } => {
                now.boot.until(*retry_at)
            }
            Activity::Resting | Activity::Issuing { .. } | Activity::Refused => Duration::ZERO,
        };
        match &self.setback {
            Some((setback, _)) => setback.refusal(retry_after),
            None => Refusal::Unavailable { retry_after, message: "no token yet".to_owned() },
        }
    }

    /// Returns why an issuance is wanted now, which is for another reason than
    /// `other` if there is no token that callers could do with.
    fn cause(&self, other: Cause, now: Moment) -> Cause {
        let held = self.usable(now).is_some_and(|token| token.satisfies(None, now));
        if held { other } else { Cause::Absent }
    }

    fn usable(&self, now: Moment) -> Option<&Arc<Token<P>>> {
        self.token.as_ref().filter(|token| !token.is_expired(now))
    }

    /// Returns the life of the token that is held if no token of that life can
    /// satisfy `min_ttl`. Asking the provider would only spend an issuance.
    fn unsatisfiable(&self, min_ttl: Option<Duration>, now: Moment) -> Option<Duration> {
        let token = self.usable(now).filter(|token| token.never_satisfies(min_ttl))?;
        token.life()
    }

    /// Tells whether there is no usable token, or one that is to be replaced.
    fn is_token_due(&self, now: Moment) -> bool {
        self.usable(now).is_none_or(|token| token.is_due(now))
    }

    fn is_reserving(&self, id: IssuanceId) -> bool {
        matches!(&self.activity, Activity::Issuing { issuance, step: Step::Reserving(_), .. }
            if *issuance == id)
    }

    fn is_sending(&self, id: IssuanceId) -> bool {
        matches!(&self.activity, Activity::Issuing { issuance, step: Step::Sending, .. }
            if *issuance == id)
    }

    fn is_due(&self, now: Moment) -> bool {
        match self.deadline() {
            Some(Deadline::Now) => true,
            Some(Deadline::Token { wall, boot }) => wall <= now.wall || boot <= now.boot,
            Some(Deadline::Boot(at)) => at <= now.boot,
            None => false,
        }
    }
}

fn refusals<P>(
    waiters: impl IntoIterator<Item = Waiter>,
    refusal: &Refusal,
) -> impl Iterator<Item = Effect<P>> {
    let answer =
        |waiter: Waiter| Effect::Answer { waiter: waiter.id, answer: Err(refusal.clone()) };
    waiters.into_iter().map(answer)
}
