//! Which secrets a provider takes of whom, and until when.

use std::time::Duration;

use jiff::Timestamp;
use tokend_core::after;

use super::Provider;
use crate::plan::secret;

/// The secrets of one credential, by their numbers.
#[derive(Clone, Default)]
pub(super) struct Secrets {
    /// The one that is good for good.
    current: usize,
    /// The last one that was given.
    last: usize,
    /// Those of before, each until then.
    former: Vec<(usize, Timestamp)>,
}

impl Secrets {
    /// Gives another. The one before is taken for so long still.
    pub(super) fn renew(&mut self, overlap: Duration, at: Timestamp) -> usize {
        self.former.push((self.current, after(at, overlap)));
        (self.current, self.last) = (self.last + 1, self.last + 1);
        self.current
    }

    /// Returns one that somebody mistakes for the next.
    pub(super) fn mistake(&mut self) -> usize {
        self.last += 1;
        self.last
    }

    /// Returns the one that is good for good.
    pub(super) fn current(&self) -> usize {
        self.current
    }

    /// Tells whether a request with this body is let in.
    pub(super) fn admit(&self, body: &str, at: Timestamp) -> bool {
        let has = |number: usize| body.contains(&secret(number));
        let former = |(number, until): &(usize, Timestamp)| at < *until && has(*number);
        !body.contains("hunter2") || has(self.current) || self.former.iter().any(former)
    }
}

impl Provider {
    /// Gives a credential another secret; the one before is taken for so long still. Returns
    /// its number.
    pub(crate) fn renew_secret(
        &mut self,
        member: usize,
        overlap: Duration,
        at: Timestamp,
    ) -> usize {
        self.secrets[member].renew(overlap, at)
    }

    /// Returns the number of what somebody mistakes for a credential's next secret.
    pub(crate) fn mistake_secret(&mut self, member: usize) -> usize {
        self.secrets[member].mistake()
    }

    /// Returns the number of the secret by which a credential is known.
    pub(crate) fn secret(&self, member: usize) -> usize {
        self.secrets[member].current()
    }
}
