//! The services, and callers who need no socket for them.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::poll_fn,
    io::Read,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use secrecy::SecretString;
use tokend::{
    credential::Source,
    engine::Command,
    events::Events,
    ports::{
        Backups, Contents, Destination, Look, Prober, Probing, Reading, RestoreFailure, Restores,
        Sources, Unchecked,
    },
    published::Slots,
    rpc::{About, Context, Guest, Peer},
};
use tokend_core::{Name, StoreFailure, after};
use tokio::{
    runtime::{Builder, Runtime},
    sync::{mpsc, oneshot},
    task::unconstrained,
    time::advance,
};

use super::{Machine, World};

/// The user that the daemon runs as.
const OWN: u32 = 990;

/// More commands don't come at a time.
const COMMANDS: usize = 1_024;

/// The services of one daemon.
pub(super) struct Office {
    context: Context,
    commands: mpsc::Receiver<Command>,
    /// Tells those who watch of changes.
    spreading: BoxFuture<'static, Infallible>,
    /// Its timers go as the world's time goes.
    runtime: Runtime,
    at: Timestamp,
}

impl Office {
    fn new(slots: &Arc<Slots>, machine: &Machine, truth: Timestamp) -> Self {
        let (engine, commands) = mpsc::channel(COMMANDS);
        let about = About {
            uid: OWN,
            started_at: truth,
            state_dir: "/s".into(),
            key_source: "file:/s/key".to_owned(),
            socket: "/r".into(),
            standing: ArcSwap::default(),
        };
        let context = Context {
            slots: Arc::clone(slots),
            engine,
            definitions: Arc::default(),
            reloads: mpsc::channel(1).0,
            sources: Arc::new(Nothing),
            backups: Arc::new(Nothing),
            prober: Arc::new(Nothing),
            restores: Arc::new(Nothing),
            clock: Arc::new(machine.clone()),
            about: Arc::new(about),
            audit: Arc::default(),
            events: Arc::new(Events::new(truth)),
            calls: Arc::default(),
        };
        let watchers = slots.watchers();
        let spreading = Box::pin(async move { watchers.spread().await });
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        Self { context, commands, spreading, runtime: runtime.unwrap(), at: truth }
    }

    /// The machine sleeps: timers stand still.
    pub(super) fn sleep(&mut self, sleep: Duration) {
        self.at = after(self.at, sleep);
    }

    /// Lets a future go on as far as it can by now, and tells those who watch of what has changed.
    fn poll<F: Future + Unpin>(&mut self, truth: Timestamp, future: &mut F) -> Poll<F::Output> {
        let passed = Duration::try_from(truth.duration_since(self.at)).unwrap_or_default();
        if !passed.is_zero() {
            self.runtime.block_on(advance(passed));
            self.at = truth;
        }
        let Self { spreading, runtime, .. } = self;
        runtime.block_on(poll_fn(|context| {
            let spread = pin!(unconstrained(&mut *spreading)).poll(context);
            assert!(spread.is_pending(), "it never ends");
            Poll::Ready(Pin::new(&mut unconstrained(&mut *future)).poll(context))
        }))
    }
}

impl World {
    /// Lets someone in who calls.
    pub fn guest(&mut self, peer: Peer) -> Guest {
        let (machine, truth) = (self.machine.clone(), self.truth());
        let daemon = self.daemon();
        let slots = &daemon.slots;
        let office = daemon.office.get_or_insert_with(|| Office::new(slots, &machine, truth));
        Guest::new(&office.context, peer)
    }

    /// Lets someone's call go on as far as it can by now.
    pub fn poll<F: Future + Unpin>(&mut self, call: &mut F) -> Poll<F::Output> {
        let truth = self.truth();
        loop {
            let daemon = self.daemon();
            let office = daemon.office.as_mut().expect("who calls was let in");
            let answer = office.poll(truth, call);
            let mut asked = false;
            while let Ok(command) = office.commands.try_recv() {
                daemon.engine.command(command);
                asked = true;
            }
            if asked {
                self.attend();
            }
            // The engine may have answered at once.
            if answer.is_ready() || !asked {
                return answer;
            }
        }
    }
}

/// What nobody asks for here.
#[derive(Debug)]
struct Nothing;

impl Sources for Nothing {
    fn mind(&self, _: &Name, _: &BTreeMap<String, Source>) {}

    fn look(&self, _: &Name, _: Look) {}

    fn read(&self, source: Source) -> oneshot::Receiver<Reading> {
        panic!("nobody reads here: {source}")
    }
}

impl Backups for Nothing {
    fn copy(&self) -> oneshot::Receiver<Result<Unchecked, StoreFailure>> {
        oneshot::channel().1
    }
}

impl Prober for Nothing {
    fn probe(&self, _: Vec<Destination>) -> Probing {
        Box::pin(std::future::ready(None))
    }
}

impl Restores for Nothing {
    fn restore(
        &self,
        _: &mut dyn Read,
        _: &str,
        _: Option<SecretString>,
    ) -> Result<Contents, RestoreFailure> {
        Err(RestoreFailure::Stopping)
    }
}
