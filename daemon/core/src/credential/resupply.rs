//! Other secrets are there: a person, a file or a command has replaced some.

use super::{Activity, Cause, Credential, Next, Step, Turn};
use crate::{Origin, Setback};

impl<P: Clone> Credential<P> {
    /// Goes on with other secrets. A token that is one of them is taken anew at once. Else
    /// the next issuance tries them; a refusal, or a wait for what they may mend, is over.
    pub(super) fn resupplied(&mut self, refresh_token: bool, turn: &mut Turn<'_, P>) {
        if refresh_token {
            self.doubt = None;
        }
        self.excuse();
        match &self.activity {
            // What is under way goes on with those before.
            Activity::Issuing { step: Step::Sending(_) | Step::Persisting(..), .. }
            | Activity::Unsaved { .. } => self.is_resupplied = true,
            Activity::Issuing { .. } => {}
            Activity::Resting(_) | Activity::Waiting { .. } | Activity::Refused => {
                self.take_up_secrets(turn);
            }
        }
    }

    /// Does what had to wait for the end of an issuance with the secrets before.
    pub(super) fn catch_up(&mut self, turn: &mut Turn<'_, P>) {
        let is_over = !matches!(self.activity, Activity::Issuing { .. } | Activity::Unsaved { .. });
        if is_over && std::mem::take(&mut self.is_resupplied) {
            self.take_up_secrets(turn);
        }
    }

    fn take_up_secrets(&mut self, turn: &mut Turn<'_, P>) {
        if self.terms.origin == Origin::Static {
            self.start(Cause::Forced, Vec::new(), turn);
            return;
        }
        let can_mend = match (&self.activity, &self.setback) {
            (Activity::Refused, _) => true,
            (Activity::Waiting { .. }, Some((Setback::Issuance(_), _))) => {
                self.away_until.is_none_or(|until| until <= turn.now.boot)
            }
            _ => false,
        };
        if !can_mend {
            return;
        }
        let is_refused = matches!(self.activity, Activity::Refused);
        self.consecutive_failures = 0;
        if self.is_left_alone {
            self.activity = Activity::Resting(Next::Asked);
        } else if is_refused || self.is_token_due(turn.now) {
            self.start(Cause::Aging, Vec::new(), turn);
        } else {
            self.activity = Activity::Resting(Next::Due);
        }
    }
}
