//! What is held of one name.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use crate::{Error, Token, clock::Moment, token::Parts};

/// How often a token is asked about that no stream tells of.
pub(crate) const RECHECK: Duration = Duration::from_secs(10);

/// How things are as far as is known: a token, or why there is none.
pub(crate) type Told = Option<Result<Token, Error>>;

/// The token of one name, and who waits for another.
#[derive(Debug)]
pub(crate) struct Entry {
    name: Arc<str>,
    token: ArcSwapOption<Parts>,
    /// Whether a stream tells of it, or did until the daemon went away.
    tended: AtomicBool,
    told: watch::Sender<Told>,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    /// Grows whenever the stream or a report has changed something, so that an answer to
    /// what was asked before can be told.
    version: u64,
    /// When it was last asked about without a stream, since boot.
    checked_at: Duration,
    /// The token that tokend doesn't hold any more, by its own word.
    outdated: Option<String>,
}

impl Entry {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            token: ArcSwapOption::empty(),
            tended: AtomicBool::new(false),
            told: watch::Sender::new(None),
            record: Mutex::default(),
        }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Returns the token that is held, whatever is left of it.
    pub(crate) fn token(&self) -> Option<Token> {
        self.token.load_full().map(Token::shared)
    }

    pub(crate) fn is_tended(&self) -> bool {
        self.tended.load(Ordering::Relaxed)
    }

    pub(crate) fn tend(&self, is_tended: bool) {
        self.tended.store(is_tended, Ordering::Relaxed);
    }

    /// Returns how things are, from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Told> {
        self.told.subscribe()
    }

    /// Returns the version, for [`Self::answered`].
    pub(crate) fn version(&self) -> u64 {
        self.record().version
    }

    /// Takes what the stream tells.
    pub(crate) fn told(&self, token: Result<Token, Error>) {
        let mut record = self.record();
        if token.as_ref().is_ok_and(|token| record.is_outdated(token)) {
            return;
        }
        record.version += 1;
        self.put(token);
    }

    /// Takes the answer to a call that was made at that version, unless something newer is
    /// known by now.
    pub(crate) fn answered(&self, token: &Token, version: u64, now: Moment) {
        let mut record = self.record();
        record.checked_at = now.boot;
        if record.version == version && !record.is_outdated(token) {
            self.put(Ok(token.clone()));
        }
    }

    /// Takes why there is no token, the answer to a call for any that was made at that
    /// version, unless a stream tells of it or something newer is known by now. What is held
    /// outlives everything but that this caller is to have none any more.
    pub(crate) fn refused(&self, error: &Error, version: u64) {
        let record = self.record();
        let outlives = !error.ends_token() && self.token().is_some_and(|token| token.is_alive());
        if record.version == version && !self.is_tended() && !outlives {
            self.put(Err(error.clone()));
        }
    }

    /// Drops the token of this id, or whichever is held, since there is another. Without an
    /// id that may be the one that is held, so it can come back.
    pub(crate) fn outdate(&self, token_id: Option<&str>) {
        let mut record = self.record();
        let is_it = |held: &Token| token_id.is_none_or(|token_id| held.id() == token_id);
        if self.token().as_ref().is_some_and(is_it) {
            self.token.store(None);
            // Subscribers hear of the other one.
            self.told.send_if_modified(|told| {
                *told = None;
                false
            });
        }
        record.version += 1;
        if let Some(token_id) = token_id {
            record.outdated = Some(token_id.to_owned());
        }
    }

    /// Tells whether it is time to ask about it, since no stream tells of it; the next time
    /// comes later.
    pub(crate) fn is_due(&self, now: Moment) -> bool {
        let mut record = self.record();
        let is_due = now.boot.saturating_sub(record.checked_at) >= RECHECK;
        if is_due {
            record.checked_at = now.boot;
        }
        is_due
    }

    fn put(&self, token: Result<Token, Error>) {
        self.token.store(token.as_ref().ok().map(Token::parts));
        self.told.send_if_modified(|told| {
            let is_same = told.as_ref().is_some_and(|told| is_same(told, &token));
            *told = Some(token);
            !is_same
        });
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn is_outdated(&self, token: &Token) -> bool {
        self.outdated.as_deref() == Some(token.id())
    }
}

/// A re-delivery is no news.
fn is_same(one: &Result<Token, Error>, other: &Result<Token, Error>) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => one.id() == other.id(),
        (Err(one), Err(other)) => {
            one.reason() == other.reason() && one.to_string() == other.to_string()
        }
        _ => false,
    }
}
