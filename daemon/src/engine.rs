//! The loop at the daemon's heart: what happens goes into the core, and what the
//! core decides is carried out.
//!
//! The engine is synchronous and does no I/O. It is driven by [`run()`] in the
//! daemon and by hand in tests and simulations: whoever drives it hands it
//! commands, answers of the store and of the issuer, and wakes it.

mod change;
mod command;
mod dance;
mod effect;
mod error;
mod run;
mod snapshot;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokend_core::{Input, Keeper, Limit, Name, Random, Receipt, Waiter, WaiterId};
use tokend_provider::{Library, Outcome};
use tracing::{debug, info, warn};

use self::{change::Pending, dance::Dance};
pub use self::{
    command::{Author, Change, Command, NewCredential, Reply},
    error::Error,
    run::{Event, Inbox, inbox, run},
    snapshot::Snapshot,
};
use crate::{
    credential::{Credential, CredentialId, Grant},
    ports::{self, Clock, Damage, Issuance, Issuer, Loaded, Store, Ticket, Write, Written},
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
    definitions: Arc<Library>,
    slots: Arc<Slots>,
    keeper: Keeper<Grant>,
    entries: BTreeMap<Name, Entry>,
    damaged: Vec<Damage>,
    waiting: BTreeMap<WaiterId, Reply<Arc<Published>>>,
    writing: BTreeMap<Ticket, Pending>,
    /// Changes to a credential are made one after the other; these wait.
    deferred: BTreeMap<Name, VecDeque<(Change, Author)>>,
    last_number: u64,
    stopping: bool,
}

