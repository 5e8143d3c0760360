//! How a token's end begins: with what that takes on the disk, and the token off it.

use std::sync::Arc;

use tokend_core::{Input, Name, Random, RevocationId, StoreFailure, Token};
use tokend_provider::Operation;
use tracing::{field::display, info, warn};

use super::{Ending, Stage};
use crate::{
    credential::{Credential, Grant},
    engine::{
        Author, Engine, Error, Reply, Snapshot,
        change::Pending,
        dance::{self, Dance},
    },
    ports::{Clock, Issuer, Leaving, Revocation, Store, Write},
};

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Has the token that is held ended on the far side. Whoever asks once more waits with
    /// the others, for an attempt that is made at once.
    pub(in crate::engine) fn revoke(
        &mut self,
        name: &Name,
        author: Author,
        reply: Reply<Snapshot>,
    ) {
        if let Some(id) = self.pending_of(name) {
            let Author { uid, pid } = author;
            info!(credential = %name, revocation = %id, uid, pid, "its revocation is urged");
            let now = self.clock.now().boot;
            if let Some(ending) = self.revocations.all.get_mut(&id) {
                ending.course.hurry(now);
                ending.waiting.push(reply);
            }
            self.begin_revocations();
            return;
        }
        match self.revocation(name) {
            Ok((revocation, leaving)) => {
                tell(&revocation, Some(author));
                if leaving == Leaving::Login {
                    // They would write back what leaves the disk.
                    self.defer_changes(name);
                    self.sent.turn_away(revocation.credential, true);
                }
                self.write_revocation(revocation, leaving, Some(reply));
            }
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    /// Returns the revocation of the token that is held, or of the last one if none is.
    fn pending_of(&self, name: &Name) -> Option<RevocationId> {
        let credential = self.entries.get(name)?.credential.id;
        let held = self.held(name).map(|token| token.id);
        let is_its = |ending: &Ending| {
            ending.stored.credential == credential
                && ending.stage != Stage::Leaving
                && held
                    .is_none_or(|held| ending.stored.token.as_ref().is_some_and(|t| t.id == held))
        };
        let all = self.revocations.all.iter().filter(|(_, ending)| is_its(ending));
        all.max_by_key(|(id, ending)| (ending.stored.asked_at, **id)).map(|(id, _)| *id)
    }

    fn revocation(&mut self, name: &Name) -> Result<(Arc<Revocation>, Leaving), Error> {
        let dance = self.danced(name)?;
        let token = self.held(name);
        let held = token.as_ref().map(|token| dance::held(&token.payload));
        let ends_login = dance.ends_login(held.as_ref());
        if token.is_none() && !ends_login {
            return Err(Error::NoToken(name.clone()));
        }
        let entry = self.entries.get(name).ok_or_else(|| self.missing(name))?;
        let credential = Arc::clone(&entry.credential);
        let end = token.as_ref().and_then(|token| token.expires_at);
        let irrevocable = || Error::Irrevocable { name: name.clone(), end };
        let revocation = self.revocation_of(&credential, &dance, token).ok_or_else(irrevocable)?;
        // Nobody should lose a token for a request that can't be made.
        self.first_step(&dance, &revocation)?;
        let leaving = if ends_login { Leaving::Login } else { Leaving::Token };
        Ok((revocation, leaving))
    }

    /// Returns what it takes to end a token, if its definition says a way.
    pub(super) fn revocation_of(
        &mut self,
        credential: &Credential,
        dance: &Dance,
        token: Option<Arc<Token<Grant>>>,
    ) -> Option<Arc<Revocation>> {
        let held = token.as_ref().map(|token| dance::held(&token.payload));
        if !dance.definition.can(Operation::Revoke, &dance.inputs, held.as_ref()) {
            return None;
        }
        let is_lasting = dance.ends_login(held.as_ref())
            || held.is_some_and(|held| held.refresh_token.is_some());
        let ends_at = token.as_ref().and_then(|token| token.expires_at);
        // New secrets that the provider has refused are of no use here either.
        let entry = self.entries.get(&credential.name);
        let is_refused = entry.is_some_and(|entry| entry.notes.has_refusal());
        let secrets =
            if is_refused { credential.former_secrets() } else { credential.secrets.clone() };
        Some(Arc::new(Revocation {
            id: RevocationId::draw(&mut self.random),
            name: credential.name.clone(),
            credential: credential.id,
            provider: credential.provider.clone(),
            variables: credential.variables.clone(),
            secrets,
            ends_at: ends_at.filter(|_| !is_lasting),
            token,
            asked_at: self.clock.now().wall,
            attempts: 0,
            last_failure: None,
        }))
    }

    /// Returns what is to be ended of a credential that is about to go: what was issued for
    /// it, and isn't its user's.
    pub(in crate::engine) fn ended_with(&mut self, name: &Name) -> Option<Arc<Revocation>> {
        let (token, dance) = (self.held(name), self.danced(name).ok()?);
        let held = token.as_ref().map(|token| dance::held(&token.payload));
        let is_users = dance.definition.needs_login(&dance.inputs)
            && !dance.ends_login(held.as_ref())
            || dance.is_static();
        if is_users {
            return None;
        }
        let credential = Arc::clone(&self.entries.get(name)?.credential);
        let now = self.clock.now();
        let is_over = token.as_ref().is_some_and(|token| token.is_expired(now));
        let revocation = self.revocation_of(&credential, &dance, token)?;
        (revocation.ends_at.is_none() || !is_over).then_some(revocation)
    }

    pub(super) fn write_revocation(
        &mut self,
        revocation: Arc<Revocation>,
        leaving: Leaving,
        reply: Option<Reply<Snapshot>>,
    ) {
        let id = revocation.id;
        let mut ending = Ending::new(Arc::clone(&revocation), Stage::Coming, self.clock.now());
        ending.waiting.extend(reply);
        self.revocations.all.insert(id, ending);
        self.submit(Pending::Revocation { id, leaving }, Write::Revoke { revocation, leaving });
    }

    /// A revocation is on the disk, or not.
    pub(in crate::engine) fn revocation_written(
        &mut self,
        id: RevocationId,
        leaving: Leaving,
        result: Result<(), StoreFailure>,
    ) {
        let Some(ending) = self.revocations.all.get_mut(&id) else { return };
        let Revocation { name, credential, token, asked_at, .. } = &*ending.stored;
        let (name, credential, asked_at) = (name.clone(), *credential, *asked_at);
        let is_its = self.entries.get(&name).is_some_and(|entry| entry.credential.id == credential);
        match result {
            Ok(()) => {
                ending.stage = Stage::Stored;
                let mut ended = token.as_ref().map(|token| token.id);
                if let Some(entry) = self.entries.get_mut(&name)
                    && is_its
                    && leaving == Leaving::Login
                {
                    entry.replace(Arc::new(entry.credential.without_login(asked_at)));
                    entry.remember(&self.definitions.now());
                    // With the login, whatever came of it ends.
                    ended = entry.slot.published().map(|published| published.token().id);
                    self.settle([name.clone()]);
                }
                if let Some(ended) = ended.filter(|_| is_its) {
                    self.step(&name, Input::Revoked(ended));
                }
                self.begin_revocations();
            }
            Err(failure) => {
                ending.answer(|| Err(Error::Store(failure.clone())));
                self.revocations.all.remove(&id);
                warn!(credential = %name, revocation = %id,
                    "the token isn't revoked and is served on: {}", failure.message);
                if leaving == Leaving::Login {
                    self.sent.turn_away(credential, false);
                }
            }
        }
        if leaving == Leaving::Login {
            self.go_on_changing(&name);
        }
    }

    /// Has a token ended whose revocation is on the disk.
    pub(in crate::engine) fn pursue(&mut self, revocation: Arc<Revocation>) {
        tell(&revocation, None);
        let id = revocation.id;
        let ending = Ending::new(revocation, Stage::Stored, self.clock.now());
        self.revocations.all.insert(id, ending);
        self.begin_revocations();
    }

    /// Has all tokens ended, if that is wanted at the end. Those that a person's login has
    /// brought stay: many a server ends the login with them (RFC 7009 §2.1).
    pub(in crate::engine) fn revoke_at_the_end(&mut self) {
        if !self.revocations.at_the_end {
            return;
        }
        let names: Vec<Name> = self.entries.keys().cloned().collect();
        for name in names {
            let Ok(dance) = self.danced(&name) else { continue };
            if dance.definition.needs_login(&dance.inputs) {
                continue;
            }
            if let Some(entry) = self.entries.get(&name) {
                self.sent.turn_away(entry.credential.id, true);
            }
            let ending = self.ended_with(&name).filter(|revocation| {
                let token = revocation.token.as_ref();
                token.is_some_and(|t| !self.revocations.has(revocation.credential, t.id))
            });
            if let Some(revocation) = ending {
                tell(&revocation, None);
                self.write_revocation(revocation, Leaving::Token, None);
            }
        }
        self.begin_revocations();
    }
}

/// Tells that a token is to be ended, and who wants it, if it is someone.
fn tell(revocation: &Revocation, author: Option<Author>) {
    let Revocation { id, name, token, .. } = revocation;
    let token_id = token.as_ref().map(|token| display(token.id));
    let (uid, pid) = (author.map(|author| author.uid), author.and_then(|author| author.pid));
    info!(credential = %name, token_id, revocation = %id, uid, pid, "its token is to be revoked");
}
