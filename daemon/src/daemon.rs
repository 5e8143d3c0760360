//! The daemon: opens what it needs, serves until it is told to end, and ends in
//! order.

mod anew;
mod declared;
mod error;
mod ground;
mod listeners;
mod locked;
mod reload;
mod serving;
mod sockets;
mod starting;
mod threads;

use std::{path::Path, sync::Arc, time::Duration};

use sd_notify::NotifyState;
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{mpsc, watch},
};
use tracing::{error, info, warn};

use self::{
    anew::{Anew, Former, Restoring, Spare},
    ground::Ground,
    listeners::Container,
    locked::LockedDaemon,
    reload::{Containers, Left, Reloader},
    serving::{Serving, Unlocked, announce, join},
    sockets::Sockets,
    starting::{Parts, Starting},
    threads::Threads,
};
pub use self::{
    error::StartError,
    listeners::ListenerError,
    reload::{Reloading, chain, check},
};
use crate::{
    calls::Calls,
    clock::SystemClock,
    config::Config,
    declared::{Declaration, Mistake},
    engine::{self, Command, Inbox},
    entropy::SystemEntropy,
    events::Events,
    handout::Handout,
    hook::{self, Hook},
    issuer::HttpProber,
    metrics::{Counters, Exporter, View},
    ports::{self, Clock, Outline, Shelf, Sources},
    published::Slots,
    rpc::{About, Context, Doorkeeper, Listener, Phase, Services},
    socket::{Made, Reach},
    sources::{Ending, LocalSources},
    store::{Copier, Store},
    systemd::{self, Heartbeat, Inherited},
};

/// How long issuances that are under way may take to end ..
const ISSUANCE_GRACE: Duration = Duration::from_millis(2_500);

/// .. and connections, so that those who wait for an issuance can still be told.
/// The whole daemon ends within five seconds, if no refresh token would be lost with them.
const GRACE: Duration = Duration::from_secs(3);

/// A daemon that is ready to serve. It holds the store and the sockets.
#[derive(Debug)]
pub struct Daemon {
    starting: Starting,
    definitions: Arc<Shelf>,
    inbox: Inbox,
    sources: Arc<LocalSources>,
    backups: Arc<Copier>,
    restoring: Arc<Restoring>,
    sources_end: Ending,
    commands: mpsc::Sender<Command>,
    slots: Arc<Slots>,
    declared: Result<Vec<Declaration>, Vec<Mistake>>,
    config: Config,
    reloading: Option<Reloading>,
    clock: SystemClock,
    about: Arc<About>,
    events: Arc<Events>,
    calls: Arc<Calls>,
    exporter: Option<Exporter>,
    doorkeeper: Doorkeeper,
    listeners: Vec<Listener>,
    serving: Serving,
    units: Option<UnixListener>,
    /// Units that wait since the last daemon.
    waiting: Vec<UnixStream>,
    /// The user whose own systemd is believed, besides root's.
    user: Option<u32>,
    hook: Option<Hook>,
    /// Socket files that are ours to remove, but for listeners'.
    sockets: Vec<Made>,
    reach: Reach,
    containers: Vec<Container>,
    by_systemd: bool,
    spare: Spare,
}

impl Daemon {
    /// Opens the store, starts the daemon's threads and makes its sockets.
    ///
    /// It has to be called within a tokio runtime that does I/O.
    pub fn open(config: &Config, inherited: Inherited) -> Result<Self, StartError> {
        Self::open_on(config, inherited.into())
    }

    fn open_on(config: &Config, former: Former) -> Result<Self, StartError> {
        systemd::opening(&Heartbeat::from_env());
        let ground = Ground::find(config)?;
        // The store's lock keeps a second daemon away; nothing else is touched
        // before it is held.
        let key = config.key.read()?;
        let store = Store::open(
            &config.state_dir,
            config.mark_file.as_deref(),
            &key,
            SystemEntropy::default(),
        )?;
        let outline = store.outline()?;
        Self::with(config, ground, (store, outline), || Sockets::open(config, former))
    }

