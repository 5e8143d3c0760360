//! The life of one credential: what it holds, what it is doing, what comes next.

mod arrival;
mod deadline;
mod doubt;
mod effect;
mod input;
mod issuance;
mod login;
mod patience;
mod rejection;
mod request;
mod resupply;
mod revocation;
mod rotation;
#[cfg(test)]
mod tests;
mod view;
mod want;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

pub(crate) use self::deadline::Deadline;
use self::{
    arrival::Arrival,
    doubt::Doubtful,
    issuance::{settle, transient},
    rejection::Rejections,
    request::refusals,
    rotation::Rotations,
    want::Wants,
};
pub use self::{
    doubt::{Doubt, DoubtReason},
    effect::{Cause, Effect, Operation},
    input::{Fate, History, Input, Receipt, Waiter, WaiterId},
    login::Login,
    rejection::{Caller, Report, Reports, Ruling},
    rotation::{Reception, Rotation},
    view::{State, View},
    want::Want,
};
use crate::{
    Allowance, BootTime, Demand, IssuanceId, Moment, Origin, Policy, Random, Refusal, Setback,
    Terms, Token, TokenId, Verdict, failure::LONGEST_WAIT, schedule::brief,
};

#[derive(Debug)]
pub(crate) struct Credential<P> {
    terms: Terms,
    /// When it was taken up, which counts as a use.
    since: BootTime,
    token: Option<Arc<Token<P>>>,
    activity: Activity<P>,
    /// What the limits allowed last.
    allowance: Allowance,
    /// Whether the refresh token may be of no use any more.
    doubt: Option<Doubtful>,
    consecutive_failures: u32,
    store_failures: u32,
    setback: Option<(Setback, Timestamp)>,
    /// Until when the provider wants to be left alone, whatever else is waited for.
    away_until: Option<BootTime>,
    rejections: Rejections,
    wants: Wants,
    rotations: Rotations<P>,
    /// The token for whose refusal by an API another is to come.
    refused: Option<TokenId>,
    /// The token that was revoked last.
    revoked: Option<TokenId>,
    /// Whether nothing is asked for until someone wants a token: an operator has revoked
    /// the last one.
    is_left_alone: bool,
    /// Whether secrets have been replaced since what is under way was sent.
    is_resupplied: bool,
}

/// What is under way. Whether a usable token is held is another question: any
/// of these can go on beside one.
#[derive(Debug)]
enum Activity<P> {
    /// Nothing, until it is time or a caller comes.
    Resting(Next),
    /// An issuance. Everyone who asks meanwhile waits for it.
    Issuing {
        issuance: IssuanceId,
        cause: Cause,
        step: Step<P>,
        waiters: Vec<Waiter>,
        reporters: Vec<WaiterId>,
    },
    /// A wait after a failure or for the budget.
    Waiting { retry_at: BootTime },
    /// A token came but couldn't be written; writing is tried again, nothing is
    /// asked for.
    Unsaved { issuance: IssuanceId, token: Arc<Token<P>>, receipt: Receipt, retry_at: BootTime },
    /// The provider refused the credential, or nothing can be sent: nothing
    /// happens until a person acts.
    Refused,
}

/// When one that rests is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// When the token is to be replaced.
    Due,
    /// Then.
    At(BootTime),
    /// When someone asks for a token.
    Asked,
}

#[derive(Debug)]
enum Step<P> {
    /// Others of the same provider go first.
    Queued,
    Reserving(Operation, BootTime),
    Sending(Operation),
    Persisting(Arc<Token<P>>, Receipt),
}

/// One look at a credential: when it happens, what is drawn, what callers want,
/// what is to be done.
pub(crate) struct Turn<'a, P> {
    pub(crate) now: Moment,
    pub(crate) random: &'a mut dyn Random,
    pub(crate) demand: Demand,
    /// How long the provider takes for an answer, at worst.
    pub(crate) latency: Duration,
    pub(crate) effects: Vec<Effect<P>>,
}

/// Someone who asked within this time uses a credential.
const USED_WITHIN: Duration = Duration::from_secs(24 * 3_600);

/// Refreshes that were missed are made up for within this, not all at once: with one
/// were all others.
const MADE_UP_WITHIN: Duration = Duration::from_secs(60);

