//! The loop at the daemon's heart: what happens goes into the core, and what the
//! core decides is carried out.
//!
//! The engine is synchronous and does no I/O. It is driven by [`run()`] in the
//! daemon and by hand in tests and simulations: whoever drives it hands it
//! commands, answers of the store and of the issuer, and wakes it.

mod account;
mod answer;
mod approach;
mod change;
mod command;
mod dance;
mod declared;
mod dispatch;
mod effect;
mod end;
mod errand;
mod error;
mod ledger;
mod login;
mod notice;
mod redefinition;
mod rejection;
mod rekey;
mod restoration;
mod revocation;
mod rotation;
mod run;
mod secret;
mod settlement;
mod sharing;
mod snapshot;
mod standing;
mod tell;
#[cfg(test)]
mod tests;
mod trial;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokend_core::{BootTime, Input, Keeper, Name, Random, Terms, WaiterId};
use tokend_provider::Library;
use tracing::{info, warn};

use self::{
    account::Accounts as AccountBook,
    change::Pending,
    dance::{Dance, Routine},
    effect::Basis,
    errand::Errand,
    ledger::Look,
    notice::Logins,
    redefinition::Redefining,
    rejection::Reporter,
    rekey::Rekeying,
    restoration::Restored,
    revocation::{Revocations, Sent},
    rotation::Submitter,
    secret::{Attempt, Held, Notes},
    settlement::{Told, Unsettled},
    standing::Ailing,
    tell::Telling,
};
pub use self::{
    approach::Approach,
    command::{
        Author, Change, Command, Named, NewCredential, Rejection, Reply, Rotation, Supplier,
    },
    dance::{limit, limit_text},
    declared::{Action, Bound, FieldChange, Plan},
    effect::foresee,
    error::Error,
    ledger::{AccountBudget, Issuance},
    login::{LoginPlan, NewLogin},
    rejection::LONGEST_REPORT,
    restoration::Accounts,
    revocation::PendingRevocation,
    rotation::Rotated,
    run::{Event, Inbox, inbox, run},
    snapshot::{Reported, Snapshot},
    trial::{Candidate, Tried},
};
use crate::{
    credential::{Credential, CredentialId, Grant},
    ports::{
        Clock, Damage, ErrandId, Issuer, Loaded, Shelf, Sources, Store, StoredCredential, Ticket,
    },
    published::{Published, Slot, Slots},
};

/// The wall clock can be set and the machine can sleep, and no timer tells: the
/// engine looks at the clocks at least this often.
const LONGEST_IDLE: Duration = Duration::from_secs(30);

/// How many credentials are looked at before callers have their turn again.
const AT_ONCE: usize = 100;

/// The engine. It owns the core and every credential.
#[derive(Debug)]
pub struct Engine<C, R, I, S> {
    clock: C,
    random: R,
    issuer: I,
    store: S,
    definitions: Arc<Shelf>,
    /// Credentials that don't go by these yet.
    redefining: Option<Redefining>,
    slots: Arc<Slots>,
    keeper: Keeper<Grant>,
    entries: BTreeMap<Name, Entry>,
    damaged: Vec<Damage>,
    restored: Restored,
    accounts: AccountBook,
    waiting: BTreeMap<WaiterId, Reply<Arc<Published>>>,
    reporting: BTreeMap<WaiterId, Reporter>,
    submitting: BTreeMap<WaiterId, Submitter>,
    looking: BTreeMap<Ticket, Look>,
    rekeying: BTreeMap<Ticket, Rekeying>,
    /// Where the store's key was at the start, and where it is, if that is another place.
    moved: Option<(String, String)>,
    /// Where it is by tokend.toml, if that was read again.
    told_source: Option<String>,
    errands: BTreeMap<ErrandId, Errand>,
    logins: Logins,
    telling: Telling,
    /// Tokens that are to be ended on the far side.
    revocations: Revocations,
    /// Issuances that are under way.
    sent: Sent,
    /// Who waits for dropped tokens to be gone from the disk.
    discarding: BTreeMap<Name, Vec<Reply<Snapshot>>>,
    /// Who has replaced secrets and waits for the token that is one of them.
    replacing: BTreeMap<Name, Vec<Reply<Snapshot>>>,
    /// What the latest answers told, until it is on disk with their issuances.
    told: BTreeMap<Name, Told>,
    writing: BTreeMap<Ticket, Pending>,
    /// Ends of issuances, until they are on disk.
    unsettled: Unsettled,
    /// What files declare.
    bound: Bound,
    /// Changes to a credential are made one after the other; these wait.
    deferred: BTreeMap<Name, Deferred>,
    /// What the reservation is for that has just been made.
    noted: Option<Basis>,
    /// Where secrets are read, if they are read anywhere.
    sources: Option<Arc<dyn Sources>>,
    /// Issuances that wait until sources have been looked at.
    held: BTreeMap<Name, Held>,
    /// Issuances that try new secrets.
    attempts: BTreeMap<Name, Attempt>,
    /// When the ends of secrets were looked at last.
    warned_at: Option<BootTime>,
    last_number: u64,
    /// The credentials with which something is wrong.
    ailing: Ailing,
    stopping: bool,
}

