//! Other keys for the store, as operators want them.

use tokend_core::Random;
use tracing::{info, warn};

use super::{Author, Engine, Error, Reply};
use crate::ports::{Clock, Issuer, Rekey, RekeyEnded, RekeyFailure, Rekeyed, Store, Ticket};

/// Who waits for another key.
#[derive(Debug)]
pub(super) struct Rekeying {
    author: Author,
    reply: Reply<Rekeyed>,
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    pub(super) fn rekey(&mut self, rekey: Rekey, author: Author, reply: Reply<Rekeyed>) {
        let ticket = Ticket(self.number());
        self.rekeying.insert(ticket, Rekeying { author, reply });
        self.store.rekey(ticket, rekey, self.clock.now().boot);
    }

    /// Takes in what became of the store's keys.
    pub fn rekeyed(&mut self, ended: RekeyEnded) {
        let Some(Rekeying { author, reply }) = self.rekeying.remove(&ended.ticket) else { return };
        let Author { uid, pid } = author;
        match &ended.result {
            Ok(Rekeyed::Rotated { damaged }) => {
                info!(uid, pid, damaged, "everything is sealed with a new data key");
            }
            Ok(Rekeyed::Moved { from, to, is_new, .. }) => {
                info!(uid, pid, from, to, is_new, "the store's key is in another place");
                let first = self.moved.take().map_or_else(|| from.clone(), |(first, _)| first);
                self.moved = (first != *to).then(|| (first, to.clone()));
            }
            Err(error @ RekeyFailure::WrongPassphrase(_)) => {
                warn!(uid, pid, "a wrong passphrase was given: {error}");
            }
            Err(error) => info!(uid, pid, "the store keeps its keys: {error}"),
        }
        // Whoever asked may have gone; it is done all the same.
        let _ = reply.send(ended.result.map_err(Error::from));
    }

    /// Returns where the store's key is, if it isn't where it was when tokend started.
    pub(super) fn key_source(&self) -> Option<String> {
        self.moved.as_ref().map(|(_, to)| to.clone())
    }

    /// Notes that tokend.toml says where the key is: whoever has moved it and says so there has
    /// nothing left to do.
    pub(super) fn note_key_source(&mut self, source: String) {
        self.told_source = Some(source);
    }

    /// Says what keeps the next start from opening the store.
    pub(super) fn key_problem(&self) -> Option<String> {
        let (from, to) = self.moved.as_ref()?;
        if self.told_source.as_ref() == Some(to) {
            return None;
        }
        Some(format!(
            "the store's key was {from} when tokend started and is {to} now: tokend starts again \
             only if key_source = \"{to}\" is in tokend.toml by then"
        ))
    }
}
