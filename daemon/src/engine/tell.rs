//! Tells of what happens: the log, and whoever listens.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokend_core::{
    Cause, Failure, IssuanceId, Name, Random, Receipt, Ruling, StoreFailure, Token, TokenId, after,
};
use tracing::{debug, info, warn};

use super::{Author, Engine, effect::LOUD_FAILURES};
use crate::{
    audit,
    credential::Grant,
    ports::{
        Clock, Event, Happening, Issuer, Listener, Store, Subject,
        event::{Change, Doer, Shared},
    },
};

/// One token of a credential is on its way at a time; what never came isn't kept for long.
const MOST_COMING: usize = 2;

/// Who listens, and what has to be known to tell them.
#[derive(Debug, Default)]
pub(super) struct Telling {
    listeners: Vec<Arc<dyn Listener>>,
    /// Why the issuance of each credential was wanted that is under way.
    begun: BTreeMap<Name, (IssuanceId, Cause)>,
    /// Tokens that aren't served yet.
    coming: BTreeMap<Name, Vec<(TokenId, Came)>>,
    /// When the tokens end that are served.
    ends: BTreeMap<Name, Timestamp>,
    /// The same, in their order.
    next_ends: BTreeSet<(Timestamp, Name)>,
    /// Why the store couldn't be written the last time.
    store_failure: Option<String>,
}

/// How a token came.
#[derive(Debug, Clone, Copy)]
struct Came {
    issuance: IssuanceId,
    cause: Cause,
    took: Duration,
}

impl From<Author> for Doer {
    fn from(Author { uid, pid }: Author) -> Self {
        Self::Operator { uid, pid }
    }
}

impl Telling {
    /// Says what is wrong with the store, if it couldn't be written the last time.
    pub(super) fn store_problem(&self) -> Option<String> {
        let message = self.store_failure.as_ref()?;
        Some(format!("nothing can be stored: {message}"))
    }

    /// An issuance is wanted.
    pub(super) fn wanted(&mut self, name: &Name, issuance: IssuanceId, cause: Cause) {
        self.begun.insert(name.clone(), (issuance, cause));
    }

    /// Returns why an issuance was wanted. That of a login isn't the core's wish.
    fn cause(&self, name: &Name, issuance: IssuanceId) -> Cause {
        let begun = self.begun.get(name).filter(|(begun, _)| *begun == issuance);
        begun.map_or(Cause::Login, |(_, cause)| *cause)
    }

    /// A token is on its way to the disk that an issuance brought.
    pub(super) fn came(
        &mut self,
        name: &Name,
        issuance: IssuanceId,
        token: TokenId,
        receipt: &Receipt,
    ) {
        let cause = if receipt.renewed { self.cause(name, issuance) } else { Cause::KeepAlive };
        let came = Came { issuance, cause, took: receipt.took };
        let coming = self.coming.entry(name.clone()).or_default();
        coming.retain(|(id, _)| *id != token);
        coming.push((token, came));
        if coming.len() > MOST_COMING {
            coming.remove(0);
        }
    }

    /// Returns how a token came that is served from now on, unless it was stored before.
    fn arrived(&mut self, name: &Name, token: TokenId) -> Option<Came> {
        let coming = self.coming.get_mut(name)?;
        let place = coming.iter().position(|(id, _)| *id == token)?;
        Some(coming.remove(place).1)
    }

    /// Notes when the token ends that is served; `None` if none is, or it doesn't.
    pub(super) fn ends(&mut self, name: &Name, at: Option<Timestamp>) {
        if let Some(before) = self.ends.remove(name) {
            self.next_ends.remove(&(before, name.clone()));
        }
        if let Some(at) = at {
            self.ends.insert(name.clone(), at);
            self.next_ends.insert((at, name.clone()));
        }
    }

    /// Returns one whose token has ended, by the wall clock.
    fn ended(&mut self, now: Timestamp) -> Option<(Timestamp, Name)> {
        let (at, name) = self.next_ends.first().filter(|(at, _)| *at <= now).cloned()?;
        self.ends(&name, None);
        Some((at, name))
    }

