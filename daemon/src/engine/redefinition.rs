//! Other provider definitions, and what else of the configuration is the engine's: all of it
//! holds from one moment on, and no token is lost for it.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use tokend_core::{Input, Name, Random};
use tracing::{info, warn};

use super::{Engine, Entry, Reply, dance::Dance};
use crate::ports::{Clock, Issuer, Redefined, Redefinition, Store};

/// How many credentials go over to other definitions before callers have their turn again.
const AT_ONCE: usize = 16;

/// Credentials that don't go by the definitions yet that hold.
#[derive(Debug)]
pub(super) struct Redefining {
    waiting: VecDeque<Name>,
    /// Those for whom other limits may hold, since one that shares their account has gone over.
    sharers: BTreeSet<Name>,
    redefined: Redefined,
    reply: Reply<Redefined>,
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Has other definitions hold. What is under way goes on with those before; the answer
    /// comes when all credentials go by these.
    pub(super) fn redefine(&mut self, redefinition: Redefinition, reply: Reply<Redefined>) {
        let Redefinition { definitions, revoke_at_the_end, notices, key_source } = redefinition;
        self.definitions.replace(definitions);
        self.set_revoking_at_the_end(revoke_at_the_end);
        if let Some(notices) = notices {
            self.tell_logins(notices);
        }
        self.note_key_source(key_source);
        // Whoever has files read again stands for what is in them.
        self.restored.doubts_references = false;
        // Whoever asked before hears of it when these hold everywhere.
        self.finish_redefining();
        let waiting = self.entries.keys().cloned().collect();
        let (sharers, redefined) = (BTreeSet::new(), Redefined::default());
        self.redefining = Some(Redefining { waiting, sharers, redefined, reply });
        self.go_on_redefining();
    }

    /// Has some more credentials go by the definitions that hold.
    pub(super) fn go_on_redefining(&mut self) {
        let Some(mut redefining) = self.redefining.take() else { return };
        for _ in 0..AT_ONCE {
            if let Some(name) = redefining.waiting.pop_front() {
                let sharers = self.go_by_definition(&name, &mut redefining.redefined);
                redefining.sharers.extend(sharers);
            } else if let Some(name) = redefining.sharers.pop_first() {
                self.settle([name]);
            } else {
                // Whoever asked may have gone.
                let _ = redefining.reply.send(Ok(redefining.redefined));
                return;
            }
        }
        self.redefining = Some(redefining);
    }

    fn finish_redefining(&mut self) {
        while self.redefining.is_some() {
            self.go_on_redefining();
        }
    }

    /// Has a credential go by the definition that holds, if that is another than before.
    /// Returns who shares its account, before or now.
    fn go_by_definition(&mut self, name: &Name, redefined: &mut Redefined) -> BTreeSet<Name> {
        let library = self.definitions.now();
        let Some(entry) = self.entries.get(name) else { return BTreeSet::new() };
        let before = entry.routine.as_ref().ok().map(|routine| &routine.definition);
        let is_same = library.get(&entry.credential.provider).is_some_and(|definition| {
            before.is_some_and(|before| Arc::ptr_eq(before, &definition))
        });
        if is_same {
            return BTreeSet::new();
        }
        let (was_usable, dance) = (before.is_some(), Dance::of(&library, &entry.credential));
        match (&dance, was_usable) {
            (Ok(_), true) => redefined.changed.push(name.clone()),
            (Ok(_), false) => redefined.usable.push(name.clone()),
            (Err(problem), true) => {
                warn!(credential = %name, "no issuance is possible any more: {problem}");
                redefined.unusable.push((name.clone(), problem.to_string()));
            }
            (Err(_), false) => {}
        }
        let is_usable = dance.is_ok();
        let mut sharers = self.leave_account(name);
        if let Some(Entry { routine, slot, .. }) = self.entries.get_mut(name) {
            slot.prepare();
            *routine = super::remembered(dance);
        }
        self.join_account(name);
        sharers.extend(self.accounts.sharers(name));
        sharers.remove(name);
        self.settle([name.clone()]);
        if is_usable {
            // What callers do with the token, and what speaks against it, may be otherwise.
            self.publish_again(name);
        }
        if is_usable && !was_usable {
            info!(credential = %name, "there is a definition for it now");
            self.step(name, Input::Possible);
        }
        sharers
    }
}