impl<P: Clone> Credential<P> {
    /// Takes a credential up from the store.
    pub(crate) fn load(
        token: Option<Token<P>>,
        history: History,
        terms: Terms,
        new: bool,
        turn: &mut Turn<'_, P>,
    ) -> Self {
        let token = token.map(|token| Arc::new(Token { taken_up: Some(turn.now), ..token }));
        if let Some(token) = &token {
            turn.effects.push(Effect::Publish(Arc::clone(token)));
        }
        let next = match terms.policy {
            Policy::Always | Policy::Used => Next::Due,
            Policy::OnDemand => Next::Asked,
        };
        // Nobody is asked for a token that is one of the secrets: what was cut short has failed at
        // nothing, and can be done again at once.
        let is_own = terms.origin == Origin::Static;
        let last_failure = history.last_failure;
        let last_failure =
            last_failure.filter(|(failure, ..)| !is_own || failure.verdict == Verdict::Denied);
        let mut credential = Self {
            terms,
            since: turn.now.boot,
            token,
            activity: Activity::Resting(next),
            allowance: Allowance::default(),
            doubt: history.doubt.map(|doubt| Doubtful::new(doubt, turn.now.boot)),
            consecutive_failures: last_failure.as_ref().map_or(0, |_| history.consecutive_failures),
            store_failures: 0,
            setback: None,
            away_until: None,
            rejections: Rejections::default(),
            wants: Wants::default(),
            rotations: Rotations::default(),
            refused: None,
            revoked: None,
            is_left_alone: false,
            is_resupplied: false,
        };
        if let Some((failure, at, ago)) = last_failure {
            let consecutive = credential.consecutive_failures;
            let wait = failure.wait(consecutive, LONGEST_WAIT, &mut turn.random);
            // Only the refresh token was refused, not the secrets.
            let is_excused = credential.terms.origin == Origin::Secrets
                && credential.doubt.is_some_and(|doubtful| doubtful.explains(history.latest));
            credential.activity = if failure.verdict == Verdict::Denied && !is_excused {
                Activity::Refused
            } else {
                let retry_at = turn.now.boot.after(wait.saturating_sub(ago));
                // What was reserved since, and never heard of, doesn't end it.
                let away_until = history.away.map(|left| turn.now.boot.after(left));
                let retry_at = away_until.map_or(retry_at, |until| until.max(retry_at));
                credential.away_until = failure.demanded().map(|_| retry_at).or(away_until);
                Activity::Waiting { retry_at }
            };
            credential.setback = Some((credential.setback_of(failure, turn.now), at));
        } else if new {
            credential.start(Cause::Absent, Vec::new(), turn);
        }
        credential.notice_login(turn);
        credential
    }

    pub(crate) fn handle(&mut self, input: Input<P>, turn: &mut Turn<'_, P>) {
        match input {
            // The shell loads a credential once; the keeper takes care of it.
            Input::Loaded { .. } => {}
            Input::Settled(terms) => self.settled(terms, turn),
            Input::Resupplied { refresh_token } => self.resupplied(refresh_token, turn),
            Input::Possible => self.possible(),
            Input::Requested(waiter) => self.requested(waiter, turn),
            Input::Forced(waiter) => self.forced(waiter, turn),
            Input::Wanted(want) => self.wanted(want, turn),
            Input::Reported(report) => self.reported(report, turn),
            Input::Rotated(rotation) => self.rotated(rotation, turn),
            Input::LoggedIn(login) => self.logged_in(login, turn),
            Input::Revoked(id) => self.ended(id, turn),
            Input::Reserved { issuance, allowance } => self.reserved(issuance, allowance, turn),
            Input::Refused { issuance, retry_after } => {
                self.refused(issuance, retry_after, turn);
            }
            Input::Impossible { issuance, message } => {
                if self.is_reserving(issuance) {
                    self.give_up(Setback::Impossible(message), Activity::Refused, turn);
                }
            }
            Input::Issued {
                issuance,
                sent_at,
                lifetime,
                same,
                refreshable,
                replaced,
                session,
                payload,
                receipt,
            } => {
                if let Some(operation) = self.sending(issuance) {
                    let took = receipt.took;
                    let came = Arrival { sent_at, took, lifetime, same, refreshable, session };
                    let token = self.arrived(operation, came, payload, turn);
                    self.issued(issuance, operation, token, replaced, receipt, turn);
                }
            }
            Input::KeptAlive { issuance, sent_at, receipt } => {
                if self.sending(issuance) == Some(Operation::KeepAlive) {
                    match self.prolonged(sent_at, receipt.took, turn) {
                        Some(token) => {
                            let operation = Operation::KeepAlive;
                            self.issued(issuance, operation, token, false, receipt, turn);
                        }
                        None => self.outlived(issuance, receipt, turn),
                    }
                }
            }
            Input::Failed { issuance, fate, failure, receipt } => {
                if let Some(operation) = self.sending(issuance) {
                    let spent = self.suspect(issuance, operation, fate, &failure, turn);
                    settle(issuance, fate, spent, &failure, receipt, turn);
                    self.failed(operation, fate, failure, turn);
                }
            }
            Input::Persisted(id) => self.persisted(id, turn),
            Input::Unwritten { issuance, failure } => {
                self.unwritten(issuance, failure, turn);
            }
            Input::Kept(id) => self.kept(id, turn),
            Input::Unkept { token_id, failure } => self.unkept(token_id, failure, turn),
        }
        self.catch_up(turn);
    }

