//! Changes to stored credentials: one after the other for each name, and
//! answered when they are on disk.

mod access;

use std::{sync::Arc, time::Duration};

pub(super) use self::access::distinct;
use self::access::{listed, with, without};
use super::{
    Author, Change, Engine, Error, NewCredential, Reply, Snapshot, Supplier, dance,
    effect::Basis,
    login::Login,
    restoration::Acceptance,
    secret::{Settling, check_supply},
    trial::Trial,
};
use crate::{
    credential::{Access, Credential, CredentialId, Reader},
    ports::{
        Clock, Happening, Issuer, Leaving, Revocation, Store, Write,
        event::{self, Doer, Shared},
    },
};
use tokend_core::{
    Doubt, DoubtReason, History, Input, IssuanceId, Name, Policy, Random, RevocationId,
    StoreFailure, TokenId,
};
use tokend_provider::Limit;

/// What a write that is under way is for.
#[derive(Debug)]
pub(super) enum Pending {
    Reservation { name: Name, issuance: IssuanceId, basis: Basis },
    Token { name: Name, credential: CredentialId, issuance: IssuanceId, settling: Option<Settling> },
    Rotation { name: Name, token_id: TokenId },
    Settlement { issuance: IssuanceId },
    Discard(Name),
    Trial(Box<Trial>),
    Login(Box<Login>),
    Revocation { id: RevocationId, leaving: Leaving },
    Attempt(RevocationId),
    RevocationEnd { id: RevocationId, dropped: Option<Reply<()>> },
    Acceptance(Acceptance),
    Change(PendingChange, Author),
}

/// What is known of a refresh token that a file brings into a restored store.
const NEVER_SENT_HERE: Doubt =
    Doubt { reason: DoubtReason::Restored, age: Duration::MAX, issuance: None };

/// A change that is being written.
#[derive(Debug)]
pub(super) enum PendingChange {
    Create { credential: Arc<Credential>, doubted: bool, reply: Reply<Snapshot> },
    Update { credential: Arc<Credential>, reply: Reply<Snapshot> },
    Keep { credential: Arc<Credential>, reply: Reply<Snapshot> },
    Declare { credential: Arc<Credential>, reply: Reply<Snapshot> },
    Anew { credential: Arc<Credential>, reply: Reply<Snapshot> },
    Replace { credential: Arc<Credential>, from: Supplier, reply: Reply<Snapshot> },
    Remove { name: Name, ending: Option<Arc<Revocation>>, revoke: bool, reply: Reply<bool> },
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    pub(super) fn change(&mut self, change: Change, author: Author) {
        if let Some(error) = self.bound_elsewhere(&change) {
            change.refuse(error);
            return;
        }
        if let Some(deferred) = self.deferred.get_mut(change.name()) {
            deferred.changes.push_back((change, author));
            return;
        }
        match change {
            Change::Create { new, reply } => match self.create(new) {
                Ok(credential) => {
                    let write = Write::Credential(Arc::clone(&credential));
                    let pending = PendingChange::Create { credential, doubted: false, reply };
                    self.submit_change(pending, author, write);
                }
                Err(error) => drop(reply.send(Err(error))),
            },
            Change::Declare { declared, etag, reply } => {
                self.declare(&declared, &etag, author, reply);
            }
            Change::Remove { name, etag, revoke, reply } => {
                match self.removable(&name, etag.as_deref()) {
                    Ok(id) => {
                        let ending = self.ended_with(&name).filter(|_| revoke);
                        let write = match ending.clone() {
                            Some(revocation) => {
                                Write::Revoke { revocation, leaving: Leaving::Credential }
                            }
                            None => Write::Remove(id),
                        };
                        let pending = PendingChange::Remove { name, ending, revoke, reply };
                        self.submit_change(pending, author, write);
                    }
                    Err(error) => drop(reply.send(Err(error))),
                }
            }
            Change::End { name, reply } => self.revoke(&name, author, reply),
            Change::Grant { name, etag, readers, role, reply } => {
                let changed = self.current(&name, etag.as_deref()).map(|credential| {
                    let access = with(&credential, readers, role);
                    (credential, access)
                });
                self.update_access(changed, author, reply);
            }
            Change::Keep { name, etag, policy, limits, reply } => {
                match self.kept(&name, etag.as_deref(), policy, limits) {
                    Ok(credential) => {
                        let write = Write::Credential(Arc::clone(&credential));
                        self.submit_change(
                            PendingChange::Keep { credential, reply },
                            author,
                            write,
                        );
                    }
                    Err(error) => drop(reply.send(Err(error))),
                }
            }
            Change::Replace { name, etag, replacement, from, reply } => {
                match self.replaced(&name, etag.as_deref(), &replacement) {
                    Ok(credential) => {
                        let write = Write::Credential(Arc::clone(&credential));
                        let pending = PendingChange::Replace { credential, from, reply };
                        self.submit_change(pending, author, write);
                    }
                    Err(error) => {
                        self.note_unfit(&name, &replacement, from, &error);
                        let _ = reply.send(Err(error));
                        self.release_after(&name, from);
                    }
                }
            }
            Change::Revoke { name, etag, readers, role, reply } => {
                let changed = self.current(&name, etag.as_deref()).and_then(|credential| {
                    let rest = without(&credential, &readers, role)?;
                    Ok((credential, rest))
                });
                self.update_access(changed, author, reply);
            }
        }
    }

