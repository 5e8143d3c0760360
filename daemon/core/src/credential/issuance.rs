//! One issuance on its way: queued, reserved, sent, persisted, or given up.

use std::{sync::Arc, time::Duration};

use super::{
    Activity, Cause, Credential, Effect, Fate, Next, Operation, Receipt, Reception, Ruling, Step,
    Turn, Waiter, arrival::is_ending, request::refusals,
};
use crate::{
    Allowance, Failure, IssuanceId, Moment, Origin, Refusal, Setback, StoreFailure, Token, Verdict,
    schedule::brief,
};

/// So many refreshes that fail in a row are no accident.
const TIRED_AFTER: u32 = 3;

/// A refresh that the limits don't allow isn't tried again sooner.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

impl<P: Clone> Credential<P> {
    pub(super) fn start(&mut self, cause: Cause, waiters: Vec<Waiter>, turn: &mut Turn<'_, P>) {
        self.is_left_alone = false;
        let issuance = IssuanceId::draw(&mut turn.random);
        let cause = self.cause(cause, turn);
        let (step, reporters) = (Step::Queued, Vec::new());
        self.activity = Activity::Issuing { issuance, cause, step, waiters, reporters };
        if let Err(message) = self.operation(cause, turn.now) {
            self.want_login(message, turn);
        }
    }

    /// Tells whether an issuance waits for its turn among those of its provider,
    /// and if so, whether someone waits for it.
    pub(crate) fn queued(&self) -> Option<bool> {
        match &self.activity {
            Activity::Issuing { step: Step::Queued, waiters, reporters, .. } => {
                Some(!waiters.is_empty() || !reporters.is_empty())
            }
            _ => None,
        }
    }

    /// Tells whether the provider is asked, or the ledger whether it may be.
    pub(crate) fn is_asking(&self) -> bool {
        let asking = |step: &Step<P>| matches!(step, Step::Reserving(..) | Step::Sending(_));
        matches!(&self.activity, Activity::Issuing { step, .. } if asking(step))
    }

    /// It is the credential's turn.
    pub(crate) fn proceed(&mut self, turn: &mut Turn<'_, P>) {
        let Activity::Issuing { cause, step: Step::Queued, .. } = &self.activity else {
            return;
        };
        // It may have waited for long.
        let now = self.cause(*cause, turn);
        let operation = match self.operation(now, turn.now) {
            Ok(operation) => operation,
            Err(message) => return self.want_login(message, turn),
        };
        let spends = self.spends(operation);
        if let Activity::Issuing { issuance, cause, step: step @ Step::Queued, .. } =
            &mut self.activity
        {
            *step = Step::Reserving(operation, turn.now.boot);
            *cause = now;
            let cause = if operation == Operation::KeepAlive { Cause::KeepAlive } else { now };
            turn.effects.push(Effect::Reserve { issuance: *issuance, cause, spends });
        }
    }

    pub(super) fn reserved(
        &mut self,
        id: IssuanceId,
        allowance: Allowance,
        turn: &mut Turn<'_, P>,
    ) {
        if let Activity::Issuing { issuance, step, .. } = &mut self.activity
            && let Step::Reserving(operation, reserved_at) = *step
            && *issuance == id
        {
            *step = Step::Sending(operation);
            self.allowance = allowance;
            self.is_resupplied = false;
            turn.effects.push(Effect::Send { issuance: id, operation, reserved_at });
        }
    }

