//! What is known of a refresh token that has been sent and not replaced.

use std::{sync::Arc, time::Duration};

use super::{Activity, Credential, Effect, Fate, Operation, Step, Turn};
use crate::{BootTime, Failure, IssuanceId, Moment, Origin, Setback, Token, Verdict};

/// A refresh token was sent, and nothing came in its place: who has it may hold one that
/// the provider has replaced. To send it once more would look like theft and end all that
/// came of the same login (RFC 9700 §4.14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubt {
    /// Why it is in doubt.
    pub reason: DoubtReason,
    /// How long ago it was first sent.
    pub age: Duration,
    /// The issuance that it was sent with last, if that is known.
    pub issuance: Option<IssuanceId>,
}

/// Why a refresh token is in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoubtReason {
    /// The answer never came.
    Lost {
        /// Whether it was sent more than once.
        again: bool,
    },
    /// The provider refused it, and it had never been exchanged before, as far as is known:
    /// to send it once more does no harm, and may help once a person has mended the cause.
    Refused,
    /// It is of no use any more: the provider gave another that was lost, or refused it after
    /// an exchange of which nothing was heard.
    Spent,
    /// The store is older than what the provider has seen of it.
    Restored,
}

/// A doubt, and when it was noted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doubtful {
    doubt: Doubt,
    noted_at: BootTime,
}

impl Doubtful {
    pub(super) fn new(doubt: Doubt, noted_at: BootTime) -> Self {
        Self { doubt, noted_at }
    }

    fn age(&self, now: Moment) -> Duration {
        self.doubt.age.saturating_add(self.noted_at.until(now.boot))
    }

    /// Tells whether the provider takes the token once more without harm, if it does so for
    /// `grace` after an exchange. A provider that replaces none takes it any time.
    fn is_harmless(&self, grace: Duration, now: Moment) -> bool {
        match self.doubt.reason {
            DoubtReason::Lost { again } => {
                grace == Duration::MAX || !again && self.age(now) < grace
            }
            DoubtReason::Restored => grace == Duration::MAX,
            DoubtReason::Refused | DoubtReason::Spent => false,
        }
    }

    /// Tells whether the denial of this issuance was about the refresh token alone.
    pub(super) fn explains(&self, issuance: Option<IssuanceId>) -> bool {
        matches!(self.doubt.reason, DoubtReason::Refused | DoubtReason::Spent)
            && self.doubt.issuance == issuance
    }
}

impl DoubtReason {
    fn message(self) -> &'static str {
        match self {
            Self::Lost { .. } => {
                "the answer to the last refresh never came, and to send the refresh token once \
                 more could end all that came of the login"
            }
            Self::Refused => "the provider refused the refresh token",
            Self::Spent => "the refresh token is of no use any more",
            Self::Restored => {
                "the store was restored from a backup, and its refresh token may have been \
                 replaced since"
            }
        }
    }
}

impl<P: Clone> Credential<P> {
    /// Tells whether a dance sends the refresh token.
    pub(super) fn spends(&self, operation: Operation) -> bool {
        match operation {
            Operation::Issue => self.terms.origin == Origin::Login,
            Operation::Refresh => true,
            Operation::KeepAlive => false,
        }
    }

    /// Tells whether a refresh token has been sent whose successor would be lost with the
    /// answer.
    pub(crate) fn is_exchanging(&self) -> bool {
        match &self.activity {
            Activity::Issuing { step: Step::Sending(operation), .. } => self.spends(*operation),
            _ => false,
        }
    }

    /// Tells whether the refresh token can be sent without harm.
    pub(super) fn is_refresh_harmless(&self, now: Moment) -> bool {
        let grace = self.terms.refresh_grace.unwrap_or_default();
        self.doubt.is_none_or(|doubtful| doubtful.is_harmless(grace, now))
    }

    /// Returns why nothing but a login brings another token, if that is so.
    pub(super) fn lacks_login(&self, now: Moment) -> Option<&'static str> {
        if self.terms.origin != Origin::Login {
            return None;
        }
        if !self.terms.is_logged_in {
            return Some(match self.token {
                Some(_) => "the login left nothing behind to ask for another token with",
                None => "nobody is logged in",
            });
        }
        let doubtful = self.doubt.filter(|_| !self.is_refresh_harmless(now))?;
        Some(doubtful.doubt.reason.message())
    }

    /// Stops if nothing but a login helps, and it is time to say so: what can't be sent any
    /// more is worth a word beforehand.
    pub(super) fn notice_login(&mut self, turn: &mut Turn<'_, P>) {
        let is_idle = matches!(self.activity, Activity::Resting(_) | Activity::Waiting { .. });
        if !is_idle || self.doubt.is_none() && !self.is_token_due(turn.now) {
            return;
        }
        if let Some(message) = self.lacks_login(turn.now) {
            self.want_login(message, turn);
        }
    }

    /// Stops until somebody logs in.
    pub(super) fn want_login(&mut self, message: &str, turn: &mut Turn<'_, P>) {
        self.give_up(Setback::LoginNeeded(message.to_owned()), Activity::Refused, turn);
    }

    /// Notes what a dance that failed says of the refresh token, and returns whether it is
    /// of no use any more.
    pub(super) fn suspect(
        &mut self,
        issuance: IssuanceId,
        operation: Operation,
        fate: Fate,
        failure: &Failure,
        turn: &Turn<'_, P>,
    ) -> bool {
        if !self.spends(operation) || matches!(fate, Fate::Unsent | Fate::Unrecognised) {
            return false;
        }
        let before = self.doubt;
        let age = before.map_or(Duration::ZERO, |doubtful| doubtful.age(turn.now));
        let reason = match (failure.verdict, fate) {
            (_, Fate::Lost | Fate::Unsure) => DoubtReason::Lost { again: before.is_some() },
            (Verdict::Denied, _) if before.is_none() => DoubtReason::Refused,
            (Verdict::Denied, _) => DoubtReason::Spent,
            (_, Fate::Answered | Fate::Unrecognised | Fate::Unsent) => return false,
        };
        let doubt = Doubt { reason, age, issuance: Some(issuance) };
        self.doubt = Some(Doubtful::new(doubt, turn.now.boot));
        matches!(reason, DoubtReason::Refused | DoubtReason::Spent)
    }

    /// A person says that the cause of a refusal is mended.
    pub(super) fn excuse(&mut self) {
        let is_refused = |it: &Doubtful| it.doubt.reason == DoubtReason::Refused;
        if self.terms.origin == Origin::Login {
            self.doubt = self.doubt.filter(|doubtful| !is_refused(doubtful));
        }
    }

    /// Notes that the refresh token was exchanged, though what came of it isn't there.
    pub(super) fn forfeit(&mut self, issuance: IssuanceId, turn: &Turn<'_, P>) {
        let (reason, age) = (DoubtReason::Spent, Duration::ZERO);
        let doubt = Doubt { reason, age, issuance: Some(issuance) };
        self.doubt = Some(Doubtful::new(doubt, turn.now.boot));
    }

    /// A token that is on disk isn't served. What it can be refreshed with has taken the
    /// place of the one before all the same.
    pub(super) fn supersede(
        &mut self,
        issuance: IssuanceId,
        token: &Arc<Token<P>>,
        turn: &mut Turn<'_, P>,
    ) {
        if self.terms.origin == Origin::Login || token.refreshes.is_none() {
            return;
        }
        if self.usable(turn.now).is_some() {
            self.forfeit(issuance, turn);
        } else {
            self.token = Some(Arc::clone(token));
            turn.effects.push(Effect::Publish(Arc::clone(token)));
        }
    }
}