/// A credential, and how its dance goes.
#[derive(Debug)]
struct Entry {
    credential: Arc<Credential>,
    dance: Result<Dance, Error>,
    slot: Arc<Slot>,
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Takes up what the store held. Stored tokens are served from here on.
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
            definitions,
            slots,
            keeper: Keeper::default(),
            entries: BTreeMap::new(),
            damaged: loaded.damaged,
            waiting: BTreeMap::new(),
            writing: BTreeMap::new(),
            deferred: BTreeMap::new(),
            last_number: 0,
            stopping: false,
        };
        for damage in &engine.damaged {
            let name = damage.credential.as_ref().map(|(name, _)| name.as_str());
            warn!(credential = name, "stored row can't be opened: {}", damage.message);
        }
        for stored in loaded.credentials {
            let name = stored.credential.name.clone();
            engine.take_up(Arc::new(stored.credential));
            let pace = engine.pace(&name);
            let input = Input::Loaded { token: stored.token, history: stored.history, pace };
            engine.step(&name, input);
        }
        engine.slots.fill(engine.entries.values().map(|entry| Arc::clone(&entry.slot)));
        info!(credentials = engine.entries.len(), damaged = engine.damaged.len(), "loaded");
        engine
    }

    /// Carries out what someone wants.
    pub fn command(&mut self, command: Command) {
        if self.stopping {
            command.refuse(Error::Stopping);
            return;
        }
        match command {
            Command::Acquire { name, min_ttl, reply } => {
                if let Some(reply) = self.known(&name, reply) {
                    debug!(credential = %name, ?min_ttl, "a caller waits");
                    let id = self.enlist(reply);
                    self.step(&name, Input::Requested(Waiter { id, min_ttl }));
                }
            }
            Command::Refresh { name, reply } => {
                if let Some(reply) = self.known(&name, reply) {
                    let waiter = self.enlist(reply);
                    self.step(&name, Input::Forced(waiter));
                }
            }
            Command::Change(change, author) => self.change(change, author),
            Command::Get { name, reply } => {
                if let Some(reply) = self.known(&name, reply) {
                    let _ = reply.send(self.snapshot(&name));
                }
            }
            Command::List { after, limit, reply } => {
                let _ = reply.send(Ok(self.snapshots(after.as_ref(), limit)));
            }
            Command::Problems { reply } => {
                let _ = reply.send(Ok(self.problems()));
            }
        }
    }

    /// Takes in an answer of the store.
    pub fn written(&mut self, written: Written) {
        let Some(pending) = self.writing.remove(&written.ticket) else { return };
        match pending {
            Pending::Reservation { name, issuance } => {
                let input = match written.result {
                    Ok(ports::Reply::Done) => Input::Reserved(issuance),
                    Ok(ports::Reply::Refused { retry_after }) => {
                        info!(credential = %name, ?retry_after, "issuance limit reached");
                        Input::Refused { issuance, retry_after }
                    }
                    Err(failure) => Input::Unwritten { issuance, failure },
                };
                self.step(&name, input);
            }
            Pending::Token { name, issuance } => {
                let input = match written.result {
                    Ok(_) => Input::Persisted(issuance),
                    Err(failure) => Input::Unwritten { issuance, failure },
                };
                self.step(&name, input);
            }
            Pending::Settlement { issuance } => {
                if let Err(failure) = written.result {
                    // It stays unsettled and so counts as spent, which is safe.
                    warn!(%issuance, "failed issuance not settled: {}", failure.message);
                }
            }
            Pending::Change(change, author) => {
                self.changed(change, author, written.result.map(|_| ()));
            }
        }
    }

    /// Takes in how a dance ended.
    pub fn issued(&mut self, ended: Issuance) {
        let Issuance { name, issuance, sent_at, took, sent, outcome } = ended;
        let input = match outcome {
            Outcome::Issued(issued) => {
                info!(credential = %name, %issuance, ?took, "token issued");
                let receipt = Receipt { date: issued.date, took };
                let lifetime = dance::lifetime(&issued);
                let payload = dance::grant(issued);
                Input::Issued { issuance, sent_at, lifetime, payload, receipt }
            }
            Outcome::Failed(failed) => {
                let receipt = Receipt { date: failed.date, took };
                let failure = dance::failure(failed, self.clock.now().wall);
                Input::Failed { issuance, sent, failure, receipt }
            }
        };
        self.step(&name, input);
    }

    /// Does what is due.
    pub fn wake(&mut self) {
        if self.stopping {
            return;
        }
        let now = self.clock.now();
        for (name, effect) in self.keeper.wake(now, &mut self.random, AT_ONCE) {
            self.carry_out(&name, effect);
            self.show_health(&name);
        }
    }

    /// Returns how long nothing is due; at most half a minute.
    pub fn idle(&self) -> Duration {
        let idle = if self.stopping { None } else { self.keeper.idle(self.clock.now()) };
        idle.unwrap_or(LONGEST_IDLE).min(LONGEST_IDLE)
    }

    /// Begins nothing new from here on. What is under way goes on: an answer of
    /// a provider that was paid for is still stored.
    pub fn stop(&mut self) {
        self.stopping = true;
        let now = self.clock.now();
        for (name, effect) in self.keeper.save(now, &mut self.random) {
            self.carry_out(&name, effect);
        }
        for (_, changes) in std::mem::take(&mut self.deferred) {
            for (change, _) in changes {
                change.refuse(Error::Stopping);
            }
        }
    }

    /// Tells whether `stop` has been called.
    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Tells everyone who still waits for a token that none comes any more.
    pub fn dismiss(&mut self) {
        for (_, reply) in std::mem::take(&mut self.waiting) {
            let _ = reply.send(Err(Error::Stopping));
        }
    }

    /// Tells whether nothing is being written and no provider is being asked.
    pub fn is_quiet(&self) -> bool {
        let now = self.clock.now();
        let issuing = |name| {
            use tokend_core::State::{Issuing, Refreshing};
            let view = self.keeper.view(name, now);
            view.is_some_and(|view| matches!(view.state, Issuing | Refreshing))
        };
        self.writing.is_empty() && !self.entries.keys().any(issuing)
    }

    /// Gives the store and the issuer back, to be ended in their turn.
    pub fn into_parts(self) -> (I, S) {
        (self.issuer, self.store)
    }

    fn take_up(&mut self, credential: Arc<Credential>) -> Arc<Slot> {
        let name = credential.name.clone();
        let dance = Dance::of(&self.definitions, &credential);
        if let Err(problem) = &dance {
            warn!(credential = %name, "no issuance is possible: {problem}");
        }
        let slot = Arc::new(Slot::new(name.clone(), credential.readers.clone()));
        let entry = Entry { credential, dance, slot: Arc::clone(&slot) };
        self.entries.insert(name, entry);
        slot
    }

    /// Returns the time between refreshes that a credential's limits allow.
    fn pace(&self, name: &Name) -> Duration {
        let dance = self.entries.get(name).and_then(|entry| entry.dance.as_ref().ok());
        let limits = dance.map(Dance::limits).unwrap_or_default();
        limits.iter().map(Limit::pace).max().unwrap_or_default()
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
        let unusable = self.entries.iter().filter_map(|(name, entry)| {
            let problem = entry.dance.as_ref().err()?;
            Some(format!("no new token can be asked for {name}: {problem}"))
        });
        damaged.chain(unusable).collect()
    }

    fn damage(&self, name: &Name) -> Option<(&Damage, CredentialId)> {
        self.damaged.iter().find_map(|damage| match &damage.credential {
            Some((damaged, id)) if damaged == name => Some((damage, *id)),
            _ => None,
        })
    }

    fn enlist(&mut self, reply: Reply<Arc<Published>>) -> WaiterId {
        let id = WaiterId(self.number());
        self.waiting.insert(id, reply);
        id
    }

    fn submit(&mut self, pending: Pending, write: Write) {
        let ticket = Ticket(self.number());
        self.writing.insert(ticket, pending);
        self.store.submit(ticket, write);
    }

    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}
