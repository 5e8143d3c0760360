//! The end of the daemon: nothing new begins, and what is under way is brought home.

use tokend_core::{Name, Random};

use super::{Engine, Error};
use crate::ports::{Clock, Issuer, Store};

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Begins nothing new from here on. What is under way goes on: an answer of
    /// a provider that was paid for is still stored.
    pub fn stop(&mut self) {
        self.stopping = true;
        // Those who sit before a page can begin again.
        self.call_off_logins(None);
        let held: Vec<Name> = self.held.keys().cloned().collect();
        for name in held {
            self.release(&name);
        }
        let now = self.clock.now();
        for (name, effect) in self.keeper.save(now, &mut self.random) {
            self.carry_out(&name, effect);
        }
        self.settle_waiting();
        for deferred in std::mem::take(&mut self.deferred).into_values() {
            for (change, _) in deferred.changes {
                change.refuse(Error::Stopping);
            }
        }
        self.revoke_at_the_end();
    }

    /// Tells whether `stop` has been called.
    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Tells everyone who still waits that nothing comes any more.
    pub fn dismiss(&mut self) {
        for (_, reply) in std::mem::take(&mut self.waiting) {
            let _ = reply.send(Err(Error::Stopping));
        }
        for (_, reporter) in std::mem::take(&mut self.reporting) {
            reporter.refuse(Error::Stopping);
        }
        for (_, submitter) in std::mem::take(&mut self.submitting) {
            submitter.refuse(Error::Stopping);
        }
        for (_, errand) in std::mem::take(&mut self.errands) {
            errand.refuse(Error::Stopping);
        }
        self.dismiss_revocations();
        // Their secrets are on disk.
        for (name, replies) in std::mem::take(&mut self.replacing) {
            for reply in replies {
                let _ = reply.send(self.snapshot(&name));
            }
        }
        for reply in std::mem::take(&mut self.discarding).into_values().flatten() {
            let _ = reply.send(Err(Error::Stopping));
        }
    }

    /// Tells whether nothing is being written and no provider is being asked.
    pub fn is_quiet(&self) -> bool {
        let is_idle = self.writing.is_empty() && self.errands.is_empty();
        is_idle && self.issuing().next().is_none()
    }

    /// Returns the credentials for which a token is being asked.
    pub(super) fn issuing(&self) -> impl Iterator<Item = &Name> {
        use tokend_core::State::{Issuing, Refreshing};
        let now = self.clock.now();
        self.entries.keys().filter(move |name| {
            let view = self.keeper.view(name, now);
            view.is_some_and(|view| matches!(view.state, Issuing | Refreshing))
        })
    }

    /// Tells whether an answer is awaited with which a refresh token would be lost, or is
    /// being written.
    pub fn is_exchanging(&self) -> bool {
        !self.writing.is_empty() || self.keeper.is_exchanging()
    }

    /// Gives the store and the issuer back, to be ended in their turn.
    pub fn into_parts(self) -> (I, S) {
        (self.issuer, self.store)
    }
}
