//! What callers see of tokens: one slot for each credential, read without a lock
//! and without the engine.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::{BufMut, Bytes, BytesMut};
use jiff::Timestamp;
use prost::Message;
use secrecy::ExposeSecret;
use tokend_core::{Name, Token};
use tokend_proto::v1;
use tokend_provider::{Placement, Target};
use tokio::sync::watch;

use crate::credential::{Grant, Reader};

/// All slots by name. The map is replaced when a credential comes or goes, never
/// on a refresh.
#[derive(Debug, Default)]
pub struct Slots(ArcSwap<BTreeMap<Name, Arc<Slot>>>);

/// What callers see of one credential. The engine writes it, every connection
/// reads it.
#[derive(Debug)]
pub struct Slot {
    name: Name,
    readers: ArcSwap<Vec<Reader>>,
    published: ArcSwapOption<Published>,
    failing: AtomicBool,
    changes: watch::Sender<()>,
    last_use: AtomicI64,
}

/// A token that is on disk and may be served, with its message prepared.
#[derive(Debug)]
pub struct Published {
    token: Arc<Token<Grant>>,
    /// Field 1 of `AcquireTokenResponse`, with its tag and length.
    encoded: Bytes,
}

impl Slots {
    /// Returns the slot of a credential.
    pub fn get(&self, name: &str) -> Option<Arc<Slot>> {
        self.0.load().get(name).cloned()
    }

    /// Adds a slot, in place of the one with the same name if there is one.
    pub(crate) fn insert(&self, slot: &Arc<Slot>) {
        self.0.rcu(|slots| {
            let mut slots = BTreeMap::clone(slots);
            slots.insert(slot.name.clone(), Arc::clone(slot));
            slots
        });
    }

    /// Replaces all slots, at the start.
    pub(crate) fn fill(&self, slots: impl Iterator<Item = Arc<Slot>>) {
        self.0.store(Arc::new(slots.map(|slot| (slot.name.clone(), slot)).collect()));
    }

    /// Takes a slot away. Whoever watches it is told.
    pub(crate) fn remove(&self, name: &Name) {
        let removed = self.get(name.as_str());
        self.0.rcu(|slots| {
            let mut slots = BTreeMap::clone(slots);
            slots.remove(name);
            slots
        });
        if let Some(slot) = removed {
            slot.changes.send_replace(());
        }
    }
}

impl Slot {
    pub(crate) fn new(name: Name, readers: Vec<Reader>) -> Self {
        Self {
            name,
            readers: ArcSwap::from_pointee(readers),
            published: ArcSwapOption::empty(),
            failing: AtomicBool::new(false),
            changes: watch::Sender::new(()),
            last_use: AtomicI64::new(i64::MIN),
        }
    }

    /// Returns the users and groups who may read it.
    pub fn readers(&self) -> Arc<Vec<Reader>> {
        self.readers.load_full()
    }

    /// Returns the latest token, if it satisfies the caller, and notes the use.
    pub fn acquire(&self, min_ttl: Option<Duration>, now: Timestamp) -> Option<Arc<Published>> {
        self.last_use.store(now.as_second(), Ordering::Relaxed);
        let published = self.published.load();
        published.as_ref().filter(|p| p.token.satisfies(min_ttl, now)).cloned()
    }

    /// Tells whether a token can be served at `now` and the last attempt to
    /// replace it didn't fail.
    pub fn is_healthy(&self, now: Timestamp) -> bool {
        let usable = self.published.load().as_ref().is_some_and(|p| !p.token.is_expired(now));
        usable && !self.failing.load(Ordering::Relaxed)
    }

    /// Returns the time that is left until the token expires by itself.
    pub fn remaining(&self, now: Timestamp) -> Option<Duration> {
        self.published.load().as_ref().and_then(|p| p.token.remaining(now))
    }

    /// Tells of every change from now on: of the token, of its health, of who
    /// may read it, and of its end.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Returns when a token was last asked for.
    pub fn last_use(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.last_use.load(Ordering::Relaxed)).ok()
    }

    pub(crate) fn published(&self) -> Option<Arc<Published>> {
        self.published.load_full()
    }

    pub(crate) fn publish(&self, published: Published) {
        self.published.store(Some(Arc::new(published)));
        self.changes.send_replace(());
    }

    pub(crate) fn set_readers(&self, readers: Vec<Reader>) {
        self.readers.store(Arc::new(readers));
        self.changes.send_replace(());
    }

    pub(crate) fn set_failing(&self, failing: bool) {
        if self.failing.swap(failing, Ordering::Relaxed) != failing {
            self.changes.send_replace(());
        }
    }
}

impl Published {
    pub(crate) fn new(
        token: Arc<Token<Grant>>,
        placements: Vec<Placement>,
        hosts: Vec<String>,
    ) -> Self {
        let message = message(&token, placements, hosts);
        let mut encoded = BytesMut::new();
        prost::encoding::message::encode(1, &message, &mut encoded);
        Self { token, encoded: encoded.freeze() }
    }

    /// Returns the token.
    pub fn token(&self) -> &Arc<Token<Grant>> {
        &self.token
    }

    /// Returns how long `encode` writes at `now`.
    pub fn encoded_len(&self, now: Timestamp) -> usize {
        self.encoded.len() + self.tail(now).encoded_len()
    }

    /// Writes the `AcquireTokenResponse` as of `now`.
    pub fn encode(&self, now: Timestamp, buffer: &mut impl BufMut) {
        buffer.put_slice(&self.encoded);
        self.tail(now).encode_raw(buffer);
    }

    /// The part of the answer that changes from call to call.
    fn tail(&self, now: Timestamp) -> v1::AcquireTokenResponse {
        let remaining = self.token.remaining(now);
        v1::AcquireTokenResponse {
            token: None,
            remaining: remaining.and_then(|left| left.try_into().ok()),
        }
    }
}

fn message(token: &Token<Grant>, placements: Vec<Placement>, hosts: Vec<String>) -> v1::Token {
    let grant = &token.payload;
    let extras = grant.extras.iter();
    v1::Token {
        value: grant.value.expose_secret().to_owned(),
        token_id: token.id.to_string(),
        token_type: grant.token_type.clone().unwrap_or_default(),
        issue_time: Some(timestamp(token.issued_at)),
        expire_time: token.expires_at.map(timestamp),
        refresh_time: token.refresh_at.map(timestamp),
        extras: extras.map(|(k, v)| (k.clone(), v.expose_secret().to_owned())).collect(),
        placements: placements.into_iter().map(placement).collect(),
        hosts,
    }
}

fn placement(placement: Placement) -> v1::Placement {
    let target = match placement.target {
        Target::Header(name) => v1::placement::Target::Header(name),
        Target::Query(name) => v1::placement::Target::Query(name),
        Target::Cookie(name) => v1::placement::Target::Cookie(name),
    };
    v1::Placement { target: Some(target), value: placement.value.expose_secret().to_owned() }
}

/// Returns a point in time as the contract writes it.
pub fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}
