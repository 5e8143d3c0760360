//! What a dance brought, made into a token.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    Activity, Credential, Effect, Fate, Operation, Receipt, Step, Turn,
    issuance::{settle, transient},
};
use crate::{
    BootTime, Circumstances, IssuanceId, Lifetime, Moment, Origin, Session, Token, TokenId,
    schedule::not_at_once, time::before,
};

/// A token with a shorter life is as good as expired: to keep one at hand would
/// be to ask without a pause.
const LEAST_LIFE: Duration = Duration::from_secs(5);

/// A token with less left on arrival is as good as expired.
const LEAST_REMAINING: Duration = Duration::from_secs(1);

/// A token given once more whose end has moved by no more than this is the same
/// in every respect.
const SAME_END: Duration = Duration::from_secs(60);

/// What came of a dance, beside the secret.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub(super) sent_at: Timestamp,
    pub(super) took: Duration,
    pub(super) lifetime: Lifetime,
    pub(super) same: bool,
    pub(super) refreshable: bool,
    pub(super) session: Option<Session>,
}

impl<P: Clone> Credential<P> {
    /// Makes a token of what came.
    pub(super) fn arrived(
        &self,
        operation: Operation,
        came: Arrival,
        payload: P,
        turn: &mut Turn<'_, P>,
    ) -> Token<P> {
        let Arrival { sent_at, took, lifetime, same, refreshable, session } = came;
        let expires_at = lifetime.end(sent_at);
        let refreshes = refreshable.then(|| match operation {
            Operation::Issue | Operation::KeepAlive => 0,
            Operation::Refresh => {
                let held = self.token.as_ref().and_then(|token| token.refreshes);
                held.unwrap_or_default().saturating_add(1)
            }
        });
        let circumstances = if session.is_some_and(|session| session.outlasts(expires_at)) {
            prolonging(turn)
        } else {
            Circumstances {
                pace: self.allowance.pace,
                latency: turn.latency,
                min_ttl: turn.demand.min_ttl,
                same_token_until: self.terms.same_token_until,
                ends_old_after: self.terms.ends_old_after,
            }
        };
        let refresh_at = circumstances.refresh_at(sent_at, lifetime, &mut turn.random);
        let token = Token {
            id: TokenId::draw(&mut turn.random),
            issued_at: sent_at,
            expires_at,
            refresh_at,
            taken_up: Some(sending(sent_at, took, turn.now)),
            refreshes,
            session,
            payload,
        };
        let is_latest = self.rotations.coming().is_none();
        let held = self.token.as_ref().filter(|_| same && is_latest);
        match held.filter(|held| !is_prolonged(held, &token)) {
            // To ask again before its end would bring it once more.
            Some(held) => {
                let (id, issued_at) = (held.id, held.issued_at.min(sent_at));
                let late = expires_at.map(|end| before(end, SAME_END));
                let refresh_at = late.filter(|late| *late > turn.now.wall).or(expires_at);
                Token { id, issued_at, refresh_at, ..token }
            }
            None => token,
        }
    }

    /// Makes the token that is held one that lives longer. One that came after the
    /// request was sent is as it is.
    pub(super) fn prolonged(
        &self,
        sent_at: Timestamp,
        took: Duration,
        turn: &mut Turn<'_, P>,
    ) -> Option<Token<P>> {
        let held = self.rotations.coming().or(self.token.as_ref())?;
        let sent = sending(sent_at, took, turn.now);
        let is_newer = held.taken_up.is_some_and(|up| up.boot > sent.boot);
        let Some(Session { idle, end }) = held.session.filter(|_| !is_newer) else {
            return Some(Token::clone(held));
        };
        // A clock that has been set back doesn't put off the end.
        let end = end.map(|end| crate::after(sent_at, held.left(end, sent)));
        let session = Some(Session { idle, end });
        let prolonged = crate::after(sent_at, idle);
        let expires_at = end.map_or(prolonged, |end| end.min(prolonged));
        let lifetime = Lifetime::Until(expires_at);
        let refresh_at = prolonging(turn).refresh_at(sent_at, lifetime, &mut turn.random);
        let (expires_at, taken_up) = (Some(expires_at), Some(sent));
        // If the clock has been set back, it is no token from the future.
        let issued_at = held.issued_at.min(sent_at);
        Some(Token { issued_at, expires_at, refresh_at, taken_up, session, ..Token::clone(held) })
    }

    pub(super) fn issued(
        &mut self,
        issuance: IssuanceId,
        operation: Operation,
        token: Token<P>,
        replaced: bool,
        receipt: Receipt,
        turn: &mut Turn<'_, P>,
    ) {
        let life = token.life().unwrap_or(Duration::MAX);
        let remaining = token.remaining(turn.now).unwrap_or(Duration::MAX);
        // The refresh token that a login left behind is in the payload, and has no like.
        let is_precious = self.spends(operation) && self.terms.origin == Origin::Login;
        if is_ending(&token, turn.now) && !is_precious {
            let (life, least) = (life.as_secs(), LEAST_LIFE.as_secs());
            if replaced {
                self.forfeit(issuance, turn);
            }
            let failure = transient(format!(
                "the token had as good as expired when it came: it lives for {life} s, and \
                 less than {least} s is too short to be kept at hand"
            ));
            settle(issuance, Fate::Answered, replaced, &failure, receipt, turn);
            self.failed(Operation::Issue, Fate::Answered, failure, turn);
            return;
        }
        self.rotations.give_way();
        if let Activity::Issuing { step, .. } = &mut self.activity {
            let refresh_at = token.refresh_at.map(|due| not_at_once(due, turn.now.wall, remaining));
            let token = Arc::new(Token { refresh_at, ..token });
            *step = Step::Persisting(Arc::clone(&token), receipt);
            turn.effects.push(Effect::Persist { issuance, token, receipt });
        }
    }
}

/// Tells whether a token has as good as expired on its arrival.
pub(super) fn is_ending<P>(token: &Token<P>, now: Moment) -> bool {
    token.life().is_some_and(|life| life < LEAST_LIFE)
        || token.remaining(now).is_some_and(|left| left < LEAST_REMAINING)
}

/// Returns both clocks as they were when the request was sent: a token's life counts
/// from there, also if the wall clock has been set since.
fn sending(sent_at: Timestamp, took: Duration, now: Moment) -> Moment {
    Moment { wall: sent_at, boot: BootTime(now.boot.0.saturating_sub(took)) }
}

/// Returns what matters for when a token's life is prolonged: that costs nothing, and
/// no old token ends.
fn prolonging<P>(turn: &Turn<'_, P>) -> Circumstances {
    let (latency, min_ttl) = (turn.latency, turn.demand.min_ttl);
    Circumstances { latency, min_ttl, ..Circumstances::default() }
}

/// Tells whether a token that is given once more lives longer than it did.
fn is_prolonged<P>(held: &Token<P>, came: &Token<P>) -> bool {
    match (held.expires_at, came.expires_at) {
        (Some(held), Some(came)) => came > crate::after(held, SAME_END),
        (held, came) => held != came,
    }
}
