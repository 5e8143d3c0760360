//! The threads that dances run on: one for each provider that is being asked, so that what
//! one of them sends keeps no other waiting.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Weak},
    thread,
};

use tokio::{sync::mpsc, task::JoinSet};
use tracing::error;

use crate::apart;

/// How many providers have a thread of their own at a time. Those beyond share them.
const MOST: usize = 16;

/// A dance, from its first request to its end.
type Dance = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What makes dances of tasks. Each thread has its own: what is left of one dance for the
/// next, a connection, say, ends with the thread.
type Dances<T> = Box<dyn Fn(T) -> Dance + Send>;

/// Threads with a runtime each, among which the kernel shares the processors. A runtime
/// alone doesn't do that: a connection on which something comes without end is read for long
/// before others have their turn.
pub(super) struct Lanes<T> {
    dances: Box<dyn Fn() -> Dances<T> + Send>,
    /// Where dances run if there can't be another thread.
    last_resort: Lane<T>,
    open: Vec<Lane<T>>,
    /// Threads that end.
    closed: Vec<thread::JoinHandle<()>>,
}

struct Lane<T> {
    tasks: mpsc::UnboundedSender<Queued<T>>,
    thread: thread::JoinHandle<()>,
    /// Whose dances run here, each of which holds one of these.
    providers: BTreeMap<String, Weak<()>>,
}

struct Queued<T> {
    task: T,
    held: Arc<()>,
}

impl<T: Send + 'static> Lanes<T> {
    /// Starts a thread.
    ///
    /// # Errors
    ///
    /// Fails if the system allows none.
    pub(super) fn new(dances: impl Fn() -> Dances<T> + Send + 'static) -> io::Result<Self> {
        let last_resort = Lane::start(dances())?;
        Ok(Self { dances: Box::new(dances), last_resort, open: Vec::new(), closed: Vec::new() })
    }

    /// Runs a task's dance with the provider that it asks.
    pub(super) fn run(&mut self, provider: &str, task: T) {
        if self.lane_for(provider).run(provider, task).is_err() {
            error!("a thread of the issuer is gone");
        }
    }

    fn lane_for(&mut self, provider: &str) -> &mut Lane<T> {
        self.close_idle();
        let own = self.open.iter().position(|lane| lane.providers.contains_key(provider));
        if own.is_none() && self.open.len() < MOST {
            match Lane::start((self.dances)()) {
                Ok(lane) => self.open.push(lane),
                Err(problem) => error!("no thread for another provider can be started: {problem}"),
            }
        }
        let fewest = || (0..self.open.len()).rev().min_by_key(|at| self.open[*at].providers.len());
        match own.or_else(fewest) {
            Some(lane) => &mut self.open[lane],
            None => &mut self.last_resort,
        }
    }

    /// Ends threads on which nothing is under way, together with the connections that providers
    /// keep up there.
    fn close_idle(&mut self) {
        self.closed.retain(|thread| !thread.is_finished());
        for lane in &mut self.open {
            lane.providers.retain(|_, held| held.strong_count() > 0);
        }
        let idle = self.open.extract_if(.., |lane| lane.providers.is_empty());
        self.closed.extend(idle.map(|lane| lane.thread));
    }

    /// Ends the threads; dances that are under way are given up.
    pub(super) fn finish(self) {
        let open = self.open.into_iter().chain([self.last_resort]);
        // All of them are told to end before the first is waited for.
        let threads: Vec<_> = open.map(|lane| lane.thread).chain(self.closed).collect();
        for thread in threads {
            if thread.join().is_err() {
                error!("a thread of the issuer has panicked");
            }
        }
    }
}

impl<T: Send + 'static> Lane<T> {
    fn start(dances: Dances<T>) -> io::Result<Self> {
        let (tasks, queue) = mpsc::unbounded_channel();
        let thread = apart::spawn("issuer", move || serve(queue, dances))?;
        Ok(Self { tasks, thread, providers: BTreeMap::new() })
    }

    fn run(&mut self, provider: &str, task: T) -> Result<(), mpsc::error::SendError<Queued<T>>> {
        let known = self.providers.get(provider).and_then(Weak::upgrade);
        let held = known.unwrap_or_default();
        self.providers.insert(provider.to_owned(), Arc::downgrade(&held));
        self.tasks.send(Queued { task, held })
    }
}

async fn serve<T>(mut queue: mpsc::UnboundedReceiver<Queued<T>>, dances: Dances<T>) {
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            queued = queue.recv() => match queued {
                Some(Queued { task, held }) => {
                    let dance = dances(task);
                    under_way.spawn(async move {
                        dance.await;
                        drop(held);
                    });
                }
                None => return,
            },
            Some(ended) = under_way.join_next() => {
                if let Err(problem) = ended {
                    error!("delivering a dance's end failed: {problem}");
                }
            }
        }
    }
}

impl<T> fmt::Debug for Lanes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lanes").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc::{Receiver, channel},
        thread::ThreadId,
    };

    use tokio::sync::oneshot;

    use super::*;

    type Told = (thread::ThreadId, oneshot::Sender<()>);

    /// Lanes whose dances tell where they run, and end when they are let go.
    fn lanes() -> (Lanes<()>, Receiver<Told>) {
        let (tell, told) = channel();
        let dances = move || -> Dances<()> {
            let tell = tell.clone();
            Box::new(move |()| {
                let tell = tell.clone();
                Box::pin(async move {
                    let (end, ends) = oneshot::channel();
                    tell.send((thread::current().id(), end)).unwrap();
                    let _ = ends.await;
                })
            })
        };
        (Lanes::new(dances).unwrap(), told)
    }

    #[test]
    fn a_provider_has_a_thread_and_another_has_another() {
        let (mut lanes, told) = lanes();
        let mut run = |provider: &str| {
            lanes.run(provider, ());
            told.recv().unwrap()
        };
        let ends = ["one", "two", "one", "two"].map(&mut run);
        let threads = ends.each_ref().map(|(thread, _)| *thread);
        assert_eq!(threads[..2], threads[2..]);
        assert_ne!(threads[0], threads[1]);
        lanes.finish();
    }

    #[test]
    fn no_number_of_providers_takes_all_threads_and_all_of_them_are_asked() {
        let (mut lanes, told) = lanes();
        let ends: Vec<Told> = (0..3 * MOST)
            .map(|number| {
                lanes.run(&number.to_string(), ());
                told.recv().unwrap()
            })
            .collect();
        let of = |thread: ThreadId| ends.iter().filter(|(other, _)| *other == thread).count();
        assert!(ends.iter().all(|(thread, _)| of(*thread) == 3), "they share evenly");
        lanes.finish();
    }

    #[test]
    fn a_thread_ends_when_nothing_is_under_way_on_it() {
        let (mut lanes, told) = lanes();
        lanes.run("one", ());
        let (_, end) = told.recv().unwrap();
        end.send(()).unwrap();
        // What holds the place is dropped after the end.
        while lanes.open.iter().any(|lane| lane.providers["one"].strong_count() > 0) {
            thread::yield_now();
        }
        lanes.run("two", ());
        assert_eq!(lanes.open.len(), 1);
        assert!(lanes.open[0].providers.contains_key("two"));
        lanes.finish();
    }
}
