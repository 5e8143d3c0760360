//! Tokens that are served no more: dropped here, wherever else they live on.

use tokend_core::{Input, Name, Random, StoreFailure};
use tracing::warn;

use crate::{
    engine::{Author, Engine, Error, Reply, Snapshot, change::Pending},
    ports::{Clock, Happening, Issuer, Store},
};

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Drops the token that is held, here only.
    pub(in crate::engine) fn drop_token(
        &mut self,
        name: &Name,
        author: Author,
        reply: Reply<Snapshot>,
    ) {
        let Some(token) = self.held(name) else {
            let known = self.entries.contains_key(name);
            let error = if known { Error::NoToken(name.clone()) } else { self.missing(name) };
            return drop(reply.send(Err(error)));
        };
        self.tell(Some(name), Happening::Dropped(token.id, author.into()));
        self.discarding.entry(name.clone()).or_default().push(reply);
        self.step(name, Input::Revoked(token.id));
        let is_discarded = |pending: &Pending| match pending {
            Pending::Discard(other) => other == name,
            _ => false,
        };
        // Another may have taken its place on the disk.
        if !self.writing.values().any(is_discarded) {
            self.discarded(name, &Ok(()));
        }
    }

    /// A token that is served no more has been taken from the disk, or not.
    pub(in crate::engine) fn discarded(&mut self, name: &Name, result: &Result<(), StoreFailure>) {
        if let Err(failure) = result {
            warn!(credential = %name, "dropped token not removed: {}", failure.message);
        }
        for reply in self.discarding.remove(name).unwrap_or_default() {
            let answer = match result {
                Ok(()) => self.snapshot(name),
                Err(failure) => Err(Error::NotDiscarded(failure.clone())),
            };
            let _ = reply.send(answer);
        }
    }

    /// Lets callers see no token any more.
    pub(in crate::engine) fn withdraw(&mut self, name: &Name) {
        self.telling.ends(name, None);
        if let Some(entry) = self.entries.get(name) {
            entry.slot.withdraw();
        }
    }
}
