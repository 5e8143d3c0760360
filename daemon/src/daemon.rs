//! The daemon: opens what it needs, serves until it is told to end, and ends in
//! order.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sd_notify::NotifyState;
use tokend_provider::Library;
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{mpsc, watch},
};
use tracing::{error, info, warn};

use crate::{
    audit::Audit,
    clock::{NoBootId, SystemClock},
    config::Config,
    definitions::{Definitions, Unreadable},
    engine::{self, Command, Engine, Event, Inbox},
    entropy::SystemEntropy,
    handout::Handout,
    hook::{self, Hook},
    issuer::HttpIssuer,
    ports::{Clock, Sources},
    published::Slots,
    rpc::{About, Context, Door, Listener, OVERFLOW, Services, serve},
    socket::{self, Reach, SocketError},
    sources::{Ending, LocalSources},
    store::{Answer, KeyError, OpenError, Store, Worker},
    systemd::{self, Inherited},
};

/// How long issuances that are under way may take to end ..
const ISSUANCE_GRACE: Duration = Duration::from_millis(2_500);

/// .. and connections, so that those who wait for an issuance can still be told.
/// The whole daemon ends within five seconds, if no refresh token would be lost with them.
const GRACE: Duration = Duration::from_secs(3);

/// A daemon that is ready to serve. It holds the store and the sockets.
#[derive(Debug)]
pub struct Daemon {
    engine: Engine<SystemClock, SystemEntropy, HttpIssuer, Worker>,
    inbox: Inbox,
    sources: Arc<LocalSources>,
    sources_end: Ending,
    commands: mpsc::Sender<Command>,
    slots: Arc<Slots>,
    definitions: Arc<Library>,
    clock: SystemClock,
    about: Arc<About>,
    listeners: Vec<Listener>,
    units: Option<UnixListener>,
    /// Units that wait since the last daemon.
    waiting: Vec<UnixStream>,
    /// The user whose own systemd is believed, besides root's.
    user: Option<u32>,
    unit_wait: Duration,
    hook: Option<Hook>,
    /// Socket files that are ours to remove.
    sockets: Vec<PathBuf>,
}

