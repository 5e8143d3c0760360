//! Keeps the cache current: one stream for all names that were asked for.

use std::{
    collections::BTreeSet,
    future::{Future, pending},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use tokend_proto::reason;
use tokio::{
    sync::watch,
    time::{Sleep, sleep},
};

use crate::{
    Error, Update, Watch,
    backoff::Backoff,
    cache::{Cache, RECHECK},
    line::Line,
};

/// How many names one stream can have, by the contract.
const MOST_NAMES: usize = 1_000;

/// Programs ask for their names one after the other when they start: a stream is opened for
/// many of them.
const GATHERING: Duration = Duration::from_millis(50);

/// Each stream tells of all names anew: the more there are, the longer others are waited for.
const GATHERING_EACH: Duration = Duration::from_millis(10);

/// What isn't told of yet is asked about meanwhile, and not more often than this.
const LONGEST_GATHERING: Duration = RECHECK;

/// A stream that has lasted so long was none of a daemon that fails at once each time.
const SOUND: Duration = Duration::from_secs(10);

/// How often it is shown that the runtime is running. It wakes the process.
const BEAT: Duration = Duration::from_secs(30);

type Names = BTreeSet<Arc<str>>;
type Opening = Pin<Box<dyn Future<Output = Result<Watch, Error>> + Send>>;

/// One task that reads the stream. A larger stream is opened beside the one that is read, so
/// that nothing is missed; it tells first how all is by then.
pub(crate) struct Keeper {
    cache: Arc<Cache>,
    term: u64,
    grown: watch::Receiver<()>,
    answered: watch::Receiver<()>,
    line: Line,
    backoff: Backoff,
    stream: Option<Watch>,
    /// The names of the stream that is read or opened.
    names: Names,
    opening: Option<Opening>,
    opened_at: Duration,
    /// When to look whether a stream is to be opened.
    due: Option<Pin<Box<Sleep>>>,
    /// When to show that the runtime is running.
    beat: Pin<Box<Sleep>>,
    /// Whether the daemon went away, so that it can come back at any time.
    is_lost: bool,
}

/// What can happen next.
enum Event {
    Grown,
    Answered,
    Beat,
    Due,
    Opened(Result<Watch, Error>),
    Told(Update),
    Lost,
}

impl Keeper {
    pub(crate) fn new(cache: Arc<Cache>, line: Line) -> Self {
        let mut keeper = Self {
            term: cache.begin(),
            grown: cache.grown.subscribe(),
            answered: cache.answered.subscribe(),
            cache,
            line,
            backoff: Backoff::new(fastrand::Rng::new()),
            stream: None,
            names: Names::new(),
            opening: None,
            opened_at: Duration::ZERO,
            // Another runtime may have left names behind.
            due: Some(Box::pin(sleep(Duration::ZERO))),
            beat: Box::pin(sleep(BEAT)),
            is_lost: false,
        };
        keeper.beat();
        keeper
    }

    /// Goes on until it is aborted, or its runtime ends.
    pub(crate) async fn run(mut self) {
        loop {
            match self.next().await {
                Event::Grown if self.due.is_none() && self.opening.is_none() => self.gather(),
                // The daemon is back before its time.
                Event::Answered if self.is_lost && self.opening.is_none() => {
                    self.is_lost = false;
                    self.look_in(GATHERING);
                }
                Event::Grown | Event::Answered => {}
                Event::Beat => self.beat(),
                Event::Due => self.open(),
                Event::Opened(Ok(stream)) => self.opened(stream),
                Event::Opened(Err(error)) => self.failed(&error),
                Event::Told(update) => {
                    let name = update.name().to_owned();
                    let token = update.into_token();
                    self.cache.look(&name, |entry| entry.told(token));
                }
                Event::Lost => self.lost(),
            }
        }
    }

    async fn next(&mut self) -> Event {
        tokio::select! {
            biased;
            opened = ready(self.opening.as_mut()) => {
                self.opening = None;
                Event::Opened(opened)
            }
            () = &mut self.beat => Event::Beat,
            () = ready(self.due.as_mut()) => {
                self.due = None;
                Event::Due
            }
            // The senders are the cache's.
            _ = self.grown.changed() => Event::Grown,
            _ = self.answered.changed() => Event::Answered,
            told = told(self.stream.as_mut()) => match told {
                Some(Ok(update)) => Event::Told(update),
                Some(Err(_)) | None => Event::Lost,
            },
        }
    }

    /// Opens a stream, if another is needed.
    fn open(&mut self) {
        let wanted = self.wanted();
        if wanted.is_empty() || (self.stream.is_some() && wanted == self.names) {
            return;
        }
        let names = wanted.iter().map(ToString::to_string).collect();
        self.names = wanted;
        let line = self.line.clone();
        self.opening = Some(Box::pin(async move { line.watch(names).await }));
    }

    fn opened(&mut self, stream: Watch) {
        self.stream = Some(stream);
        self.opened_at = self.line.clock.now().boot;
        self.is_lost = false;
        for (name, entry) in self.cache.all().iter() {
            entry.tend(self.names.contains(name));
        }
        if self.wanted() != self.names {
            self.gather();
        }
    }

    fn failed(&mut self, error: &Error) {
        let too_many = error.reason() == Some(reason::TOO_MANY_WATCHES);
        self.is_lost = error.is_transient() && !too_many;
        let wait = if self.is_lost { self.backoff.lost() } else { self.backoff.refused() };
        if self.stream.is_some() {
            // The smaller one goes on; what is new isn't tended yet.
            self.is_lost = false;
            self.names = Names::new();
        } else if !self.is_lost {
            self.cache.untend();
        }
        self.look_in(wait.max(error.retry_after().unwrap_or_default()));
    }

    /// What is held is still served; the daemon will be back.
    fn lost(&mut self) {
        self.stream = None;
        self.is_lost = true;
        if self.line.clock.now().boot.saturating_sub(self.opened_at) >= SOUND {
            self.backoff.reset();
        }
        if self.opening.is_none() {
            let wait = self.backoff.lost();
            self.look_in(wait);
        }
    }

    /// A runtime that isn't running, since nothing blocks on it, hears no news and doesn't do
    /// this.
    fn beat(&mut self) {
        self.beat = Box::pin(sleep(BEAT));
        if self.line.clock.is_machines() {
            self.cache.beat(self.line.clock.now());
        }
    }

    fn wanted(&self) -> Names {
        self.cache.all().keys().take(MOST_NAMES).cloned().collect()
    }

    /// Waits for more names.
    fn gather(&mut self) {
        let told = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let each = GATHERING_EACH.saturating_mul(told);
        self.look_in((GATHERING + each).min(LONGEST_GATHERING));
    }

    fn look_in(&mut self, wait: Duration) {
        self.due = Some(Box::pin(sleep(wait)));
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.cache.end(self.term);
    }
}

async fn ready<F: Future + Unpin>(what: Option<F>) -> F::Output {
    match what {
        Some(what) => what.await,
        None => pending().await,
    }
}

async fn told(stream: Option<&mut Watch>) -> Option<Result<Update, Error>> {
    match stream {
        Some(stream) => stream.next().await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests;