    /// Returns how the next token is to be had, or why only a login brings one. One that
    /// has been refreshed as often as can be is asked for anew.
    fn operation(&self, cause: Cause, now: Moment) -> Result<Operation, &'static str> {
        let alive = self.usable(now).is_some_and(|token| {
            token.session.is_some_and(|session| session.outlasts(token.expires_at))
        });
        if alive && matches!(cause, Cause::Aging | Cause::MinTtl) {
            return Ok(Operation::KeepAlive);
        }
        if let Some(message) = self.lacks_login(now) {
            return Err(message);
        }
        let refreshes = self.token.as_ref().and_then(|token| token.refreshes);
        let most = self.terms.max_refreshes.unwrap_or(u32::MAX);
        let is_left = refreshes.is_some_and(|refreshes| refreshes < most);
        Ok(if is_left && self.is_refresh_harmless(now) {
            Operation::Refresh
        } else {
            Operation::Issue
        })
    }

    /// Tells whether a refresh has failed often enough, though the provider doesn't say
    /// that it never will do: the secrets may bring a token, and none is left.
    fn is_tired(&self, fate: Fate, failure: &Failure, now: Moment) -> bool {
        fate == Fate::Answered
            && failure.verdict == Verdict::Transient
            && self.terms.origin == Origin::Secrets
            && self.usable(now).is_none()
            && self.consecutive_failures + 1 >= TIRED_AFTER
    }

    pub(super) fn refused(
        &mut self,
        id: IssuanceId,
        retry_after: Duration,
        turn: &mut Turn<'_, P>,
    ) {
        if !self.is_reserving(id) {
            return;
        }
        if !self.is_token_due(turn.now) {
            // Somebody wanted more than is needed: nothing is wrong.
            self.decline(retry_after, turn);
            return;
        }
        let Activity::Issuing { cause, .. } = &self.activity else { return };
        let wait = match (cause, &self.token) {
            // What is held back from refreshes is there for whom no token is left.
            (Cause::Aging | Cause::MinTtl, Some(token)) => {
                let brief = brief(token.life().unwrap_or(Duration::MAX), turn.latency);
                let left = self.remaining(turn.now).saturating_sub(brief);
                retry_after.min(left).max(LEAST_PAUSE)
            }
            _ => retry_after,
        };
        let next = Activity::Waiting { retry_at: self.not_while_away(wait, turn.now) };
        self.give_up(Setback::Budget, next, turn);
    }

    pub(super) fn failed(
        &mut self,
        operation: Operation,
        fate: Fate,
        failure: Failure,
        turn: &mut Turn<'_, P>,
    ) {
        let denied = failure.verdict == Verdict::Denied;
        if fate == Fate::Lost {
            self.expect_end(turn);
        }
        let over = match operation {
            Operation::Issue => false,
            Operation::KeepAlive => {
                if denied {
                    self.change_token(|token| token.session = None);
                }
                denied
            }
            Operation::Refresh => {
                if self.is_tired(fate, &failure, turn.now) {
                    self.change_token(|token| token.refreshes = None);
                }
                // Who isn't recognised won't be with the secrets either.
                denied && fate != Fate::Unrecognised && self.terms.origin == Origin::Secrets
            }
        };
        if over {
            self.start_over(turn);
            return;
        }
        if failure.verdict != Verdict::Local {
            self.consecutive_failures = self.consecutive_failures.saturating_add(1);
        }
        let next = if denied {
            Activity::Refused
        } else {
            let wait = self.back_off(fate, &failure, turn);
            let retry_at = self.not_while_away(wait, turn.now);
            if failure.demanded().is_some() {
                self.away_until = Some(retry_at);
            }
            Activity::Waiting { retry_at }
        };
        let setback = match self.lacks_login(turn.now) {
            // It isn't sent once more: that is known now.
            Some(message) if !denied && operation != Operation::KeepAlive => {
                Setback::LoginNeeded(message.to_owned())
            }
            _ => self.setback_of(failure, turn.now),
        };
        let next =
            if matches!(setback, Setback::LoginNeeded(_)) { Activity::Refused } else { next };
        self.give_up(setback, next, turn);
    }

    /// Asks once more, with the stored secrets; whoever waits goes on waiting.
    fn start_over(&mut self, turn: &mut Turn<'_, P>) {
        let resting = Activity::Resting(Next::Due);
        let Activity::Issuing { cause, waiters, reporters: waiting, .. } =
            std::mem::replace(&mut self.activity, resting)
        else {
            return;
        };
        let is_left_alone = self.is_left_alone;
        self.start(cause, waiters, turn);
        self.is_left_alone = is_left_alone;
        if let Activity::Issuing { reporters, .. } = &mut self.activity {
            *reporters = waiting;
        }
    }

    /// The provider may have issued a token that never came, and ended the one
    /// that is held.
    fn expect_end(&mut self, turn: &mut Turn<'_, P>) {
        let Some(overlap) = self.terms.ends_old_after else { return };
        let (now, end) = (turn.now, crate::after(turn.now.wall, overlap));
        let outlives = |token: &Token<P>| token.remaining(now).is_none_or(|left| left > overlap);
        let is_changed = self.token.as_ref().is_some_and(|token| outlives(token));
        self.change_token(|token| {
            if outlives(token) {
                token.expires_at = Some(end);
                // From here on both clocks measure what is left.
                token.taken_up = Some(now);
            }
        });
        turn.effects.extend(self.token.iter().filter(|_| is_changed).cloned().map(Effect::Publish));
    }

    /// Changes the token that is held, and the one that is about to take its place.
    fn change_token(&mut self, change: impl Fn(&mut Token<P>)) {
        for token in self.token.iter_mut().chain(self.rotations.coming_mut()) {
            change(Arc::make_mut(token));
        }
    }

    pub(super) fn setback_of(&self, failure: Failure, now: Moment) -> Setback {
        if failure.verdict == Verdict::Denied && self.lacks_login(now).is_some() {
            Setback::LoginNeeded(failure.message)
        } else {
            Setback::Issuance(failure)
        }
    }

    pub(super) fn persisted(&mut self, id: IssuanceId, turn: &mut Turn<'_, P>) {
        let Activity::Issuing {
            issuance,
            cause,
            step: Step::Persisting(token, Receipt { renewed, .. }),
            waiters,
            reporters,
        } = &mut self.activity
        else {
            return;
        };
        if *issuance != id {
            return;
        }
        let (cause, token) = (*cause, Arc::clone(token));
        let is_revoked = self.revoked == Some(token.id);
        if *renewed {
            self.doubt = None;
        }
        if is_revoked || is_ending(&token, turn.now) {
            let end = if is_revoked { "was revoked" } else { "expired" };
            let failure = transient(format!("the token {end} before it could be stored"));
            let before = self.token.as_ref().map(|token| token.id);
            if !is_revoked {
                self.supersede(id, &token, turn);
            }
            let is_superseded = is_revoked || before != self.token.as_ref().map(|token| token.id);
            let reception = if is_superseded {
                Reception::Superseded
            } else {
                // Theirs can be handed over once more.
                let (retry_after, message) = (Duration::ZERO, failure.message.clone());
                Reception::Refused(Refusal::Unavailable { retry_after, message })
            };
            self.tell_late(&reception, turn);
            self.failed(Operation::Issue, Fate::Answered, failure, turn);
            return;
        }
        let (waiters, reporters) = (std::mem::take(waiters), std::mem::take(reporters));
        self.activity = Activity::Resting(Next::Due);
        self.consecutive_failures = 0;
        self.store_failures = 0;
        self.setback = None;
        self.away_until = None;
        self.refused = None;
        self.is_left_alone = false;
        if cause == Cause::Rejected {
            self.rejections.replaced(turn.now.boot);
        }
        let same = self.token.as_ref().is_some_and(|held| held.id == token.id);
        turn.effects.push(Effect::Publish(Arc::clone(&token)));
        for waiter in waiters {
            let answer = if waiter.min_ttl.is_none() || token.satisfies(waiter.min_ttl, turn.now) {
                Ok(Arc::clone(&token))
            } else {
                let life = token.remaining(turn.now).unwrap_or_default();
                Err(Refusal::MinTtlUnsatisfiable { life })
            };
            turn.effects.push(Effect::Answer { waiter: waiter.id, answer });
        }
        let ruling = if same { Ruling::NotATokenProblem } else { Ruling::Refreshed };
        turn.effects.extend(
            reporters.into_iter().map(|waiter| Effect::Rule { waiter, ruling: ruling.clone() }),
        );
        self.token = Some(token);
        self.tell_late(&Reception::Superseded, turn);
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
        let wait = self.store_wait(&failure, turn);
        let retry_at = turn.now.boot.after(wait);
        let next = match step {
            Step::Reserving(..) => {
                Activity::Waiting { retry_at: self.not_while_away(wait, turn.now) }
            }
            Step::Persisting(token, receipt) => Activity::Unsaved {
                issuance: id,
                token: Arc::clone(token),
                receipt: *receipt,
                retry_at,
            },
            Step::Queued | Step::Sending(_) => return,
        };
        self.give_up(Setback::Store(failure), next, turn);
        let refusal = self.refusal(turn.now);
        self.tell_late(&Reception::Refused(refusal), turn);
    }

    /// Ends the issuance without a token: everyone who waits learns why.
    pub(super) fn give_up(&mut self, setback: Setback, next: Activity<P>, turn: &mut Turn<'_, P>) {
        self.setback = Some((setback, turn.now.wall));
        if let Activity::Issuing { waiters, reporters, .. } =
            std::mem::replace(&mut self.activity, next)
        {
            self.turn_away(waiters, turn);
            let ruling = self.ruling(turn);
            turn.effects.extend(
                reporters.into_iter().map(|waiter| Effect::Rule { waiter, ruling: ruling.clone() }),
            );
        }
    }

    /// Ends an issuance that the limits don't allow and that no one needs but those who
    /// wait for it.
    fn decline(&mut self, retry_after: Duration, turn: &mut Turn<'_, P>) {
        let next = self.at_rest(turn.now);
        if let Activity::Issuing { waiters, reporters, .. } =
            std::mem::replace(&mut self.activity, next)
        {
            turn.effects.extend(refusals(waiters, &Refusal::BudgetExhausted { retry_after }));
            let ruling = Ruling::Suppressed { retry_after };
            turn.effects.extend(
                reporters.into_iter().map(|waiter| Effect::Rule { waiter, ruling: ruling.clone() }),
            );
        }
    }

    pub(super) fn save_again(&mut self, waiters: Vec<Waiter>, turn: &mut Turn<'_, P>) {
        if let Activity::Unsaved { issuance, token, receipt, .. } = &self.activity {
            let (issuance, token, receipt) = (*issuance, Arc::clone(token), *receipt);
            let step = Step::Persisting(Arc::clone(&token), receipt);
            turn.effects.push(Effect::Persist { issuance, token, receipt });
            // What takes a refused token's place does so at a second try, too.
            let cause = if self.is_refused() { Cause::Rejected } else { Cause::Absent };
            let reporters = Vec::new();
            self.activity = Activity::Issuing { issuance, cause, step, waiters, reporters };
        }
    }

    pub(crate) fn is_reserving(&self, id: IssuanceId) -> bool {
        matches!(&self.activity, Activity::Issuing { issuance, step: Step::Reserving(..), .. }
            if *issuance == id)
    }

    /// Returns which dance is under way for this issuance.
    pub(super) fn sending(&self, id: IssuanceId) -> Option<Operation> {
        match &self.activity {
            Activity::Issuing { issuance, step: Step::Sending(operation), .. }
                if *issuance == id =>
            {
                Some(*operation)
            }
            _ => None,
        }
    }
}

pub(super) fn transient(message: String) -> Failure {
    Failure::transient(message)
}

pub(super) fn settle<P>(
    issuance: IssuanceId,
    fate: Fate,
    spent: bool,
    failure: &Failure,
    receipt: Receipt,
    turn: &mut Turn<'_, P>,
) {
    let (failure, quota) = (failure.clone(), failure.quota());
    turn.effects.push(Effect::Settle { issuance, fate, spent, failure, receipt, quota });
}