    /// A change has been written, or not.
    pub(super) fn changed(
        &mut self,
        pending: PendingChange,
        author: Author,
        result: Result<(), StoreFailure>,
    ) {
        let (name, from) = (pending.name().clone(), pending.supplier());
        let changed = Happening::Changed(pending.told(), from.doer(author));
        if result.is_ok() && !matches!(pending, PendingChange::Create { .. }) {
            self.tell(Some(&name), changed.clone());
        }
        match (pending, result) {
            (PendingChange::Create { credential, doubted, reply }, Ok(())) => {
                let slot = self.take_up(credential);
                self.slots.insert(&slot);
                self.tell(Some(&name), changed);
                let doubt = Some(NEVER_SENT_HERE).filter(|_| doubted);
                let (history, terms) = (History { doubt, ..History::default() }, self.terms(&name));
                self.step(&name, Input::Loaded { token: None, history, terms, new: true });
                self.wake();
                let _ = reply.send(self.snapshot(&name));
            }
            (PendingChange::Update { credential, reply }, Ok(())) => {
                if let Some(entry) = self.entries.get_mut(&name) {
                    entry.slot.set_access(credential.access());
                    entry.replace(credential);
                }
                let _ = reply.send(self.snapshot(&name));
            }
            (PendingChange::Keep { credential, reply }, Ok(())) => {
                let sharers = self.leave_account(&name);
                if let Some(entry) = self.entries.get_mut(&name) {
                    entry.replace(credential);
                }
                self.join_account(&name);
                self.settle(sharers.into_iter().chain([name.clone()]));
                // It tells when it is to be replaced.
                self.publish_again(&name);
                self.wake();
                let _ = reply.send(self.snapshot(&name));
            }
            (PendingChange::Replace { credential, reply, .. }, Ok(())) => {
                self.take_up_replaced(credential);
                self.answer_replaced(&name, reply);
            }
            (PendingChange::Declare { credential, reply }, Ok(())) => {
                self.take_up_declared(&credential);
                self.answer_replaced(&name, reply);
            }
            (PendingChange::Anew { credential, reply }, Ok(())) => {
                self.take_up_anew(credential);
                let _ = reply.send(self.snapshot(&name));
            }
            (PendingChange::Remove { ending, revoke, reply, .. }, Ok(())) => {
                if let Some(entry) = self.entries.get(&name).filter(|_| revoke) {
                    self.sent.turn_away(entry.credential.id, true);
                }
                let now = self.clock.now();
                let effects = self.keeper.remove(now, &mut self.random, &*self.slots, &name);
                self.carry_out_all(effects);
                let sharers = self.put_down(&name);
                self.settle(sharers);
                self.damaged.retain(|damage| damage.credential.0 != name);
                let _ = reply.send(Ok(ending.is_some()));
                if let Some(revocation) = ending {
                    self.pursue(revocation);
                }
            }
            (pending, Err(failure)) => pending.refuse(Error::Store(failure)),
        }
        self.release_after(&name, from);
        self.go_on_changing(&name);
    }

    /// Makes changes of a credential wait until a write of its row is done that is begun
    /// now.
    pub(super) fn defer_changes(&mut self, name: &Name) {
        self.deferred.entry(name.clone()).or_default().writes += 1;
    }

    /// A write of the row is done. If it was the last, makes the changes that have waited.
    pub(super) fn go_on_changing(&mut self, name: &Name) {
        let Some(deferred) = self.deferred.get_mut(name) else { return };
        deferred.writes -= 1;
        if deferred.writes > 0 {
            return;
        }
        for (change, author) in self.deferred.remove(name).unwrap_or_default().changes {
            self.change(change, author);
        }
    }

    fn create(&mut self, new: NewCredential) -> Result<Arc<Credential>, Error> {
        let NewCredential {
            name,
            provider,
            variables,
            secrets,
            supply,
            readers,
            submitters,
            refreshers,
            policy,
            limits,
        } = new;
        if self.entries.contains_key(&name) {
            return Err(Error::Exists(name));
        }
        if let Some((damage, _)) = self.damage(&name) {
            return Err(Error::Damaged { message: damage.message.clone(), name });
        }
        let now = self.clock.now().wall;
        let credential = Credential {
            id: CredentialId::draw(&mut self.random),
            name,
            provider,
            variables,
            secrets,
            supply,
            readers: distinct(readers),
            submitters: distinct(submitters),
            refreshers: distinct(refreshers),
            policy,
            limits,
            declared_in: None,
            revision: 1,
            created_at: now,
            updated_at: now,
        };
        let dance = dance::Dance::of(&self.definitions.now(), &credential)?;
        check_supply(&credential)?;
        self.check_unshared(&credential, &dance)?;
        Ok(Arc::new(credential))
    }

