//! Reads all that is stored for the engine, and meanwhile what callers ask for.

use std::{
    collections::VecDeque,
    sync::{
        Weak,
        mpsc::{Receiver, Sender},
    },
};

use tokend_core::{Random, Stamp};
use tokio::sync::oneshot;

use super::{OpenError, Store, Task};
use crate::{
    credential::CredentialId,
    ports::{Loaded, StoredCredential},
};

/// Asks the thread for single credentials, as long as the worker is there.
#[derive(Debug, Clone)]
pub struct Opener(pub(super) Weak<Sender<Task>>);

impl Opener {
    /// Starts to read a credential as it is stored. There is `None` of it if it can't be read.
    pub fn open(
        &self,
        id: CredentialId,
        now: Stamp,
    ) -> oneshot::Receiver<Option<StoredCredential>> {
        let (reply, opened) = oneshot::channel();
        if let Some(queue) = self.0.upgrade() {
            let _ = queue.send(Task::One(id, now, reply));
        }
        opened
    }
}

/// Reads all. What else is wanted of the store is put off.
pub(super) fn load<R: Random>(
    store: &mut Store<R>,
    now: &Stamp,
    queue: &Receiver<Task>,
    put_off: &mut VecDeque<Task>,
) -> Result<Loaded, OpenError> {
    store.load_beside(now, |store| {
        for task in queue.try_iter() {
            match task {
                Task::One(id, now, reply) => drop(reply.send(store.one(id, &now))),
                task => put_off.push_back(task),
            }
        }
    })
}
