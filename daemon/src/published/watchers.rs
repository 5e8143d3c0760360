//! Who watches which credentials, and how they hear of changes.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    ops::Bound,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tokend_core::Name;
use tokio::{sync::Notify, task::yield_now};

/// How many watchers hear of a change before callers have their turn again.
const AT_ONCE: usize = 32;

/// How many watchers one user can have; no program needs more than a few.
const MOST_OF_A_USER: usize = 64;

/// All who watch. Changes are gathered here and spread by a task of its own, so that
/// what is watched by many takes no longer to change.
#[derive(Debug, Default)]
pub struct Watchers {
    changed: Mutex<BTreeSet<Name>>,
    /// Tells the task that spreads.
    gathered: Notify,
    watching: Mutex<Watching>,
    count: AtomicUsize,
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct Watching {
    last_id: u64,
    by_name: BTreeMap<Name, BTreeMap<u64, Arc<Ear>>>,
    of_all: BTreeMap<u64, Arc<Ear>>,
    by_user: BTreeMap<u32, usize>,
}

/// What someone watches.
#[derive(Debug)]
pub enum Watched {
    /// All credentials.
    All,
    /// Those of these names, whether they are there or not.
    Named(BTreeSet<Name>),
}

/// One who watches, until it is dropped. What it hasn't taken notice of yet is kept as
/// names only.
#[derive(Debug)]
pub struct Watcher {
    watchers: Arc<Watchers>,
    id: u64,
    watched: Watched,
    user: Option<u32>,
    ear: Arc<Ear>,
}

/// A user has as many watchers as may be.
#[derive(Debug, thiserror::Error)]
#[error("you have {MOST_OF_A_USER} streams of tokens already; end one, or watch more in each")]
pub struct TooManyWatches;

/// Where a watcher hears what has changed.
#[derive(Debug, Default)]
struct Ear {
    changed: Mutex<BTreeSet<Name>>,
    told: Notify,
}

impl Watchers {
    /// Begins to watch. `user` is whom it counts for, if it does.
    pub fn watch(
        self: &Arc<Self>,
        watched: Watched,
        user: Option<u32>,
    ) -> Result<Watcher, TooManyWatches> {
        let mut watching = lock(&self.watching);
        if let Some(user) = user {
            let count = watching.by_user.entry(user).or_default();
            if *count >= MOST_OF_A_USER {
                return Err(TooManyWatches);
            }
            *count += 1;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        watching.last_id += 1;
        let (id, ear) = (watching.last_id, Arc::<Ear>::default());
        match &watched {
            Watched::All => drop(watching.of_all.insert(id, Arc::clone(&ear))),
            Watched::Named(names) => {
                for name in names {
                    let ears = watching.by_name.entry(name.clone()).or_default();
                    ears.insert(id, Arc::clone(&ear));
                }
            }
        }
        Ok(Watcher { watchers: Arc::clone(self), id, watched, user, ear })
    }

    /// Returns how many there are.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Notes that something about a credential has changed.
    pub(super) fn announce(&self, name: &Name) {
        lock(&self.changed).insert(name.clone());
        self.gathered.notify_one();
    }

    /// Tells all watchers that nothing comes any more.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let watching = lock(&self.watching);
        let ears = watching.by_name.values().chain([&watching.of_all]).flat_map(BTreeMap::values);
        ears.for_each(|ear| ear.told.notify_one());
    }

    /// Tells watchers what has changed, for as long as the daemon runs.
    pub async fn spread(&self) -> Infallible {
        loop {
            let next = lock(&self.changed).pop_first();
            match next {
                Some(name) => self.tell(&name).await,
                None => self.gathered.notified().await,
            }
        }
    }

    async fn tell(&self, name: &Name) {
        for named in [Some(name), None] {
            let mut last = 0;
            loop {
                let ears = lock(&self.watching).behind(named, last);
                for (id, ear) in &ears {
                    lock(&ear.changed).insert(name.clone());
                    ear.told.notify_one();
                    last = *id;
                }
                if ears.len() < AT_ONCE {
                    break;
                }
                yield_now().await;
            }
        }
    }
}

impl Watching {
    /// Returns some who watch this name, or all names, behind the one that has this id.
    fn behind(&self, name: Option<&Name>, id: u64) -> Vec<(u64, Arc<Ear>)> {
        let ears = name.map_or(Some(&self.of_all), |name| self.by_name.get(name));
        let behind = ears.map(|ears| ears.range((Bound::Excluded(id), Bound::Unbounded)));
        let some = behind.into_iter().flatten().take(AT_ONCE);
        some.map(|(id, ear)| (*id, Arc::clone(ear))).collect()
    }
}

impl Watcher {
    /// Returns what is watched.
    pub fn watched(&self) -> &Watched {
        &self.watched
    }

