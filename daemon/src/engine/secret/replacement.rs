//! Secrets that a person, a file or a command puts in the place of others.

use std::sync::Arc;

use tokend_core::{History, Input, Name, Origin, Random, State, Token};

use super::Engine;
use crate::{
    credential::{Credential, Fingerprint, Grant, REFRESH_TOKEN, Replacement},
    engine::{Entry, Error, Reply, Snapshot, Supplier, dance::Dance},
    ports::{Clock, Issuer, Store},
};

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Returns a credential with other secrets, if its definition takes them.
    pub(in super::super) fn replaced(
        &self,
        name: &Name,
        etag: Option<&str>,
        replacement: &Replacement,
    ) -> Result<Arc<Credential>, Error> {
        let credential = self.current(name, etag)?;
        let now = self.clock.now().wall;
        let overlapping = credential.resupplied(replacement, true, now);
        let dance = Dance::of(&self.definitions.now(), &overlapping)?;
        let changed = if dance.is_static() {
            // Nobody is there who could refuse the new one.
            credential.resupplied(replacement, false, now)
        } else {
            overlapping
        };
        check_supply(&changed)?;
        self.check_unshared(&changed, &dance)?;
        Ok(Arc::new(changed))
    }

    /// Tells whether a credential's secrets have been replaced since its last issuance, so
    /// that a restart has come between.
    pub(in super::super) fn is_resupplied_since(
        &self,
        name: &Name,
        token: Option<&Token<Grant>>,
        history: &History,
    ) -> bool {
        let Some(Entry { credential, .. }) = self.entries.get(name) else { return false };
        let supply = &credential.supply;
        if let Some(replacements) = history.replacements {
            return replacements < supply.replacements;
        }
        // Of earlier versions' issuances only the time is known.
        let failed_at = history.last_failure.as_ref().map(|(_, at, _)| *at);
        let last = failed_at.max(token.map(|token| token.issued_at));
        supply.replaced_at.is_some_and(|replaced| last.is_none_or(|last| last < replaced))
    }

    /// Goes on with other secrets, which are on disk.
    pub(in super::super) fn take_up_replaced(&mut self, credential: Arc<Credential>) {
        let name = credential.name.clone();
        let sharers = self.leave_account(&name);
        let mut refresh_token = false;
        if let Some(entry) = self.entries.get_mut(&name) {
            entry.notes.refused = None;
            entry.notes.sources.clear();
            let of = |it: &Credential| it.secrets.get(REFRESH_TOKEN).map(Fingerprint::of);
            refresh_token = of(&entry.credential) != of(&credential);
            entry.replace(credential);
            entry.remember(&self.definitions.now());
        }
        self.join_account(&name);
        self.settle(sharers.into_iter().chain([name.clone()]));
        self.mind(&name);
        self.step(&name, Input::Resupplied { refresh_token });
        self.wake();
    }

    /// Answers a change of secrets. Where the token is one of them, whoever looks once it is
    /// answered finds the new one: no provider is waited for, just the store.
    pub(in super::super) fn answer_replaced(&mut self, name: &Name, reply: Reply<Snapshot>) {
        self.replacing.entry(name.clone()).or_default().push(reply);
        self.answer_all_replaced(name);
    }

    /// Answers changes of secrets if the token isn't being taken anew.
    pub(in super::super) fn answer_all_replaced(&mut self, name: &Name) {
        if !self.replacing.contains_key(name) {
            return;
        }
        let view = self.keeper.view(name, self.clock.now());
        let is_under_way = view.is_some_and(|view| {
            view.terms.origin == Origin::Static
                && matches!(view.state, State::Issuing | State::Refreshing)
        });
        if !is_under_way {
            for reply in self.replacing.remove(name).into_iter().flatten() {
                let _ = reply.send(self.snapshot(name));
            }
        }
    }

    /// Tells why secrets haven't been replaced, if they came of a source.
    pub(in super::super) fn note_unfit(
        &mut self,
        name: &Name,
        replacement: &Replacement,
        from: Supplier,
        error: &Error,
    ) {
        // A look at the source comes anyway if the credential is another by now.
        if from == Supplier::Operator || matches!(error, Error::EtagMismatch(_)) {
            return;
        }
        for (input, source) in &replacement.sources {
            let problem = format!("the {input} of {name} that {source} holds isn't taken: {error}");
            self.note_source(name, input, Some(problem));
        }
    }
}

/// Checks that what is known of secrets is known of secrets that there are.
pub(in super::super) fn check_supply(credential: &Credential) -> Result<(), Error> {
    let supply = &credential.supply;
    let mut inputs = supply.expire_times.keys().chain(supply.sources.keys());
    let stranger = inputs.find(|input| !credential.secrets.contains_key(*input));
    stranger.map_or(Ok(()), |input| {
        let known: Vec<&str> = credential.secrets.keys().map(String::as_str).collect();
        Err(Error::NoSecret {
            name: credential.name.clone(),
            input: input.clone(),
            known: known.join(", "),
        })
    })
}
