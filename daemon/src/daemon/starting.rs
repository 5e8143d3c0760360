//! The engine while it is still to come. All that is stored is read and taken up on threads of
//! their own; meanwhile whoever asks for a stored token is served it, and all else waits.

use std::{
    collections::BTreeMap,
    fmt::{Debug, Formatter},
    panic,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use futures_util::FutureExt as _;
use tokend_core::Name;
use tokend_provider::Library;
use tokio::sync::oneshot;
use tracing::warn;

use crate::{
    clock::SystemClock,
    credential::CredentialId,
    engine::{Engine, foresee},
    entropy::SystemEntropy,
    issuer::HttpIssuer,
    ports::{Clock as _, Listener, Loaded, Notices, Outline, Shelf, Sources},
    published::{Early, Published, Slot, Slots},
    store::{OpenError, Worker},
};

/// The daemon's engine.
pub(super) type Whole = Engine<SystemClock, SystemEntropy, HttpIssuer, Worker>;

/// What the engine is made of.
pub(super) struct Parts {
    pub(super) clock: SystemClock,
    pub(super) issuer: HttpIssuer,
    pub(super) store: Worker,
    pub(super) definitions: Arc<Library>,
    pub(super) shelf: Arc<Shelf>,
    pub(super) slots: Arc<Slots>,
    pub(super) sources: Arc<dyn Sources>,
    pub(super) listeners: Vec<Arc<dyn Listener>>,
    pub(super) notices: Option<Notices>,
    pub(super) revoking_at_the_end: bool,
}

/// The engine, as it begins to be.
pub(super) struct Starting {
    parts: Parts,
    loaded: oneshot::Receiver<Result<Loaded, OpenError>>,
}

impl Starting {
    /// Shows callers what the outline has, and begins to read the rest.
    pub(super) fn begin(mut parts: Parts, outline: Outline) -> Self {
        let Outline { credentials, ending } = outline;
        let ending = Arc::new(ending);
        let watchers = || parts.slots.watchers();
        let ids: BTreeMap<Name, CredentialId> =
            credentials.iter().map(|(name, id, _)| (name.clone(), *id)).collect();
        let slots = credentials.into_iter();
        parts
            .slots
            .fill(slots.map(|(name, _, access)| Arc::new(Slot::new(name, access, watchers()))));
        let (clock, store) = (parts.clock, parts.store.opener());
        let library = Arc::clone(&parts.definitions);
        // Many may ask for the same at once.
        let found = Arc::<Mutex<BTreeMap<Name, Arc<Published>>>>::default();
        let find = move |name: &Name| {
            let known = found.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
            let id = ids.get(name).copied().filter(|_| known.is_none());
            let now = clock.stamp();
            let opened = id.map(|id| (id, store.open(id, now)));
            let (library, found, name) = (Arc::clone(&library), Arc::clone(&found), name.clone());
            let ending = Arc::clone(&ending);
            async move {
                let Some((id, opened)) = opened else { return known };
                let stored = opened.await.ok()??;
                let token = stored.token.as_ref()?.id;
                if ending.contains(&(id, token)) {
                    return None;
                }
                let published = Arc::new(foresee(&library, stored, now.moment)?);
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                found.insert(name, Arc::clone(&published));
                Some(published)
            }
            .boxed()
        };
        parts.slots.find_early(Early::new(find));
        let loaded = parts.store.load(clock.stamp());
        Self { parts, loaded }
    }

    /// Returns the engine once all is taken up. It has the tokens from then on.
    ///
    /// # Errors
    ///
    /// Fails if the store can't be read.
    pub(super) async fn finish(self) -> Result<Whole, OpenError> {
        let Self { parts, loaded } = self;
        let loaded = loaded.await.expect("the store's thread answers, or panics")?;
        let slots = Arc::clone(&parts.slots);
        let engine = apart(parts, loaded).await;
        slots.end_early();
        Ok(engine)
    }
}

/// Makes the engine on a thread of its own, so that callers are served meanwhile; where there can't
/// be another, on this one.
async fn apart(parts: Parts, loaded: Loaded) -> Whole {
    // What a thread is to do is lost if it can't begin.
    let made_of = Arc::new(Mutex::new(Some((parts, loaded))));
    let take = |made_of: &Mutex<Option<(Parts, Loaded)>>| {
        let taken = made_of.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.expect("it is taken once")
    };
    let (sender, engine) = oneshot::channel();
    let handed = Arc::clone(&made_of);
    let thread = thread::Builder::new().name("tokend-start".to_owned()).spawn(move || {
        let (parts, loaded) = take(&handed);
        drop(sender.send(Box::new(parts.into_engine(loaded))));
    });
    match thread {
        Ok(thread) => match engine.await {
            Ok(engine) => *engine,
            Err(_) => match thread.join() {
                Ok(()) => unreachable!("it sends the engine"),
                Err(panic) => panic::resume_unwind(panic),
            },
        },
        Err(problem) => {
            warn!("callers wait until all is taken up, since there are no threads: {problem}");
            let (parts, loaded) = take(&made_of);
            parts.into_engine(loaded)
        }
    }
}

impl Parts {
    fn into_engine(self, loaded: Loaded) -> Whole {
        let mut engine = Engine::new(
            self.clock,
            SystemEntropy::default(),
            self.issuer,
            self.store,
            self.definitions,
            self.slots,
            loaded,
        )
        .on_shelf(self.shelf)
        .with_sources(self.sources)
        .revoking_at_the_end(self.revoking_at_the_end);
        engine.heard_by(self.listeners);
        if let Some(notices) = self.notices {
            engine.tell_logins(notices);
        }
        engine
    }
}

impl Debug for Starting {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Starting").finish_non_exhaustive()
    }
}
