//! When a credential has to be looked at again.

use std::time::Duration;

use jiff::Timestamp;

use super::{Activity, Credential, Next};
use crate::{BootTime, Moment, Policy};

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

/// A refresh that is late by this has been missed: the machine slept, the clock
/// was set or the daemon was down.
const MISSED: Duration = Duration::from_secs(60);

/// A token that no one uses isn't looked at more often.
const LEAST_LOOK: Duration = Duration::from_secs(30);

impl<P: Clone> Credential<P> {
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        // Nothing is asked for while a newer token is there but for the write.
        if self.rotations.coming().is_some() {
            return self.rotations.retry_at().map(Deadline::Boot);
        }
        match &self.activity {
            Activity::Resting(Next::Due) => match &self.token {
                Some(token) => token.due().map(|(wall, boot)| Deadline::Token { wall, boot }),
                None => Some(Deadline::Now),
            },
            Activity::Resting(Next::At(at)) => Some(Deadline::Boot(*at)),
            Activity::Waiting { retry_at } | Activity::Unsaved { retry_at, .. } => {
                Some(Deadline::Boot(*retry_at))
            }
            Activity::Resting(Next::Asked) | Activity::Issuing { .. } | Activity::Refused => None,
        }
    }

    pub(super) fn is_due(&self, now: Moment) -> bool {
        match self.deadline() {
            Some(Deadline::Now) => true,
            Some(Deadline::Token { wall, boot }) => wall <= now.wall || boot <= now.boot,
            Some(Deadline::Boot(at)) => at <= now.boot,
            None => false,
        }
    }

    /// Tells whether the token should have been replaced for a while.
    pub(super) fn is_missed(&self, now: Moment) -> bool {
        let due = self.usable(now).and_then(|token| token.due());
        due.is_some_and(|(wall, boot)| {
            let by_wall = Duration::try_from(now.wall.duration_since(wall)).unwrap_or_default();
            by_wall.max(boot.until(now.boot)) > MISSED
        })
    }

    /// Returns when to see whether callers use the credential again: those whom
    /// the published token serves aren't heard of.
    pub(super) fn next_look(&self, now: Moment) -> Next {
        let left = self.remaining(now);
        if self.terms.policy == Policy::OnDemand || left.is_zero() {
            return Next::Asked;
        }
        Next::At(now.boot.after((left / 2).max(LEAST_LOOK)))
    }
}