    /// Forgets a credential that is gone.
    pub(super) fn forget(&mut self, name: &Name) {
        self.begun.remove(name);
        self.coming.remove(name);
        self.ends(name, None);
    }
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Has others hear of what happens from now on, and of how things are if that needs a
    /// person.
    pub fn heard_by(&mut self, listeners: Vec<Arc<dyn Listener>>) {
        self.telling.listeners = listeners;
        self.tell(None, Happening::Started { credentials: self.entries.len() });
        if self.restored.is_noticed {
            self.tell(None, Happening::Restored);
        }
        for (name, command, message) in self.needed_logins() {
            self.tell(Some(&name), Happening::LoginNeeded { command, message });
        }
    }

    /// Tells of what happened.
    pub(super) fn tell(&self, name: Option<&Name>, what: Happening) {
        log(name, &what);
        if self.telling.listeners.is_empty() {
            return;
        }
        let provider = |name| {
            let entry = self.entries.get(name);
            entry.map(|entry| entry.credential.provider.as_str()).unwrap_or_default().into()
        };
        let subject = name.map(|name| Subject { name: name.clone(), provider: provider(name) });
        let event = Event { at: self.clock.now().wall, subject, what };
        for listener in &self.telling.listeners {
            listener.hear(&event);
        }
    }

    /// Tells of a token that is served from now on, if it is news.
    pub(super) fn tell_of_token(&mut self, name: &Name, token: &Token<Grant>) {
        let expires_at = token.expires_at;
        let is_expired = token.is_expired(self.clock.now());
        self.telling.ends(name, expires_at.filter(|_| !is_expired));
        let token_id = token.id;
        // Else it was on the disk already, or a caller brought it.
        if let Some(Came { issuance, cause, took }) = self.telling.arrived(name, token_id) {
            let issued = Happening::Issued { issuance, cause, token_id, took, expires_at };
            self.tell(Some(name), issued);
        }
    }

    /// Notes that callers see a token from now on that one of them has submitted.
    pub(super) fn tell_of_submission(&mut self, name: &Name, token: TokenId, uid: u32) {
        let Some(slot) = self.entries.get(name).map(|entry| &entry.slot) else { return };
        let held = slot.published().filter(|held| held.token().id == token);
        let expires_at = held.and_then(|held| held.token().expires_at);
        self.tell(Some(name), Happening::Submitted { uid, token_id: token, expires_at });
    }

    /// Tells of an issuance that failed.
    pub(super) fn tell_of_failure(
        &self,
        name: &Name,
        issuance: IssuanceId,
        failure: &Failure,
        took: Duration,
    ) {
        let now = self.clock.now();
        let view = self.keeper.view(name, now);
        let consecutive = view.as_ref().map_or(1, |view| view.consecutive_failures);
        let retry_in = view.and_then(|view| view.retry_in);
        let cause = self.telling.cause(name, issuance);
        let Failure { verdict, message, .. } = failure.clone();
        let retry_at = retry_in.map(|wait| after(now.wall, wait));
        let failed =
            Happening::Failed { issuance, cause, verdict, message, took, consecutive, retry_at };
        self.tell(Some(name), failed);
    }

    /// Tells of tokens that have ended.
    pub(super) fn tell_of_ends(&mut self) {
        let now = self.clock.now();
        while let Some((at, name)) = self.telling.ended(now.wall) {
            let Some(slot) = self.entries.get(&name).map(|entry| &entry.slot) else { continue };
            let Some(published) = slot.published() else { continue };
            let used = slot.last_use().is_some_and(|used| used >= published.token().issued_at);
            self.tell(Some(&name), Happening::Expired { at, used });
        }
    }

    /// Tells if the store can be written no more, or again.
    pub(super) fn tell_of_store(&mut self, failure: Option<&StoreFailure>) {
        let message = failure.map(|failure| failure.message.clone());
        let was_failing = mem::replace(&mut self.telling.store_failure, message).is_some();
        if was_failing == failure.is_some() {
            return;
        }
        self.tell(
            None,
            match failure {
                Some(failure) => Happening::StoreFailed { message: failure.message.clone() },
                None => Happening::StoreRecovered,
            },
        );
    }
}

