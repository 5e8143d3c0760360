//! A look at a credential, for people.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{Activity, Caller, Credential, Reports};
use crate::{Moment, Setback, Terms, Token};

/// What a credential is doing, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No usable token and nothing under way.
    Empty,
    /// No usable token, one is being asked for.
    Issuing,
    /// A usable token.
    Fresh,
    /// A usable token, its successor is being asked for.
    Refreshing,
    /// The last issuance failed, the next follows by itself.
    BackingOff,
    /// The limits allow no issuance now.
    Limited,
    /// The provider refused the credential, or none can be asked.
    Refused,
}

/// A look at a credential.
#[derive(Debug)]
pub struct View<'a, P> {
    /// What it is doing.
    pub state: State,
    /// The token that it holds, expired or not.
    pub token: Option<&'a Arc<Token<P>>>,
    /// What went wrong last, and when, until a success.
    pub setback: Option<(&'a Setback, Timestamp)>,
    /// Whether there is no usable token, or one that should have been replaced.
    pub overdue: bool,
    /// How many issuances have failed in a row.
    pub consecutive_failures: u32,
    /// When the next attempt is due, if it waits for one.
    pub retry_in: Option<Duration>,
    /// What is settled for it.
    pub terms: &'a Terms,
    /// Who has reported that an API refused a token, in the order of their
    /// numbers.
    pub reports: Vec<(Caller, Reports)>,
}

impl<P: Clone> Credential<P> {
    pub(crate) fn view(&self, now: Moment) -> View<'_, P> {
        let usable = self.usable(now).is_some();
        let (state, retry_at) = match &self.activity {
            Activity::Resting(_) if self.rotations.retry_at().is_some() => {
                (State::BackingOff, self.rotations.retry_at())
            }
            Activity::Resting(_) if usable => (State::Fresh, None),
            Activity::Resting(_) => (State::Empty, None),
            Activity::Issuing { .. } if usable => (State::Refreshing, None),
            Activity::Issuing { .. } => (State::Issuing, None),
            Activity::Waiting { retry_at } => match &self.setback {
                Some((Setback::Budget, _)) => (State::Limited, Some(*retry_at)),
                _ => (State::BackingOff, Some(*retry_at)),
            },
            Activity::Unsaved { retry_at, .. } => (State::BackingOff, Some(*retry_at)),
            Activity::Refused => (State::Refused, None),
        };
        View {
            state,
            token: self.token.as_ref(),
            setback: self.setback.as_ref().map(|(setback, at)| (setback, *at)),
            overdue: self.is_token_due(now),
            consecutive_failures: self.consecutive_failures,
            retry_in: retry_at.map(|at| now.boot.until(at)),
            terms: &self.terms,
            reports: self.rejections.reports().collect(),
        }
    }
}
