//! What a fake daemon holds and has been through.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokend_proto::{reason, v1};
use tokio::{sync::watch, task::AbortHandle};

use super::{FakeToken, Reported, Submitted};
use crate::{
    Error, Ruling,
    clock::{Clock, Deadline, Hands, Moment},
};

/// What there is of one credential.
pub(super) type Held = Result<Issued, Error>;

/// A token, and when it ends.
#[derive(Clone, Debug)]
pub(super) struct Issued {
    pub(super) message: v1::Token,
    ends: Deadline,
}

#[derive(Debug)]
pub(super) struct State {
    inner: Mutex<Inner>,
    hands: Hands,
    changed: watch::Sender<u64>,
}

#[derive(Debug)]
pub(super) struct Inner {
    credentials: BTreeMap<String, Held>,
    issued: u64,
    pub(super) next: BTreeMap<String, FakeToken>,
    pub(super) ruling: Ruling,
    pub(super) is_holding: bool,
    pub(super) is_stopped: bool,
    pub(super) no_streams: Option<Error>,
    /// What comes between reports or newer tokens and their answers, the last first: an error,
    /// or that the connection is lost.
    pub(super) troubles: Vec<Option<Error>>,
    pub(super) connections: Vec<AbortHandle>,
    pub(super) asked: Vec<String>,
    pub(super) streams: Vec<Vec<String>>,
    pub(super) open_streams: usize,
    pub(super) dials: usize,
    pub(super) rejections: Vec<Reported>,
    pub(super) rotations: Vec<Submitted>,
    pub(super) refreshes: Vec<String>,
}

impl Default for State {
    fn default() -> Self {
        let inner = Inner {
            credentials: BTreeMap::new(),
            issued: 0,
            next: BTreeMap::new(),
            ruling: Ruling::NotATokenProblem { message: "there is no other".to_owned() },
            is_holding: false,
            is_stopped: false,
            no_streams: None,
            troubles: Vec::new(),
            connections: Vec::new(),
            asked: Vec::new(),
            streams: Vec::new(),
            open_streams: 0,
            dials: 0,
            rejections: Vec::new(),
            rotations: Vec::new(),
            refreshes: Vec::new(),
        };
        Self { inner: Mutex::new(inner), hands: Hands::new(), changed: watch::Sender::new(0) }
    }
}

impl State {
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hands(&self) -> &Hands {
        &self.hands
    }

    pub(super) fn now(&self) -> Moment {
        Clock::Manual(self.hands.clone()).now()
    }

    /// Tells streams, calls and tests that wait to look again.
    pub(super) fn notify(&self) {
        self.changed.send_modify(|number| *number += 1);
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(super) fn set(&self, name: &str, token: Result<FakeToken, Error>) {
        let now = self.now();
        self.lock().set(name, token, now);
        self.notify();
    }

    pub(super) fn remove(&self, name: &str) {
        self.lock().credentials.remove(name);
        self.notify();
    }

    /// Returns how things are with one credential now.
    pub(super) fn look(&self, name: &str) -> Held {
        let held = self.lock().credentials.get(name).cloned();
        let held = held.unwrap_or_else(|| {
            let message = format!("there is no credential {name}, or it isn't yours");
            Err(Error::NotPermitted { message })
        })?;
        if held.remaining(self.now()).is_some_and(|left| left.is_zero()) {
            return Err(Error::Unavailable {
                reason: reason::PROVIDER_UNAVAILABLE.to_owned(),
                message: format!("the token of {name} has expired, and the test gave no other"),
                retry_after: None,
            });
        }
        Ok(held)
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.lock().credentials.keys().cloned().collect()
    }
}

impl Inner {
    pub(super) fn set(&mut self, name: &str, token: Result<FakeToken, Error>, now: Moment) {
        let held = token.map(|token| {
            self.issued += 1;
            let (mut message, life) = token.finished(self.issued);
            message.issue_time = Some(now.wall.into());
            message.expire_time = life.map(|life| (now.wall + life).into());
            Issued { message, ends: Deadline::after(life, now) }
        });
        self.credentials.insert(name.to_owned(), held);
    }

    /// Puts a newer value into the place of the one that is held.
    pub(super) fn rotate(&mut self, name: &str, value: &str, extras: BTreeMap<String, String>) {
        self.issued += 1;
        let id = format!("fake-{}", self.issued);
        if let Some(Ok(Issued { message, .. })) = self.credentials.get_mut(name) {
            message.token_id = id;
            message.extras.extend(extras);
            if !value.is_empty() {
                let before = std::mem::replace(&mut message.value, value.to_owned());
                for placement in &mut message.placements {
                    placement.value = placement.value.replace(&before, value);
                }
            }
        }
    }
}

impl Issued {
    pub(super) fn remaining(&self, now: Moment) -> Option<Duration> {
        self.ends.remaining(now)
    }
}
