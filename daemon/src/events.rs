//! Keeps what happened of late, for operators who look at it or look on.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tokend_core::Name;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::ports::{Event, Happening, Listener};

/// How many events are kept: a day or two of a hundred credentials, in less than 1 MiB.
const MOST: usize = 1_000;

/// How many operators may look on at once: no person needs more than a few.
const MOST_ONLOOKERS: usize = 64;

/// How many are handed over before others have their turn.
const AT_ONCE: usize = 100;

/// What happened of late. It is in memory only.
#[derive(Debug)]
pub struct Events {
    kept: Mutex<Kept>,
    /// The number of the latest one, and `None` at the daemon's end.
    latest: watch::Sender<Option<u64>>,
    onlookers: Arc<Semaphore>,
}

/// An event and its number.
pub type Numbered = (u64, Arc<Event>);

/// As many look on as may.
#[derive(Debug, thiserror::Error)]
#[error("{MOST_ONLOOKERS} streams of events are open already; end one")]
pub struct TooManyOnlookers;

#[derive(Debug)]
struct Kept {
    /// In the order of their numbers.
    events: VecDeque<Numbered>,
    /// How many there are of each credential, and of none.
    of_each: BTreeMap<Option<Name>, usize>,
    /// The number before the first one's.
    before: u64,
    last: u64,
}

/// One who looks on. What it hasn't been told yet isn't kept for it.
#[derive(Debug)]
pub struct Onlooker {
    events: Arc<Events>,
    latest: watch::Receiver<Option<u64>>,
    after: u64,
    /// Whether it was told of anything, or has a number of an earlier time.
    knows: bool,
    _place: OwnedSemaphorePermit,
}

/// What an onlooker is told next.
#[derive(Debug, Default)]
pub struct News {
    /// How many events are gone of which it was never told.
    pub missed: u64,
    /// Those that are kept, at most a hundred.
    pub events: Vec<Numbered>,
}

impl Events {
    /// Begins to keep events. Their numbers go on from a number that no daemon that started
    /// before `now` has come to: the milliseconds since 1970.
    pub fn new(now: Timestamp) -> Self {
        let before = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let kept = Kept { events: VecDeque::new(), of_each: BTreeMap::new(), before, last: before };
        let latest = watch::Sender::new(Some(before));
        let onlookers = Arc::new(Semaphore::new(MOST_ONLOOKERS));
        Self { kept: Mutex::new(kept), latest, onlookers }
    }

    /// Begins to look on, behind a number; 0 for all that is kept.
    pub fn look_on(self: &Arc<Self>, after: u64) -> Result<Onlooker, TooManyOnlookers> {
        let place = Arc::clone(&self.onlookers).try_acquire_owned();
        let place = place.map_err(|_| TooManyOnlookers)?;
        let (events, latest) = (Arc::clone(self), self.latest.subscribe());
        Ok(Onlooker { events, latest, after, knows: after > 0, _place: place })
    }

    /// Tells everyone who looks on that nothing comes any more.
    pub fn close(&self) {
        self.latest.send_replace(None);
    }

    #[cfg(test)]
    fn onlookers(&self) -> usize {
        MOST_ONLOOKERS - self.onlookers.available_permits()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // It is whole at any point.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Events {
    fn hear(&self, event: &Event) {
        // What one user does time and again is counted; it mustn't drive out the rest.
        if matches!(event.what, Happening::Rejected { repeated: true, .. }) {
            return;
        }
        let number = self.kept().push(event.clone());
        self.latest.send_if_modified(|latest| match latest {
            Some(latest) => {
                *latest = number;
                true
            }
            None => false,
        });
    }
}

impl Kept {
    fn push(&mut self, event: Event) -> u64 {
        self.last += 1;
        *self.of_each.entry(subject(&event)).or_default() += 1;
        self.events.push_back((self.last, Arc::new(event)));
        if self.events.len() > MOST {
            self.drop_one();
        }
        self.last
    }

    /// Drops the oldest event of the credential that has the most.
    fn drop_one(&mut self) {
        let most = self.of_each.iter().max_by_key(|(_, count)| **count);
        let Some(most) = most.map(|(subject, _)| subject.clone()) else { return };
        let oldest = self.events.iter().position(|(_, event)| subject(event) == most);
        if let Some(oldest) = oldest {
            self.events.remove(oldest);
        }
        if let Some(count) = self.of_each.get_mut(&most) {
            *count -= 1;
            if *count == 0 {
                self.of_each.remove(&most);
            }
        }
    }
}

impl Onlooker {
    /// Returns what is kept behind what it was told; nothing if that was all.
    pub fn take(&mut self) -> News {
        let kept = self.events.kept();
        if !(kept.before..=kept.last).contains(&self.after) {
            // It is of a daemon before this one, whatever the clock said then.
            self.after = kept.before;
        }
        let start = kept.events.partition_point(|(number, _)| *number <= self.after);
        let events: Vec<_> = kept.events.range(start..).take(AT_ONCE).cloned().collect();
        let is_all = events.len() < AT_ONCE;
        let end = events.last().filter(|_| !is_all).map_or(kept.last, |(number, _)| *number);
        let gone = end - self.after - events.len() as u64;
        let missed = if self.knows { gone } else { 0 };
        self.after = end;
        self.knows |= is_all;
        News { missed, events }
    }

    /// Waits until there is more; `false` at the daemon's end.
    pub async fn told(&mut self) -> bool {
        let after = self.after;
        let more = self.latest.wait_for(|latest| latest.is_none_or(|latest| latest > after));
        more.await.is_ok_and(|latest| latest.is_some())
    }
}

fn subject(event: &Event) -> Option<Name> {
    event.subject.as_ref().map(|subject| subject.name.clone())
}

#[cfg(test)]
mod tests;
