//! A token that came of a person's login.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    Activity, Cause, Credential, Effect, Fate, Operation, Receipt, Step, Turn, Waiter, WaiterId,
    arrival::{Arrival, is_ending},
    issuance::{settle, transient},
};
use crate::{IssuanceId, Lifetime, Session, Setback};

/// A token that came of a person's login.
#[derive(Debug)]
pub struct Login<P> {
    /// The issuance that brought it, which the ledger holds.
    pub issuance: IssuanceId,
    /// Who waits for what becomes of it.
    pub waiter: WaiterId,
    /// When the last request was sent.
    pub sent_at: Timestamp,
    /// How long the token lives.
    pub lifetime: Lifetime,
    /// Whether it brought something by which to refresh it, beside what the login left
    /// behind.
    pub refreshable: bool,
    /// How its life can be prolonged, if it can.
    pub session: Option<Session>,
    /// The secret and what belongs to it.
    pub payload: P,
    /// What the ledger notes of the answer.
    pub receipt: Receipt,
}

impl<P: Clone> Credential<P> {
    /// Takes a token that came of a login. What was under way goes back to an earlier one
    /// and counts no more; whoever waits for it waits for this one.
    pub(super) fn logged_in(&mut self, login: Login<P>, turn: &mut Turn<'_, P>) {
        let Login { issuance, waiter, sent_at, lifetime, receipt, payload, .. } = login;
        let came = Arrival {
            sent_at,
            took: receipt.took,
            lifetime,
            same: false,
            refreshable: login.refreshable,
            session: login.session,
        };
        let token = Arc::new(self.arrived(Operation::Issue, came, payload, turn));
        if is_ending(&token, turn.now) {
            // What came of the login before may be better.
            let message = "the login's token had as good as expired when it came";
            let failure = transient(message.to_owned());
            settle(issuance, Fate::Answered, false, &failure, receipt, turn);
            let refusal = Setback::Issuance(failure).refusal(Duration::ZERO);
            turn.effects.push(Effect::Answer { waiter, answer: Err(refusal) });
            return;
        }
        self.rotations.give_way();
        let resting = Activity::Resting(super::Next::Due);
        let (mut waiters, reporters) = match std::mem::replace(&mut self.activity, resting) {
            Activity::Issuing { waiters, reporters, .. } => (waiters, reporters),
            Activity::Unsaved { issuance, receipt, .. } => {
                let failure = transient("a login has brought another token".to_owned());
                settle(issuance, Fate::Answered, false, &failure, receipt, turn);
                Default::default()
            }
            Activity::Resting(_) | Activity::Waiting { .. } | Activity::Refused => {
                Default::default()
            }
        };
        waiters.push(Waiter { id: waiter, min_ttl: None });
        let step = Step::Persisting(Arc::clone(&token), receipt);
        self.activity =
            Activity::Issuing { issuance, cause: Cause::Login, step, waiters, reporters };
        turn.effects.push(Effect::Persist { issuance, token, receipt });
    }
}
