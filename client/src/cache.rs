//! What this process holds: the token of each name that was asked for, to be read without a
//! lock.

mod entry;
mod flight;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::sync::watch;

pub(crate) use self::{
    entry::{Entry, RECHECK, Told},
    flight::{Flights, Landed},
};

use crate::clock::{Glance, Moment};

type Entries = BTreeMap<Arc<str>, Arc<Entry>>;

/// After two beats that didn't come, in milliseconds.
const DEAF: u64 = 75_000;

/// The entries by name. There are only names that tokend has answered for, or that someone
/// has subscribed to; none is ever taken out.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    entries: ArcSwap<Entries>,
    writing: Mutex<()>,
    /// When news was last listened for, in milliseconds since boot; 0 if no one says.
    beaten_at: AtomicU64,
    /// How many tasks have kept this current, one after the other.
    terms: AtomicU64,
    /// Calls that are under way.
    pub(crate) flights: Flights,
    /// There is another name. Whoever keeps this current hears of it, though someone who did
    /// before hasn't gone yet.
    pub(crate) grown: watch::Sender<()>,
    /// The daemon has answered a call.
    pub(crate) answered: watch::Sender<()>,
}

impl Cache {
    /// Hands this over to another task: no stream tells of anything yet. Returns the number of
    /// its term.
    pub(crate) fn begin(&self) -> u64 {
        let term = self.terms.fetch_add(1, Ordering::Relaxed) + 1;
        self.untend();
        term
    }

    /// Ends a term. One that has ended before its task did doesn't matter.
    pub(crate) fn end(&self, term: u64) {
        if self.terms.load(Ordering::Relaxed) == term {
            self.untend();
        }
    }

    /// No stream tells of what is held: whoever reads it has it asked about.
    pub(crate) fn untend(&self) {
        self.all().values().for_each(|entry| entry.tend(false));
    }

    /// Notes that news is listened for.
    pub(crate) fn beat(&self, now: Moment) {
        self.beaten_at.store(milliseconds(now.boot), Ordering::Relaxed);
    }

    /// Tells whether no news was listened for for so long that what is held may be anything.
    pub(crate) fn is_deaf(&self, now: Glance) -> bool {
        let beaten_at = self.beaten_at.load(Ordering::Relaxed);
        beaten_at != 0 && milliseconds(now.boot()).saturating_sub(beaten_at) > DEAF
    }

    /// Does something with the entry of `name`, if there is one.
    pub(crate) fn look<T>(&self, name: &str, what: impl FnOnce(&Arc<Entry>) -> T) -> Option<T> {
        self.entries.load().get(name).map(what)
    }

    /// Returns the entry of `name`, made if need be.
    pub(crate) fn entry(&self, name: &str) -> Arc<Entry> {
        let known = || self.look(name, Arc::clone);
        if let Some(entry) = known() {
            return entry;
        }
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = known() {
            return entry;
        }
        let name: Arc<str> = name.into();
        let entry = Arc::new(Entry::new(Arc::clone(&name)));
        let mut entries = Entries::clone(&self.entries.load());
        entries.insert(name, Arc::clone(&entry));
        self.entries.store(Arc::new(entries));
        drop(writing);
        self.grown.send_replace(());
        entry
    }

    /// Returns all entries, in the order of their names.
    pub(crate) fn all(&self) -> Arc<Entries> {
        self.entries.load_full()
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
