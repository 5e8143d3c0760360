//! Tokens that are to be ended still, as operators see them and give them up.

use std::sync::Arc;

use jiff::Timestamp;
use tokend_core::{Failure, Random, RevocationId, Verdict, after};
use tracing::info;

use super::{Ending, Stage};
use crate::{
    engine::{Author, Engine, Error, Reply, change::Pending},
    ports::{Clock, Issuer, Revocation, Store, Write},
};

/// A token that is to be ended on the far side still.
#[derive(Debug, Clone)]
pub struct PendingRevocation {
    /// What is to be ended, and how often that has failed.
    pub revocation: Arc<Revocation>,
    /// When it is tried next; `None` if it is being tried.
    pub retry_at: Option<Timestamp>,
}

impl Ending {
    /// Tells everyone who waits that it is given up.
    fn tell_dropped(&mut self) {
        let name = self.stored.name.clone();
        self.answer(|| {
            let what = format!("the token of {name} isn't revoked");
            let message = "an operator has dropped its revocation".to_owned();
            let failure = Failure { verdict: Verdict::Denied, retry_after: None, message };
            Err(Error::NotDone { what, failure })
        });
    }
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Leaves a token to live on that was to be ended.
    pub(in crate::engine) fn drop_revocation(
        &mut self,
        id: RevocationId,
        author: Author,
        reply: Reply<()>,
    ) {
        let Author { uid, pid } = author;
        let token = match self.revocations.all.get_mut(&id) {
            Some(ending) if ending.stage == Stage::Stored => {
                info!(credential = %ending.stored.name, revocation = %id, uid, pid,
                    "its revocation is dropped: the token may live on");
                ending.tell_dropped();
                ending.stage = Stage::Leaving;
                ending.stored_token()
            }
            None if self.revocations.unreadable.contains_key(&id) => {
                info!(revocation = %id, uid, pid, "damaged revocation dropped");
                None
            }
            _ => return drop(reply.send(Err(Error::NoRevocation(id)))),
        };
        let pending = Pending::RevocationEnd { id, dropped: Some(reply) };
        self.submit(pending, Write::EndRevocation { id, token });
    }

    /// Returns all tokens that are to be ended still, in the order in which that was asked
    /// for.
    pub(in crate::engine) fn pending_revocations(&self) -> Vec<PendingRevocation> {
        let now = self.clock.now();
        let stored = |ending: &&Ending| ending.stage == Stage::Stored;
        let pending = self.revocations.all.values().filter(stored).map(|ending| {
            let at = ending.due_at().map(|at| after(now.wall, now.boot.until(at)));
            PendingRevocation { revocation: Arc::clone(&ending.stored), retry_at: at }
        });
        let mut all: Vec<_> = pending.collect();
        all.sort_by_key(|pending| (pending.revocation.asked_at, pending.revocation.id));
        all
    }
}