/// Changes that wait until a credential's row isn't being written any more: each is made
/// from what is there.
#[derive(Debug, Default)]
struct Deferred {
    /// How many writes of the row are under way.
    writes: usize,
    changes: VecDeque<(Change, Author)>,
}

/// What is said of a store that is older than one that was in its place before.
const RESTORED: &str = "the store was restored from a backup: what has been asked for since \
    isn't in it. Refresh tokens may have been replaced since and aren't sent; credentials that \
    depend on one need a new login";

/// A credential, and how its dance goes.
#[derive(Debug)]
struct Entry {
    credential: Arc<Credential>,
    routine: Result<Routine, Box<Error>>,
    slot: Arc<Slot>,
    notes: Notes,
    /// Whether nobody knows what is used of its limits.
    is_budget_unknown: bool,
}

impl Entry {
    /// Goes on with what the credential is from now on. Its dance is to be remembered anew, if
    /// that could be another.
    fn replace(&mut self, credential: Arc<Credential>) -> Arc<Credential> {
        self.slot.prepare();
        std::mem::replace(&mut self.credential, credential)
    }

    /// Remembers the dance that the credential has by now.
    fn remember(&mut self, library: &Library) {
        self.routine = remembered(Dance::of(library, &self.credential));
    }

    /// Returns its dance, if it has one.
    fn dance(&self) -> Option<Dance> {
        self.routine.as_ref().ok()?.dance(&self.credential).ok()
    }
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Takes up what the store held. Stored tokens are served from here on, from the slots that
    /// are there for them if some are.
    pub fn new(
        clock: C,
        random: R,
        issuer: I,
        store: S,
        definitions: Arc<Library>,
        slots: Arc<Slots>,
        loaded: Loaded,
    ) -> Self {
        let mut engine = Self {
            clock,
            random,
            issuer,
            store,
            definitions: Arc::new(Shelf::new(definitions)),
            redefining: None,
            slots,
            keeper: Keeper::default(),
            entries: BTreeMap::new(),
            restored: Restored::of(&loaded),
            damaged: loaded.damaged,
            accounts: AccountBook::default(),
            waiting: BTreeMap::new(),
            reporting: BTreeMap::new(),
            submitting: BTreeMap::new(),
            looking: BTreeMap::new(),
            rekeying: BTreeMap::new(),
            moved: None,
            told_source: None,
            errands: BTreeMap::new(),
            revocations: Revocations::default(),
            sent: Sent::default(),
            discarding: BTreeMap::new(),
            replacing: BTreeMap::new(),
            logins: Logins::default(),
            telling: Telling::default(),
            told: BTreeMap::new(),
            writing: BTreeMap::new(),
            unsettled: Unsettled::default(),
            bound: Bound::default(),
            deferred: BTreeMap::new(),
            noted: None,
            sources: None,
            held: BTreeMap::new(),
            attempts: BTreeMap::new(),
            warned_at: None,
            last_number: 0,
            ailing: Ailing::default(),
            stopping: false,
        };
        for damage in &engine.damaged {
            let (name, _) = &damage.credential;
            warn!(credential = %name, "stored row can't be opened: {}", damage.message);
        }
        engine.resume_revocations(loaded.revocations, loaded.unreadable);
        let mut all = Vec::new();
        for StoredCredential { credential, token, history } in loaded.credentials {
            let name = credential.name.clone();
            let token = token.filter(|token| !engine.revocations.has(credential.id, token.id));
            // Whoever looks at a slot that is there goes on with it.
            let slot = engine.slots.get(name.as_str());
            let (_, terms) = engine.take_up_with(Arc::new(credential), slot);
            all.push((name, token, history, terms));
        }
        engine.slots.fill(engine.entries.values().map(|entry| Arc::clone(&entry.slot)));
        for (name, token, history, terms) in all {
            let is_resupplied = engine.is_resupplied_since(&name, token.as_ref(), &history);
            engine.step(&name, Input::Loaded { token, history, terms, new: false });
            if is_resupplied {
                engine.step(&name, Input::Resupplied { refresh_token: false });
            }
        }
        info!(credentials = engine.entries.len(), damaged = engine.damaged.len(), "loaded");
        engine
    }

    /// Returns where the provider definitions are that it goes by.
    pub fn definitions(&self) -> Arc<Shelf> {
        Arc::clone(&self.definitions)
    }

    /// Has others find the definitions there from now on; the same are there by now.
    #[must_use]
    pub fn on_shelf(mut self, definitions: Arc<Shelf>) -> Self {
        self.definitions = definitions;
        self
    }

    /// Does what is due.
    pub fn wake(&mut self) {
        self.begin_revocations();
        if self.stopping {
            return;
        }
        self.go_on_redefining();
        self.warn_of_ends();
        self.tell_of_ends();
        self.release_overdue();
        self.settle_overdue();
        let now = self.clock.now();
        let effects = self.keeper.wake(now, &mut self.random, &*self.slots, AT_ONCE);
        self.carry_out_all(effects);
    }