    /// Starts the daemon's threads around a store that is open.
    fn with(
        config: &Config,
        mut ground: Ground,
        (store, outline): (Store<SystemEntropy>, Outline),
        sockets: impl FnOnce() -> Result<Sockets, StartError>,
    ) -> Result<Self, StartError> {
        let (clock, definitions) = (ground.clock, Arc::clone(&ground.definitions));
        let Threads { store, backups, sources, sources_end, issuer, commands, inbox } =
            Threads::spawn(config, clock, store)?;
        let system = |what| move |source| StartError::System { what, source };
        let declared = crate::declared::read(&config.credential_dirs, &definitions);
        let slots = Arc::new(Slots::default());
        let happened = Arc::new(Events::new(clock.now().wall));
        let (counters, calls) = (Arc::<Counters>::default(), Arc::<Calls>::default());
        if let Some(problem) = config.on_login_needed.as_deref().and_then(hook::problem) {
            warn!("{problem}");
            ground.problems.push(problem);
        }
        let hook = config.on_login_needed.clone().map(Hook::spawn).transpose();
        let hook = hook.map_err(system("the hook's thread"))?;
        let shelf = Arc::new(Shelf::new(Arc::clone(&definitions)));
        let parts = Parts {
            clock,
            issuer,
            store,
            definitions,
            shelf: Arc::clone(&shelf),
            slots: Arc::clone(&slots),
            sources: Arc::clone(&sources) as Arc<dyn Sources>,
            listeners: vec![
                Arc::clone(&happened) as Arc<dyn ports::Listener>,
                Arc::clone(&counters) as Arc<dyn ports::Listener>,
            ],
            notices: hook.as_ref().map(Hook::notices),
            revoking_at_the_end: config.revoke_on_shutdown,
        };
        let doorkeeper = ground.doorkeeper();
        let sockets = sockets()?;
        let grants = sockets.grants();
        let Sockets { listeners, serving, units, waiting, made, callers, reach, .. } = sockets;
        let (containers, by_systemd, spare) =
            (sockets.containers, sockets.by_systemd, sockets.spare);
        let about = Arc::new(ground.about(config, callers, grants));
        let view = View {
            engine: commands.clone(),
            slots: Arc::clone(&slots),
            clock: Arc::new(clock),
            calls: Arc::clone(&calls),
            crowds: Arc::clone(&doorkeeper.crowds),
            counters,
            state_dir: config.state_dir.clone(),
            started_at: about.started_at,
            problems: Box::new({
                let about = Arc::clone(&about);
                move || about.problems().len()
            }),
        };
        let exporter = config.metrics.as_ref().map(|target| {
            Exporter::spawn(target.clone(), view)
                .map_err(|problem| StartError::Metrics(target.clone(), problem))
        });
        let exporter = exporter.transpose()?;
        Ok(Self {
            starting: Starting::begin(parts, outline),
            definitions: shelf,
            inbox,
            sources,
            backups,
            restoring: Arc::new(Restoring::new(config)),
            sources_end,
            commands,
            slots,
            declared,
            config: config.clone(),
            reloading: None,
            clock,
            about,
            events: happened,
            calls,
            exporter,
            doorkeeper,
            listeners,
            serving,
            units,
            waiting,
            user: (!config.is_system).then_some(ground.uid),
            hook,
            sockets: made,
            reach,
            containers,
            by_systemd,
            spare,
        })
    }

    /// Has the configuration read again like this, whenever someone wants it.
    #[must_use]
    pub fn reloading(self, reloading: Reloading) -> Self {
        Self { reloading: Some(reloading), ..self }
    }

    /// Returns where commands for the engine go.
    pub fn commands(&self) -> mpsc::Sender<Command> {
        self.commands.clone()
    }

    /// Returns the callers' socket.
    pub fn socket(&self) -> &Path {
        &self.about.socket
    }

