//! The token that is held has ended on the far side, as an operator wished.

use super::{
    Activity, Credential, Effect, Fate, Next, Operation, Receipt, Step, Turn,
    issuance::{settle, transient},
};
use crate::{IssuanceId, TokenId};

impl<P: Clone> Credential<P> {
    /// Drops the token, if it is held, and asks for none until someone does. An issuance
    /// that is under way goes on: another token comes of it.
    pub(super) fn ended(&mut self, id: TokenId, turn: &mut Turn<'_, P>) {
        if self.token.take_if(|token| token.id == id).is_none() {
            return;
        }
        self.revoked = Some(id);
        self.refused = None;
        // What is written already would be lost with it.
        let mut is_replaced = self.rotations.is_writing();
        self.is_left_alone = true;
        match &self.activity {
            Activity::Resting(_) => self.activity = Activity::Resting(Next::Asked),
            Activity::Issuing { step, waiters, reporters, .. } => {
                self.is_left_alone = waiters.is_empty() && reporters.is_empty();
                match step {
                    Step::Queued if self.is_left_alone => {
                        self.activity = Activity::Resting(Next::Asked);
                    }
                    Step::Persisting(token, _) => is_replaced |= token.id != id,
                    Step::Queued | Step::Reserving(..) | Step::Sending(_) => {}
                }
            }
            Activity::Unsaved { issuance, token, receipt, .. } if token.id == id => {
                let failure = transient("the token was revoked before it was stored".to_owned());
                settle(*issuance, Fate::Answered, false, &failure, *receipt, turn);
                self.activity = Activity::Resting(Next::Asked);
            }
            Activity::Waiting { .. } | Activity::Unsaved { .. } | Activity::Refused => {}
        }
        turn.effects.push(Effect::Withdraw);
        if !is_replaced {
            turn.effects.push(Effect::Discard);
        }
        self.notice_login(turn);
    }

    /// A dance kept a token alive that has been revoked meanwhile.
    pub(super) fn outlived(
        &mut self,
        issuance: IssuanceId,
        receipt: Receipt,
        turn: &mut Turn<'_, P>,
    ) {
        let failure = transient("the token was revoked while it was kept alive".to_owned());
        settle(issuance, Fate::Answered, false, &failure, receipt, turn);
        self.failed(Operation::KeepAlive, Fate::Answered, failure, turn);
    }
}