/// The daemon can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The key of the store can't be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store can't be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// A socket can't be made.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// A directory with provider definitions can't be read.
    #[error(transparent)]
    Definitions(#[from] Unreadable),
    /// The group that may connect can't be looked up.
    #[error("can't look up group {group}")]
    Group {
        /// Its name.
        group: String,
        /// What the system says.
        source: nix::Error,
    },
    /// The daemon would let anyone in.
    #[error(
        "tokend can't run as user {0}: in containers that number stands for every user that \
         isn't known there; run it as another"
    )]
    Nobody(u32),
    /// This isn't a whole machine.
    #[error(transparent)]
    BootId(#[from] NoBootId),
    /// A thread or a socket can't be set up.
    #[error("can't set up {what}")]
    System {
        /// What.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

impl Daemon {
    /// Opens the store, starts the daemon's threads and makes its sockets.
    ///
    /// It has to be called within a tokio runtime that does I/O.
    pub fn open(config: &Config, inherited: Inherited) -> Result<Self, StartError> {
        let uid = rustix::process::geteuid().as_raw();
        if uid == OVERFLOW {
            return Err(StartError::Nobody(uid));
        }
        let clock = SystemClock::new()?;
        let Definitions { usable, mut problems } = Definitions::read(&config.provider_dirs)?;
        let definitions = Arc::new(usable);

        // The store's lock keeps a second daemon away; nothing else is touched
        // before it is held.
        let key = config.key.read()?;
        let mut store = Store::open(
            &config.state_dir,
            config.mark_file.as_deref(),
            &key,
            SystemEntropy::default(),
        )?;
        let loaded = store.load(&clock.stamp())?;

        let (commands, events, inbox) = engine::inbox();
        let system = |what| move |source| StartError::System { what, source };
        let written = events.clone();
        let store = Worker::spawn(store, move |answer| {
            // After the engine has ended no one waits for an answer.
            let _ = written.send(match answer {
                Answer::Written(written) => Event::Written(written),
                Answer::Found(found) => Event::Found(found),
            });
        })
        .map_err(system("the store's thread"))?;
        let supplied = events.clone();
        let (sources, sources_end) = LocalSources::spawn(clock, move |supply| {
            let _ = supplied.send(Event::Supplied(supply));
        })
        .map_err(system("the sources' thread"))?;
        let issuer = HttpIssuer::spawn(clock, move |ended| {
            let _ = events.send(Event::Ended(Box::new(ended)));
        })
        .map_err(system("the issuer's thread"))?;

        let slots = Arc::new(Slots::default());
        let mut engine = Engine::new(
            clock,
            SystemEntropy::default(),
            issuer,
            store,
            Arc::clone(&definitions),
            Arc::clone(&slots),
            loaded,
        )
        .with_sources(Arc::clone(&sources) as Arc<dyn Sources>)
        .revoking_at_the_end(config.revoke_on_shutdown);
        if let Some(problem) = config.on_login_needed.as_deref().and_then(hook::problem) {
            warn!("{problem}");
            problems.push(problem);
        }
        let hook = config.on_login_needed.clone().map(Hook::spawn).transpose();
        let hook = hook.map_err(system("the hook's thread"))?;
        if let Some(hook) = &hook {
            engine.tell_logins(hook.notices());
        }
        let Sockets { listeners, units, waiting, made, callers } =
            Sockets::open(config, inherited)?;
        let about = Arc::new(About {
            uid,
            started_at: clock.now().wall,
            state_dir: config.state_dir.clone(),
            socket: callers,
            problems,
        });
        let sockets = made;
        Ok(Self {
            engine,
            inbox,
            sources,
            sources_end,
            commands,
            slots,
            definitions,
            clock,
            about,
            listeners,
            units,
            waiting,
            user: (!config.is_system).then_some(uid),
            unit_wait: config.unit_wait,
            hook,
            sockets,
        })
    }

    /// Returns where commands for the engine go.
    pub fn commands(&self) -> mpsc::Sender<Command> {
        self.commands.clone()
    }

    /// Returns the callers' socket.
    pub fn socket(&self) -> &Path {
        &self.about.socket
    }

    /// Serves until `shutdown` resolves, then ends as soon as can be: docs/ARCHITECTURE.md,
    /// "The end".
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self {
            engine,
            inbox,
            sources,
            sources_end,
            commands,
            slots,
            definitions,
            clock,
            about,
            listeners,
            units,
            waiting,
            user,
            unit_wait,
            hook,
            sockets,
        } = self;
        let uid = about.uid;
        info!(socket = %about.socket.display(), pid = std::process::id(), "serving");
        let context = Context {
            slots,
            engine: commands,
            definitions,
            sources,
            clock: Arc::new(clock),
            about,
            audit: Arc::new(Audit::default()),
        };
        let watchers = context.slots.watchers();
        let spreading = tokio::spawn({
            let watchers = Arc::clone(&watchers);
            async move { watchers.spread().await }
        });
        let (stop, stopping) = watch::channel(false);
        let serving = listeners.into_iter().map(|listener| {
            let services = Services::new(&context, listener.door);
            serve(listener, services, uid, stopping.clone(), GRACE)
        });
        let handout = Handout {
            slots: Arc::clone(&context.slots),
            engine: context.engine.clone(),
            clock: Arc::clone(&context.clock),
            user,
            wait: unit_wait,
            keep: systemd::keep,
        };
        let handing = units.map(|units| handout.serve(units, waiting, stopping.clone(), GRACE));
        let handing = futures_util::future::OptionFuture::from(handing);
        let auditing = context.audit.run(&context.slots, &*context.clock, stopping.clone());
        let mut ended = stopping.clone();
        let engine = engine::run(
            engine,
            inbox,
            async move {
                // An error means that the sender is gone: time to end as well.
                let _ = ended.wait_for(|ending| *ending).await;
            },
            ISSUANCE_GRACE,
        );
        systemd::notify(&[NotifyState::Ready]);
        let serving = futures_util::future::join_all(serving);
        let (engine, _, _, (), ()) = tokio::join!(engine, serving, handing, auditing, async {
            shutdown.await;
            info!("shutting down");
            systemd::notify(&[NotifyState::Stopping]);
            stop.send_replace(true);
            watchers.close();
        });
        spreading.abort();
        context.audit.finish();
        for socket in sockets {
            if let Err(error) = std::fs::remove_file(&socket) {
                warn!(socket = %socket.display(), "can't remove the socket: {error}");
            }
        }
        let (issuer, store) = engine.into_parts();
        issuer.finish();
        if let Some(hook) = hook {
            hook.finish();
        }
        sources_end.finish();
        match store.finish() {
            Ok(()) => info!("shut down"),
            Err(problem) => error!("the store wasn't closed in order: {problem}"),
        }
    }
}

/// The sockets that the daemon serves.
struct Sockets {
    listeners: Vec<Listener>,
    units: Option<UnixListener>,
    waiting: Vec<UnixStream>,
    made: Vec<PathBuf>,
    callers: PathBuf,
}

impl Sockets {
    fn open(config: &Config, inherited: Inherited) -> Result<Self, StartError> {
        let reach = reach(config)?;
        let mut made = Vec::new();
        // Whoever has systemd make the sockets and leaves this one out doesn't want it, and
        // the directory is not the daemon's to make it in.
        let wants_units = inherited.is_empty() || inherited.units.is_some();
        let mut open = |name, reach, given: Option<_>| {
            let listener = if let Some(listener) = given {
                listener
            } else {
                let path = config.runtime_dir.join(name);
                socket::make_directory(&config.runtime_dir, reach)?;
                let listener = socket::bind(&path, reach)?;
                made.push(path);
                listener
            };
            let system = |source| StartError::System { what: "a socket", source };
            listener.set_nonblocking(true).map_err(system)?;
            UnixListener::from_std(listener).map_err(system)
        };
        let callers = inherited.callers.as_ref().and_then(|given| given.local_addr().ok());
        let callers = callers.and_then(|address| address.as_pathname().map(Path::to_owned));
        let callers = callers.unwrap_or_else(|| config.runtime_dir.join(socket::CALLERS));
        let listeners = vec![
            Listener {
                socket: open(socket::CALLERS, reach, inherited.callers)?,
                door: Door::Callers,
            },
            Listener {
                socket: open(socket::OPERATORS, Reach::Own, inherited.operators)?,
                door: Door::Operators,
            },
        ];
        let units = wants_units.then(|| open(socket::UNITS, Reach::Own, inherited.units));
        let system = |source| StartError::System { what: "a connection", source };
        let waiting = inherited.waiting.into_iter().map(|connection| {
            connection.set_nonblocking(true)?;
            UnixStream::from_std(connection)
        });
        let waiting = waiting.collect::<Result<_, _>>().map_err(system)?;
        Ok(Self { listeners, units: units.transpose()?, waiting, made, callers })
    }
}

fn reach(config: &Config) -> Result<Reach, StartError> {
    let Some(name) = &config.socket_group else { return Ok(Reach::Own) };
    let group = nix::unistd::Group::from_name(name)
        .map_err(|source| StartError::Group { group: name.clone(), source })?;
    if let Some(group) = group {
        return Ok(Reach::Group(group.gid.as_raw()));
    }
    warn!(
        "there is no group {name}: only root and the daemon's own user can connect; \
         `groupadd --system {name}` makes it"
    );
    Ok(Reach::Own)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::Surroundings;

    #[tokio::test]
    async fn the_units_socket_is_made_unless_systemd_makes_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let (file, given) = (dir.path().join("tokend.toml"), dir.path().join("given"));
        std::fs::write(&file, format!("runtime_dir = '{}/run'\n", dir.path().display())).unwrap();
        let env = BTreeMap::from([("HOME".into(), dir.path().into())]);
        let here = Surroundings { env, uid: 1_000, has_run_user: false };
        let config = Config::load(Some(&file), &here).unwrap();

        let own = Sockets::open(&config, Inherited::default()).unwrap();
        assert!(own.units.is_some());
        assert!(own.made.ends_with(&[config.runtime_dir.join(socket::UNITS)]), "{:?}", own.made);
        drop(own);
        let callers = std::os::unix::net::UnixListener::bind(&given).unwrap();
        let inherited = Inherited { callers: Some(callers), ..Inherited::default() };
        let mixed = Sockets::open(&config, inherited).unwrap();
        assert!(mixed.units.is_none());
        assert_eq!((mixed.callers, mixed.made.len()), (given, 1), "only the operators' socket");
    }
}
