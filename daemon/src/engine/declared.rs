//! Credentials that files declare: what differs is changed, in one write each.

mod plan;

use std::{collections::BTreeMap, sync::Arc};

use tokend_core::{History, Input, Name, Random};
use tracing::info;

pub use self::plan::{Action, FieldChange, Plan};
use super::{Author, Change, Engine, Error, Reply, Snapshot, Supplier, change::PendingChange};
use crate::{
    credential::{Credential, Declared, Fingerprint, Place, REFRESH_TOKEN},
    ports::{Clock, Issuer, Store, Write},
};

/// What files declare.
#[derive(Debug, Default)]
pub struct Bound {
    /// Where each credential is declared; `None` if the files can't be read: then what they have
    /// declared before counts.
    pub places: Option<BTreeMap<Name, Place>>,
    /// What is wrong with the files and with what they declare, a sentence each.
    pub problems: Vec<String>,
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Makes a credential as it is declared. `etag` is the one that it must have, or empty.
    pub(super) fn declare(
        &mut self,
        declared: &Declared,
        etag: &str,
        author: Author,
        reply: Reply<Snapshot>,
    ) {
        let planned = self.planned(declared).and_then(|(plan, credential)| {
            if plan.etag == etag {
                Ok((plan, credential))
            } else {
                Err(Error::EtagMismatch(declared.name.clone()))
            }
        });
        let (plan, credential) = match planned {
            Ok((Plan { action: Action::Leave, .. }, _)) => {
                return drop(reply.send(self.snapshot(&declared.name)));
            }
            Ok(planned) => planned,
            Err(error) => return drop(reply.send(Err(error))),
        };
        self.tell_taken_over(&credential);
        let write = Write::Credential(Arc::clone(&credential));
        let before = self.entries.get(&declared.name).map(|entry| entry.credential.id);
        let (pending, write) = match (plan.action, before) {
            (Action::Anew, Some(before)) => {
                let anew = Write::Anew { before, credential: Arc::clone(&credential) };
                (PendingChange::Anew { credential, reply }, anew)
            }
            (_, Some(_)) => (PendingChange::Declare { credential, reply }, write),
            (_, None) => {
                let doubted = self.doubts(declared) && declared.secrets.contains_key(REFRESH_TOKEN);
                let write = if doubted { Write::Doubted(Arc::clone(&credential)) } else { write };
                (PendingChange::Create { credential, doubted, reply }, write)
            }
        };
        self.submit_change(pending, author, write);
    }

    /// Goes on with a credential of the same account as it is declared, which is on disk.
    pub(super) fn take_up_declared(&mut self, credential: &Arc<Credential>) {
        let name = credential.name.clone();
        let sharers = self.leave_account(&name);
        let (mut is_resupplied, mut refresh_token) = (false, false);
        if let Some(entry) = self.entries.get_mut(&name) {
            let before = entry.replace(Arc::clone(credential));
            entry.remember(&self.definitions.now());
            entry.slot.set_access(credential.access());
            let of = |it: &Credential| it.secrets.get(REFRESH_TOKEN).map(Fingerprint::of);
            refresh_token = of(&before) != of(credential);
            is_resupplied =
                before.variables != credential.variables || prints(&before) != prints(credential);
            if is_resupplied {
                entry.notes = super::Notes::default();
            }
        }
        self.join_account(&name);
        self.settle(sharers.into_iter().chain([name.clone()]));
        self.mind(&name);
        // What callers do with the token may be another thing.
        self.publish_again(&name);
        if is_resupplied {
            self.step(&name, Input::Resupplied { refresh_token });
        }
        self.wake();
    }

    /// Goes on with a credential of another account, which is on disk in the place of the one
    /// before.
    pub(super) fn take_up_anew(&mut self, credential: Arc<Credential>) {
        let name = credential.name.clone();
        let now = self.clock.now();
        let effects = self.keeper.remove(now, &mut self.random, &*self.slots, &name);
        self.carry_out_all(effects);
        let sharers = self.put_down(&name);
        self.settle(sharers);
        let slot = self.take_up(credential);
        self.slots.insert(&slot);
        let (history, terms) = (History::default(), self.terms(&name));
        self.step(&name, Input::Loaded { token: None, history, terms, new: true });
        self.wake();
    }

    /// Tells whether a refresh token that a file refers to may be older than what the provider
    /// has seen.
    fn doubts(&self, declared: &Declared) -> bool {
        self.restored.doubts_references && declared.place.is_some()
    }

    /// Returns where a credential is declared, if what is done by hand would be undone.
    pub(super) fn binding(&self, credential: &Credential) -> Option<Place> {
        let stored = credential.declared_in.as_ref()?;
        match &self.bound.places {
            Some(places) => places.get(&credential.name).cloned(),
            None => Some(stored.clone()),
        }
    }

    /// Returns why a change isn't made by hand, if a file would undo it.
    pub(super) fn bound_elsewhere(&self, change: &Change) -> Option<Error> {
        let name = change.name();
        let credential = &self.entries.get(name)?.credential;
        let is_undone = match change {
            Change::Remove { .. }
            | Change::Grant { .. }
            | Change::Keep { .. }
            | Change::Revoke { .. } => true,
            // What files say nothing of is a person's to give, and what sources hold is theirs.
            Change::Replace { replacement, from: Supplier::Operator, .. } => {
                let supply = &credential.supply;
                let mut inputs = replacement.secrets.keys().chain(replacement.sources.keys());
                inputs.any(|it| supply.given.contains_key(it) || supply.sources.contains_key(it))
            }
            // Applied by hand.
            Change::Declare { declared, .. } => declared.place.is_none(),
            Change::Create { .. } | Change::End { .. } | Change::Replace { .. } => false,
        };
        let place = self.binding(credential).filter(|_| is_undone)?;
        Some(Error::Declared { name: name.clone(), place })
    }

    /// Returns what is wrong with what files declare.
    pub(super) fn declaration_problems(&self) -> Vec<String> {
        [self.bound.problems.clone(), self.undeclared()].concat()
    }

    /// Returns of which credentials no file speaks any more, a sentence each.
    pub(super) fn undeclared(&self) -> Vec<String> {
        let Some(places) = &self.bound.places else { return Vec::new() };
        let gone = self.entries.iter().filter_map(|(name, entry)| {
            let place = entry.credential.declared_in.as_ref()?;
            let file = place.file.display();
            (!places.contains_key(name)).then(|| {
                format!(
                    "{name} is no longer declared in {file}, and served as it was: declare it, or \
                     `tokend-cli remove {name}`"
                )
            })
        });
        gone.collect()
    }

    fn tell_taken_over(&self, credential: &Credential) {
        let Some(place) = &credential.declared_in else { return };
        let stored = self.entries.get(&credential.name);
        if stored.is_some_and(|stored| stored.credential.declared_in.is_none()) {
            info!(credential = %credential.name, declared = %place,
                "made by hand, taken over as it is declared");
        }
    }
}

/// Returns what tells secrets apart.
fn prints(credential: &Credential) -> Vec<(&String, Fingerprint)> {
    credential.secrets.iter().map(|(name, secret)| (name, Fingerprint::of(secret))).collect()
}
