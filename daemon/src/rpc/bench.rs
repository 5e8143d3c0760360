//! Slots that tests write to, and a clock that stands.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use secrecy::SecretString;
use tokend_core::{BootId, BootTime, Moment, Name, StoreFailure, Token, TokenId, after};
use tokio::sync::{mpsc, oneshot};

use super::{About, Context, Door};
use crate::{
    credential::{Grant, Reader, Source},
    events::Events,
    ports::{
        Backups, Clock, Contents, Destination, Look, Prober, Probing, Reading, RestoreFailure,
        Restores, Sources, Unchecked,
    },
    published::{Presentation, Published, Slot, Slots},
};

pub(super) const OWN: u32 = 990;
pub(super) const ANN: u32 = 1_000;

/// A clock that stands until it is set.
#[derive(Debug, Clone)]
pub(super) struct StillClock(Arc<Mutex<Duration>>);

impl Clock for StillClock {
    fn now(&self) -> Moment {
        let since = *self.0.lock().expect("no test fails with it");
        Moment { wall: after(start(), since), boot: BootTime(since) }
    }

    fn boot_id(&self) -> BootId {
        BootId([0; 16])
    }
}

pub(super) fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().expect("it is a time")
}

/// Secrets lie nowhere here.
#[derive(Debug)]
struct NoSources;

impl Sources for NoSources {
    fn mind(&self, _: &Name, _: &BTreeMap<String, Source>) {}

    fn look(&self, _: &Name, _: Look) {}

    fn read(&self, source: Source) -> oneshot::Receiver<Reading> {
        panic!("nobody reads here: {source}")
    }
}

pub(super) struct Bench {
    pub(super) context: Context,
    clock: StillClock,
}

/// Copies nothing.
struct NoBackups;

impl Backups for NoBackups {
    fn copy(&self) -> oneshot::Receiver<Result<Unchecked, StoreFailure>> {
        oneshot::channel().1
    }
}

/// Reaches nobody.
struct NoProber;

impl Prober for NoProber {
    fn probe(&self, _: Vec<Destination>) -> Probing {
        Box::pin(std::future::ready(None))
    }
}

impl Restores for NoBackups {
    fn restore(
        &self,
        _: &mut dyn std::io::Read,
        _: &str,
        _: Option<secrecy::SecretString>,
    ) -> Result<Contents, RestoreFailure> {
        Err(RestoreFailure::Stopping)
    }
}

impl Bench {
    pub(super) fn new() -> Self {
        let clock = StillClock(Arc::default());
        let about = About {
            uid: OWN,
            started_at: start(),
            state_dir: "/s".into(),
            key_source: "file:/s/key".to_owned(),
            socket: "/r".into(),
            standing: arc_swap::ArcSwap::default(),
        };
        let context = Context {
            slots: Arc::new(Slots::default()),
            engine: mpsc::channel(1).0,
            definitions: Arc::default(),
            reloads: mpsc::channel(1).0,
            sources: Arc::new(NoSources),
            backups: Arc::new(NoBackups),
            prober: Arc::new(NoProber),
            restores: Arc::new(NoBackups),
            clock: Arc::new(clock.clone()),
            about: Arc::new(about),
            audit: Arc::default(),
            events: Arc::new(Events::new(start())),
            calls: Arc::default(),
        };
        Self { context, clock }
    }

    pub(super) fn pass(&self, seconds: u64) {
        *self.clock.0.lock().expect("no test fails with it") += Duration::from_secs(seconds);
    }

    /// Makes a credential that Ann may read.
    pub(super) fn make(&self, name: &str) -> Arc<Slot> {
        let access = access_of(&[ANN]);
        let slot =
            Slot::new(name.parse().expect("it is a name"), access, self.context.slots.watchers());
        let slot = Arc::new(slot);
        self.context.slots.insert(&slot);
        slot
    }
}

pub(super) fn access_of(readers: &[u32]) -> crate::credential::Access {
    let reader = |id: &u32| Reader::User { id: *id, name: None };
    crate::credential::Access {
        readers: readers.iter().map(reader).collect(),
        ..Default::default()
    }
}

/// A listener's socket, with these credentials.
pub(super) fn listener(names: &[&str], anyone: bool) -> Door {
    let name = |name: &&str| name.parse().expect("tests name credentials");
    let granted =
        super::Granted { credentials: names.iter().map(name).collect(), anyone, submit: false };
    Door::Listener(Arc::new(super::Grant::new("ci".to_owned(), "/ci".into(), 1, granted)))
}

/// A token that lives for an hour from the start.
pub(super) fn token(value: &str) -> Published {
    let secret = || SecretString::from(value);
    let payload = Grant {
        value: secret(),
        token_type: None,
        refresh_token: None,
        secrets: BTreeMap::new(),
        proven: BTreeMap::new(),
        extras: BTreeMap::new(),
    };
    let token = Token {
        id: TokenId([value.as_bytes()[0]; 16]),
        issued_at: start(),
        expires_at: Some(after(start(), Duration::from_secs(3_600))),
        refresh_at: None,
        taken_up: None,
        refreshes: None,
        session: None,
        payload,
    };
    Published::new(Arc::new(token), |_| Presentation::default())
}