    /// Does what is due.
    pub(crate) fn wake(&mut self, turn: &mut Turn<'_, P>) {
        if !self.is_due(turn.now) {
            return;
        }
        if self.rotations.coming().is_some() {
            self.keep_again(turn);
            return;
        }
        match &self.activity {
            // What failed was asked for out of turn; the token itself isn't due.
            Activity::Waiting { .. } if !self.is_token_due(turn.now) => {
                self.activity = Activity::Resting(Next::Due);
            }
            Activity::Resting(_) | Activity::Waiting { .. } if !self.is_used(turn) => {
                self.activity = Activity::Resting(self.next_look(turn.now));
            }
            Activity::Resting(Next::Due) if self.is_missed(turn.now) => {
                let fraction = turn.random.fraction();
                let left = self.remaining(turn.now);
                let wait = MADE_UP_WITHIN.min(left / 4).mul_f64(fraction);
                self.activity = Activity::Resting(Next::At(turn.now.boot.after(wait)));
            }
            Activity::Resting(_) | Activity::Waiting { .. } => {
                self.start(Cause::Aging, Vec::new(), turn);
            }
            Activity::Unsaved { .. } => self.save_again(Vec::new(), turn),
            Activity::Issuing { .. } | Activity::Refused => {}
        }
    }

    /// Writes a token now that couldn't be written before.
    pub(crate) fn save(&mut self, turn: &mut Turn<'_, P>) {
        self.keep_again(turn);
        self.save_again(Vec::new(), turn);
    }

    /// Answers everyone who waits; the credential is gone.
    pub(crate) fn remove(self) -> Vec<Effect<P>> {
        let mut effects = self.rotations.remove();
        match self.activity {
            Activity::Issuing { waiters, reporters, .. } => {
                effects.extend(refusals(waiters, &Refusal::Removed));
                let superseded = |waiter| Effect::Rule { waiter, ruling: Ruling::Superseded };
                effects.extend(reporters.into_iter().map(superseded));
            }
            // What came and couldn't be written isn't written any more.
            Activity::Unsaved { issuance, receipt, .. } => {
                let failure = transient("the credential was removed".to_owned());
                let (fate, spent, quota) = (Fate::Answered, false, None);
                effects.push(Effect::Settle { issuance, fate, spent, failure, receipt, quota });
            }
            Activity::Resting(_) | Activity::Waiting { .. } | Activity::Refused => {}
        }
        effects
    }

    pub(crate) fn provider(&self) -> &Arc<str> {
        &self.terms.provider
    }

    /// Other terms or limits hold from now on; what is under way goes on.
    fn settled(&mut self, terms: Terms, turn: &mut Turn<'_, P>) {
        self.terms = terms;
        let limited = matches!(self.setback, Some((Setback::Budget, _)));
        match &mut self.activity {
            Activity::Resting(next) => *next = Next::Due,
            // The limits may be others now.
            Activity::Waiting { .. } if limited => self.activity = self.at_rest(turn.now),
            _ => {}
        }
        self.notice_login(turn);
    }

    /// Tokens can be asked for again: nothing is asked for that isn't due.
    fn possible(&mut self) {
        let is_impossible = matches!(self.setback, Some((Setback::Impossible(_), _)));
        if !is_impossible || !matches!(self.activity, Activity::Refused) {
            return;
        }
        self.setback = None;
        self.consecutive_failures = 0;
        let next = if self.is_left_alone { Next::Asked } else { Next::Due };
        self.activity = Activity::Resting(next);
    }

    /// Returns why an issuance is wanted now, which is for another reason than
    /// `other` if the token that is held will have ended before the next comes.
    fn cause(&self, other: Cause, turn: &Turn<'_, P>) -> Cause {
        let lasts = self.usable(turn.now).is_some_and(|token| {
            let life = token.life().unwrap_or(Duration::MAX);
            token.remaining(turn.now).is_none_or(|left| left > brief(life, turn.latency))
        });
        match other {
            Cause::Aging | Cause::MinTtl if !lasts => Cause::Absent,
            Cause::Aging | Cause::MinTtl if self.is_refused() => Cause::Rejected,
            other => other,
        }
    }

    fn usable(&self, now: Moment) -> Option<&Arc<Token<P>>> {
        self.token.as_ref().filter(|token| !token.is_expired(now))
    }

    fn remaining(&self, now: Moment) -> Duration {
        self.usable(now)
            .map_or(Duration::ZERO, |token| token.remaining(now).unwrap_or(Duration::MAX))
    }

    /// Tells whether there is no usable token, or one that is to be replaced.
    fn is_token_due(&self, now: Moment) -> bool {
        self.is_refused() || self.usable(now).is_none_or(|token| token.is_due(now))
    }

    /// Tells whether an API refused the token that is held.
    fn is_refused(&self) -> bool {
        self.refused.is_some() && self.refused == self.token.as_ref().map(|token| token.id)
    }

    /// Tells whether callers use the credential, so that a token is to be at hand.
    fn is_used(&self, turn: &Turn<'_, P>) -> bool {
        match self.terms.policy {
            _ if self.is_left_alone => false,
            _ if self.is_refused() => true,
            Policy::Always => true,
            Policy::OnDemand => false,
            Policy::Used => {
                let last = turn.demand.last_use.map_or(self.since, |at| at.max(self.since));
                let life = self.token.as_ref().and_then(|token| token.life()).unwrap_or_default();
                last.until(turn.now.boot) < USED_WITHIN.max(life)
            }
        }
    }
}