/// Writes down what happened.
fn log(name: Option<&Name>, what: &Happening) {
    let credential = name.map(Name::as_str);
    match what {
        // What was loaded is logged already.
        Happening::Started { credentials } => debug!(credentials, "started"),
        Happening::Issued { issuance, cause: Cause::KeepAlive, took, .. } => {
            info!(credential, %issuance, ?took, "the token lives on");
        }
        Happening::Issued { issuance, cause, token_id, took, .. } => {
            // The audit log has it, whatever else is logged; here is what it has no field for.
            if let Some(name) = name {
                audit::issued(name, *token_id);
            }
            debug!(credential, %issuance, ?cause, %token_id, ?took, "token issued");
        }
        // One that keeps repeating is told in a lower voice.
        Happening::Failed { issuance, verdict, message, consecutive, .. } => {
            if *consecutive <= LOUD_FAILURES {
                warn!(credential, %issuance, ?verdict, consecutive, "no token: {message}");
            } else {
                debug!(credential, %issuance, ?verdict, consecutive, "no token: {message}");
            }
        }
        Happening::Limited { retry_at, unknown } => {
            info!(credential, %retry_at, unknown, "issuance limit reached");
        }
        Happening::LoginNeeded { command, message } => {
            warn!(credential, "a login is needed: run `{command}`: {message}");
        }
        Happening::Rejected { ruling: Ruling::CredentialDead { message }, .. } => {
            warn!(credential, "an API refuses the token and no other can be had: {message}");
        }
        Happening::Rejected { uid, ruling, .. } => debug!(credential, uid, ?ruling, "ruled"),
        Happening::Submitted { uid, token_id, .. } => {
            debug!(credential, uid, %token_id, "an API handed a caller a newer token");
        }
        Happening::Expired { at, used } => {
            debug!(credential, %at, used, "the token expired, and no other has come");
        }
        Happening::Changed(change, doer) => log_change(credential, change, *doer),
        Happening::Dropped(token_id, doer) => {
            let (uid, pid) = numbers(*doer);
            info!(credential, %token_id, uid, pid, "its token is dropped here");
        }
        Happening::Revoked { revocation, took } => {
            info!(credential, %revocation, ?took, "token revoked");
        }
        Happening::RevocationFailed { revocation, attempts, message, retry_at: None } => {
            warn!(credential, %revocation, attempts,
                "the token isn't revoked, and its revocation is given up: {message}");
        }
        Happening::RevocationFailed { revocation, attempts, message, retry_at: Some(at) } => {
            if *attempts <= LOUD_FAILURES {
                warn!(credential, %revocation, attempts, retry_at = %at,
                    "token not revoked yet: {message}");
            } else {
                debug!(credential, %revocation, attempts, retry_at = %at,
                    "token not revoked yet: {message}");
            }
        }
        Happening::Restored => warn!("{}", super::RESTORED),
        // The log has a line for each change and each mistake already.
        Happening::Reloaded { .. } | Happening::ReloadFailed { .. } => {}
        Happening::StoreFailed { message } => warn!("the store can't be written: {message}"),
        Happening::StoreRecovered => info!("the store can be written again"),
    }
}

fn log_change(credential: Option<&str>, change: &Change, doer: Doer) {
    let (uid, pid) = numbers(doer);
    let nobody = Shared::default();
    let (shared, verb) = match change {
        Change::Created(shared) => (shared, "created"),
        Change::Access(shared) => (shared, "given other readers, submitters or refreshers"),
        Change::Declared(shared) => (shared, "made as its file says"),
        Change::Anew(shared) => (shared, "made anew, for another account"),
        Change::Terms => (&nobody, "given another policy or other limits"),
        Change::Secrets(secrets) => match doer {
            Doer::Operator { .. } => (&nobody, "given other secrets"),
            Doer::Source => return info!(credential, "secrets replaced from their source"),
            Doer::Provider => {
                return info!(credential, secrets, "secrets replaced by the provider");
            }
        },
        Change::Removed => (&nobody, "removed"),
    };
    let Shared { readers, submitters, refreshers } = shared;
    info!(credential, uid, pid, readers, submitters, refreshers, "credential {verb}");
}

fn numbers(doer: Doer) -> (Option<u32>, Option<i32>) {
    match doer {
        Doer::Operator { uid, pid } => (Some(uid), pid),
        Doer::Source | Doer::Provider => (None, None),
    }
}