    /// Serves until it is to end, stored tokens from the start on. Returns what the next daemon
    /// starts with, if there is to be one.
    #[expect(clippy::too_many_lines, reason = "it wires all there is, once")]
    async fn serve(
        self,
        mut shutdown: impl Future<Output = ()> + Unpin,
    ) -> Result<Option<Anew>, StartError> {
        let Self {
            starting,
            definitions,
            inbox,
            sources,
            backups,
            restoring,
            sources_end,
            commands,
            slots,
            declared,
            config,
            reloading,
            clock,
            about,
            events,
            calls,
            exporter,
            doorkeeper,
            mut listeners,
            mut serving,
            units,
            waiting,
            user,
            hook,
            sockets,
            reach,
            containers,
            by_systemd,
            spare,
        } = self;
        let (reloads, wanted) = mpsc::channel(1);
        let context = Context {
            slots,
            engine: commands,
            definitions,
            reloads,
            sources,
            backups,
            prober: Arc::new(HttpProber::default()),
            restores: Arc::clone(&restoring) as Arc<dyn ports::Restores>,
            clock: Arc::new(clock),
            about,
            audit: Arc::clone(&doorkeeper.audit),
            events: Arc::clone(&events),
            calls,
        };
        let watchers = context.slots.watchers();
        let spreading = tokio::spawn({
            let watchers = Arc::clone(&watchers);
            async move { watchers.spread().await }
        });
        // Whoever is served from the start on finds what is declared, and whoever unlocks the
        // store is told once every call is served.
        let is_early = serving.unlocked.is_none() && declared.as_ref().is_ok_and(Vec::is_empty);
        let (ready, is_ready) = watch::channel(false);
        if is_early {
            announce(&context.about);
            for listener in listeners.drain(..) {
                let services = Services::new(&context, &listener.door).early(&is_ready);
                serving.serve_gate(listener, services, doorkeeper.clone());
            }
        }
        let engine = match starting.finish().await {
            Ok(engine) => engine,
            Err(problem) => {
                let problem = StartError::from(problem);
                // Whoever waits for the engine hears that it doesn't come.
                drop((ready, inbox));
                spreading.abort();
                serving.fail(&problem).await;
                let made = containers.into_iter().filter_map(|container| container.made);
                made.chain(sockets).for_each(Made::remove);
                return Err(problem);
            }
        };
        let stopping = serving.stop.subscribe();
        let mut ended = stopping.clone();
        let engine = engine::run(
            engine,
            inbox,
            async move {
                // An error means that the sender is gone: time to end as well.
                let _ = ended.wait_for(|ending| *ending).await;
            },
            ISSUANCE_GRACE,
            Heartbeat::from_env(),
        );
        let mut engine = std::pin::pin!(engine);
        let is_over = tokio::select! {
            taken_up = declared::take_up(&context.engine, &context.sources, declared) => {
                for problem in taken_up.problems {
                    warn!("{problem}");
                }
                false
            }
            () = &mut shutdown => true,
            _ = &mut engine => unreachable!("nothing has told the engine to end"),
        };
        if !is_early {
            announce(&context.about);
        }
        for listener in listeners {
            let services = Services::new(&context, &listener.door);
            serving.serve(listener, services, doorkeeper.clone());
        }
        let Serving { stop, apart, mut tasks, gates, unlocked } = serving;
        for (door, gate) in gates {
            gate.give_way(Services::new(&context, &door));
        }
        ready.send_replace(true);
        if let Some(Unlocked { reply, over }) = unlocked {
            // From now on every call is served; whoever unlocked it can count on that.
            let _ = reply.send(Ok(()));
            over.send_replace(Phase::Opened);
        }
        let (unit_wait, wait) = watch::channel(config.unit_wait);
        let handout = Handout {
            slots: Arc::clone(&context.slots),
            engine: context.engine.clone(),
            clock: Arc::clone(&context.clock),
            user,
            wait,
            keep: Arc::new({
                let restoring = Arc::clone(&restoring);
                move |connection| restoring.keep(connection)
            }),
        };
        let handing = units.map(|units| handout.serve(units, waiting, stopping.clone(), GRACE));
        let handing = futures_util::future::OptionFuture::from(handing);
        let reloader = Reloader {
            reloading: reloading.unwrap_or_else(|| Reloading::of(&config)),
            wanted,
            running: config,
            context: context.clone(),
            doorkeeper,
            hook,
            unit_wait,
            made: sockets,
            reach,
            containers: Containers::new(containers, apart, by_systemd),
            restoring: Arc::clone(&restoring),
        };
        let reloading = reloader.run(stopping.clone());
        let auditing = context.audit.run(&context.slots, &*context.clock, stopping.clone());
        systemd::notify(&[NotifyState::Ready]);
        let serving = join(&mut tasks);
        let (engine, (), _, (), left, spare) =
            tokio::join!(engine, serving, handing, auditing, reloading, async {
                let is_anew = !is_over
                    && tokio::select! {
                        biased;
                        () = &mut shutdown => false,
                        () = restoring.decided() => true,
                    };
                if !is_anew {
                    restoring.close();
                }
                // Nobody waits in the queues for what doesn't come.
                let spare = is_anew.then_some(spare);
                anew::tell(is_anew);
                stop.send_replace(true);
                watchers.close();
                events.close();
                spare
            });
        let Left { reloading, running, hook, made, reach } = left;
        spreading.abort();
        context.audit.finish();
        let (issuer, store) = engine.into_parts();
        exporter.into_iter().for_each(Exporter::finish);
        issuer.finish();
        if let Some(hook) = hook {
            hook.finish();
        }
        sources_end.finish();
        match store.finish() {
            Ok(()) => {
                info!("shut down");
                systemd::notify(&[NotifyState::Status("stopped")]);
            }
            Err(problem) => error!("the store wasn't closed in order: {problem}"),
        }
        let Some(spare) = spare else { return Ok(None) };
        let mut former = spare.into_former(made, reach);
        former.inherited.waiting = restoring.left();
        Ok(Some(Anew { config: running, reloading, former }))
    }
}

/// Opens the daemon and runs it until `shutdown` resolves. If the key of its store comes of a
/// passphrase it starts locked, and goes on when someone gives that.
///
/// It has to be called within a tokio runtime that does I/O.
///
/// # Errors
///
/// Fails if it can't start; or if the passphrase fits and the store can't be opened.
pub async fn serve_until(
    config: &Config,
    inherited: Inherited,
    reloading: Reloading,
    shutdown: impl Future<Output = ()>,
) -> Result<(), StartError> {
    let mut shutdown = std::pin::pin!(shutdown);
    match Daemon::begin(config, inherited.into(), reloading, shutdown.as_mut()).await? {
        Some(daemon) => Box::pin(daemon.run(shutdown)).await,
        None => Ok(()),
    }
}