    /// Returns how long nothing is due; at most half a minute.
    pub fn idle(&self) -> Duration {
        if self.redefining.is_some() && !self.stopping {
            return Duration::ZERO;
        }
        let now = self.clock.now();
        let idle = if self.stopping { None } else { self.keeper.idle(now) };
        let unsettled = self.unsettled.idle(now.boot).filter(|_| !self.stopping);
        let idle = idle.into_iter().chain(unsettled).min();
        let revocations = self.idle_of_revocations(now.boot);
        idle.into_iter().chain(revocations).fold(LONGEST_IDLE, Duration::min)
    }

    fn take_up(&mut self, credential: Arc<Credential>) -> Arc<Slot> {
        self.take_up_with(credential, None).0
    }

    fn take_up_with(
        &mut self,
        credential: Arc<Credential>,
        slot: Option<Arc<Slot>>,
    ) -> (Arc<Slot>, Terms) {
        let name = credential.name.clone();
        let dance = Dance::of(&self.definitions.now(), &credential);
        if let Err(problem) = &dance {
            warn!(credential = %name, "no issuance is possible: {problem}");
        }
        let watchers = || self.slots.watchers();
        let slot = slot
            .unwrap_or_else(|| Arc::new(Slot::new(name.clone(), credential.access(), watchers())));
        let notes = Notes::default();
        let (terms, routine) = (terms(&credential, dance.as_ref().ok()), remembered(dance));
        let entry =
            Entry { credential, routine, slot: Arc::clone(&slot), notes, is_budget_unknown: false };
        self.entries.insert(name.clone(), entry);
        self.join_account(&name);
        self.mind(&name);
        (slot, terms)
    }

    /// Drops what `take_up` took up, and returns who shared its account.
    fn put_down(&mut self, name: &Name) -> BTreeSet<Name> {
        let sharers = self.leave_account(name);
        self.entries.remove(name);
        self.told.remove(name);
        self.slots.remove(name);
        self.logins.forget(name);
        self.ailing.forget(name);
        self.telling.forget(name);
        self.call_off_logins(Some(name));
        self.held.remove(name);
        self.attempts.remove(name);
        self.answer_all_replaced(name);
        self.mind(name);
        sharers
    }

    /// Returns what is settled for a credential.
    fn terms(&self, name: &Name) -> Terms {
        let entry = self.entries.get(name);
        entry.map_or_else(Terms::default, |it| terms(&it.credential, it.dance().as_ref()))
    }

    fn identified(&self, name: &Name) -> Result<CredentialId, Error> {
        let entry = self.entries.get(name).ok_or_else(|| self.missing(name))?;
        Ok(entry.credential.id)
    }

    /// Hands the reply back if there is such a credential, else uses it to say so.
    fn known<T>(&self, name: &Name, reply: Reply<T>) -> Option<Reply<T>> {
        if self.entries.contains_key(name) {
            return Some(reply);
        }
        let _ = reply.send(Err(self.missing(name)));
        None
    }

    fn missing(&self, name: &Name) -> Error {
        match self.damage(name) {
            Some((damage, _)) => {
                Error::Damaged { name: name.clone(), message: damage.message.clone() }
            }
            None => Error::NotFound(name.clone()),
        }
    }

    fn problems(&self) -> Vec<String> {
        let damaged = self.damaged.iter().map(ToString::to_string);
        let unreadable = self.revocations.unreadable().map(|(id, problem)| {
            format!(
                "a token may live on at its provider, since revocation {id} is damaged: {problem}"
            )
        });
        let unusable = self.entries.iter().filter_map(|(name, entry)| {
            let problem = entry.routine.as_ref().err()?;
            Some(format!("no new token can be asked for {name}: {problem}"))
        });
        let secrets = self.entries.values().flat_map(|entry| self.secret_problems(entry));
        let secrets = secrets.flat_map(|(_, problems)| problems);
        let restored = self.restored.is_noticed.then(|| RESTORED.to_owned());
        restored
            .into_iter()
            .chain(self.telling.store_problem())
            .chain(self.key_problem())
            .chain(damaged)
            .chain(unreadable)
            .chain(unusable)
            .chain(secrets)
            .chain(self.declaration_problems())
            .collect()
    }

    fn damage(&self, name: &Name) -> Option<(&Damage, CredentialId)> {
        let damage = self.damaged.iter().find(|damage| damage.credential.0 == *name)?;
        Some((damage, damage.credential.1))
    }

    fn enlist(&mut self, reply: Reply<Arc<Published>>) -> WaiterId {
        let id = WaiterId(self.number());
        self.waiting.insert(id, reply);
        id
    }

    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}

/// Returns what is settled for a credential with this dance, if it has one.
fn terms(credential: &Credential, dance: Option<&Dance>) -> Terms {
    let without = || Terms { policy: credential.policy, ..Terms::default() };
    dance.map_or_else(without, |dance| dance.terms(credential))
}

fn remembered(dance: Result<Dance, Error>) -> Result<Routine, Box<Error>> {
    dance.map(|dance| Routine::of(&dance)).map_err(Box::new)
}