    /// Returns what has changed since it was last asked.
    pub fn take(&self) -> BTreeSet<Name> {
        std::mem::take(&mut lock(&self.ear.changed))
    }

    /// Waits until something has changed, or all ends.
    pub async fn told(&self) {
        self.ear.told.notified().await;
    }

    /// Tells whether nothing comes any more.
    pub fn is_closed(&self) -> bool {
        self.watchers.closed.load(Ordering::Relaxed)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.watchers.count.fetch_sub(1, Ordering::Relaxed);
        let mut watching = lock(&self.watchers.watching);
        match &self.watched {
            Watched::All => drop(watching.of_all.remove(&self.id)),
            Watched::Named(names) => {
                for name in names {
                    if let Some(ears) = watching.by_name.get_mut(name) {
                        ears.remove(&self.id);
                        if ears.is_empty() {
                            watching.by_name.remove(name);
                        }
                    }
                }
            }
        }
        if let Some(user) = self.user
            && let Some(count) = watching.by_user.get_mut(&user)
        {
            *count -= 1;
            if *count == 0 {
                watching.by_user.remove(&user);
            }
        }
    }
}

/// What is in it is whole even if a thread has panicked meanwhile.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::pin, task};

    use super::*;

    fn names(names: &[&str]) -> BTreeSet<Name> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn named(watchers: &Arc<Watchers>, name: &str) -> Watcher {
        watchers.watch(Watched::Named(names(&[name])), None).unwrap()
    }

    /// Lets changes spread, and returns in how many turns that was done.
    fn turns(watchers: &Watchers) -> usize {
        let woken = Arc::new(Woken::default());
        let waker = task::Waker::from(Arc::clone(&woken));
        let mut context = task::Context::from_waker(&waker);
        let mut spreading = pin!(watchers.spread());
        let mut turns = 1;
        while spreading.as_mut().poll(&mut context).is_pending() && woken.0.swap(false, RELAXED) {
            turns += 1;
        }
        turns
    }

    const RELAXED: Ordering = Ordering::Relaxed;

    /// Whether a task has more to do.
    #[derive(Default)]
    struct Woken(AtomicBool);

    impl task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, RELAXED);
        }
    }

    #[test]
    fn each_hears_of_what_it_watches_and_of_many_changes_once() {
        let watchers = Arc::<Watchers>::default();
        let (a, b) = (named(&watchers, "a"), named(&watchers, "b"));
        let all = watchers.watch(Watched::All, None).unwrap();
        for name in ["a", "b", "a", "a"] {
            watchers.announce(&name.parse().unwrap());
        }
        turns(&watchers);
        assert_eq!(
            (a.take(), b.take(), all.take()),
            (names(&["a"]), names(&["b"]), names(&["a", "b"]))
        );
        assert!(a.take().is_empty());
    }

    #[test]
    fn a_change_that_ten_thousand_watch_is_spread_in_small_parts() {
        let watchers = Arc::<Watchers>::default();
        let crowd: Vec<_> = (0..10_000).map(|_| named(&watchers, "a")).collect();
        watchers.announce(&"a".parse().unwrap());
        assert!(turns(&watchers) >= crowd.len() / AT_ONCE);
        assert!(crowd.iter().all(|watcher| watcher.take() == names(&["a"])));
    }

    #[test]
    fn who_stops_watching_leaves_nothing_behind() {
        let watchers = Arc::<Watchers>::default();
        drop(watchers.watch(Watched::Named(names(&["a", "b"])), Some(7)).unwrap());
        drop(watchers.watch(Watched::All, Some(7)).unwrap());
        let watching = lock(&watchers.watching);
        assert!(watching.by_name.is_empty() && watching.of_all.is_empty());
        assert!(watching.by_user.is_empty());
    }

    #[test]
    fn a_user_can_have_so_many_watchers_and_no_other_suffers() {
        let watchers = Arc::<Watchers>::default();
        let watch = |user| watchers.watch(Watched::All, user);
        let mut held: Vec<_> = (0..MOST_OF_A_USER).map(|_| watch(Some(7)).unwrap()).collect();
        let error = watch(Some(7)).unwrap_err().to_string();
        assert!(error.contains("you have 64 streams"), "{error}");
        held.push(watch(Some(8)).unwrap());
        held.push(watch(None).unwrap());
        held.remove(0);
        assert!(watch(Some(7)).is_ok());
    }
}