    pub(super) fn current(
        &self,
        name: &Name,
        etag: Option<&str>,
    ) -> Result<Arc<Credential>, Error> {
        let Some(entry) = self.entries.get(name) else {
            return Err(self.missing(name));
        };
        if etag.is_some_and(|etag| etag != entry.credential.etag()) {
            return Err(Error::EtagMismatch(name.clone()));
        }
        Ok(Arc::clone(&entry.credential))
    }

    /// Returns the id of a credential that can be removed; a damaged one can.
    fn removable(&self, name: &Name, etag: Option<&str>) -> Result<CredentialId, Error> {
        match self.damage(name) {
            Some((_, id)) => Ok(id),
            None => self.current(name, etag).map(|credential| credential.id),
        }
    }

    fn kept(
        &self,
        name: &Name,
        etag: Option<&str>,
        policy: Option<Policy>,
        limits: Option<Vec<Limit>>,
    ) -> Result<Arc<Credential>, Error> {
        let credential = self.current(name, etag)?;
        Ok(Arc::new(Credential {
            policy: policy.unwrap_or(credential.policy),
            limits: limits.unwrap_or_else(|| credential.limits.clone()),
            declared_in: None,
            revision: credential.revision + 1,
            updated_at: self.clock.now().wall,
            ..Credential::clone(&credential)
        }))
    }

    fn update_access(
        &mut self,
        changed: Result<(Arc<Credential>, Access), Error>,
        author: Author,
        reply: Reply<Snapshot>,
    ) {
        match changed {
            Ok((credential, access)) => {
                if access == credential.access() {
                    let _ = reply.send(self.snapshot(&credential.name));
                    return;
                }
                let Access { readers, submitters, refreshers } = access;
                let credential = Arc::new(Credential {
                    readers,
                    submitters,
                    refreshers,
                    declared_in: None,
                    revision: credential.revision + 1,
                    updated_at: self.clock.now().wall,
                    ..Credential::clone(&credential)
                });
                let write = Write::Credential(Arc::clone(&credential));
                self.submit_change(PendingChange::Update { credential, reply }, author, write);
            }
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    pub(super) fn submit_change(&mut self, pending: PendingChange, author: Author, write: Write) {
        self.defer_changes(&pending.name().clone());
        self.submit(Pending::Change(pending, author), write);
    }
}

impl PendingChange {
    fn name(&self) -> &Name {
        match self {
            Self::Create { credential, .. }
            | Self::Update { credential, .. }
            | Self::Keep { credential, .. }
            | Self::Declare { credential, .. }
            | Self::Anew { credential, .. }
            | Self::Replace { credential, .. } => &credential.name,
            Self::Remove { name, .. } => name,
        }
    }

    /// Returns who has asked for it.
    fn supplier(&self) -> Supplier {
        match self {
            Self::Replace { from, .. } => *from,
            _ => Supplier::Operator,
        }
    }

    fn told(&self) -> event::Change {
        match self {
            Self::Create { credential, .. } => event::Change::Created(shared(credential)),
            Self::Update { credential, .. } => event::Change::Access(shared(credential)),
            Self::Keep { .. } => event::Change::Terms,
            Self::Declare { credential, .. } => event::Change::Declared(shared(credential)),
            Self::Anew { credential, .. } => event::Change::Anew(shared(credential)),
            Self::Replace { .. } => event::Change::Secrets(None),
            Self::Remove { .. } => event::Change::Removed,
        }
    }

    fn refuse(self, error: Error) {
        match self {
            Self::Create { reply, .. }
            | Self::Update { reply, .. }
            | Self::Keep { reply, .. }
            | Self::Declare { reply, .. }
            | Self::Anew { reply, .. }
            | Self::Replace { reply, .. } => {
                drop(reply.send(Err(error)));
            }
            Self::Remove { reply, .. } => drop(reply.send(Err(error))),
        }
    }
}

impl Supplier {
    fn doer(self, author: Author) -> Doer {
        match self {
            Self::Operator => author.into(),
            Self::Source => Doer::Source,
        }
    }
}

/// Says who may read, submit and refresh from now on.
fn shared(credential: &Credential) -> Shared {
    let Credential { readers, submitters, refreshers, .. } = credential;
    let some = |readers: &[Reader]| Some(listed(readers)).filter(|all| !all.is_empty());
    Shared {
        readers: Some(listed(readers)),
        submitters: some(submitters),
        refreshers: some(refreshers),
    }
}
