//! Starts the daemon anew on a backup that was restored: in this process and on the same sockets,
//! once all that was under way has ended in order.

use std::{
    io::{self, Read},
    os::{fd::AsFd as _, unix::net::UnixListener},
    path::{Path, PathBuf},
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sd_notify::NotifyState;
use secrecy::{ExposeSecret as _, SecretString};
use tokend_core::StoreFailure;
use tokio::{net::UnixStream, sync::watch};
use tracing::{info, warn};
use zeroize::Zeroizing;

use super::{Daemon, LockedDaemon, Reloading, StartError, chain};
use crate::{
    config::{Config, Surroundings},
    entropy::SystemEntropy,
    ports::{Contents, RestoreFailure, Restores},
    socket::{Made, Reach},
    store::{Candidate, Key, KeySource, OpenError, Passphrase},
    systemd::{self, Inherited},
};

/// What a backup is called whose path is another machine's, say.
const BACKUP: &str = "the backup";

/// Puts backups in the place of the store, and decides how the daemon ends.
#[derive(Debug)]
pub(super) struct Restoring {
    state_dir: PathBuf,
    mark_file: Option<PathBuf>,
    /// One backup is taken at a time.
    turn: Mutex<()>,
    end: watch::Sender<End>,
    /// Units that wait for the daemon that starts anew.
    waiting: Mutex<Vec<std::os::unix::net::UnixStream>>,
}

/// How the daemon is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Not yet.
    Open,
    /// For good: nothing is restored any more.
    Last,
    /// To start anew.
    Anew,
}

/// What the next daemon in this process starts with.
pub(super) struct Anew {
    pub(super) config: Config,
    pub(super) reloading: Reloading,
    pub(super) former: Former,
}

/// Sockets that are there before a daemon is.
#[derive(Debug, Default)]
pub(super) struct Former {
    /// systemd's.
    pub(super) inherited: Inherited,
    /// Those that this process has made, with who may connect to that of callers.
    pub(super) own: Vec<(Made, UnixListener)>,
    pub(super) reach: Option<Reach>,
}

/// The daemon's sockets once more: who connects meanwhile waits in their queues.
#[derive(Debug, Default)]
pub(super) struct Spare {
    pub(super) inherited: Inherited,
    /// In the order in which the daemon has made them.
    pub(super) own: Vec<UnixListener>,
}

impl Restoring {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            state_dir: config.state_dir.clone(),
            mark_file: config.mark_file.clone(),
            turn: Mutex::default(),
            end: watch::channel(End::Open).0,
            waiting: Mutex::default(),
        }
    }

    /// Resolves when a backup is to take the place of the store.
    pub(super) async fn decided(&self) {
        // The sender is this.
        let _ = self.end.subscribe().wait_for(|end| *end == End::Anew).await;
    }

    /// The daemon is to end for good. Nothing is decided any more; what is goes to the next start.
    pub(super) fn close(&self) {
        self.end.send_replace(End::Last);
    }

    pub(super) fn is_anew(&self) -> bool {
        *self.end.borrow() == End::Anew
    }

    /// Keeps a connection for the next daemon, in this process or after it.
    pub(super) fn keep(&self, connection: &UnixStream) -> bool {
        if !self.is_anew() {
            return systemd::keep(connection);
        }
        let again = connection.as_fd().try_clone_to_owned();
        let kept = again.map(|again| lock(&self.waiting).push(again.into()));
        kept.is_ok()
    }

    /// Returns the connections that the next daemon goes on with.
    pub(super) fn left(&self) -> Vec<std::os::unix::net::UnixStream> {
        std::mem::take(&mut lock(&self.waiting))
    }

    /// Returns the key that opens a backup, or why it isn't there.
    fn key(
        candidate: &Candidate,
        source: &str,
        passphrase: Option<SecretString>,
    ) -> Result<Key, RestoreFailure> {
        let misfit = |error: &dyn std::error::Error| RestoreFailure::Misfit(chain(error));
        let source = Config::key_source(source, &Surroundings::here()).map_err(|it| misfit(&it))?;
        if source != KeySource::Passphrase {
            return source.read().map_err(|error| misfit(&error));
        }
        let Some(passphrase) = passphrase else {
            let missing = "the passphrase of the store has to be given";
            return Err(RestoreFailure::Misfit(missing.to_owned()));
        };
        let text = Zeroizing::new(passphrase.expose_secret().to_owned());
        let passphrase = Passphrase::new(text).map_err(|error| misfit(&error))?;
        let lock = candidate.lock().map_err(|error| failed(error, ""))?;
        lock.try_passphrase(&passphrase).map_err(|error| failed(error, ""))
    }
}

impl Restores for Restoring {
    fn restore(
        &self,
        backup: &mut dyn Read,
        source: &str,
        passphrase: Option<SecretString>,
    ) -> Result<Contents, RestoreFailure> {
        let _turn = lock(&self.turn);
        if *self.end.borrow() != End::Open {
            return Err(RestoreFailure::Stopping);
        }
        let candidate = Candidate::take(&self.state_dir, backup);
        let candidate = candidate.map_err(|error| failed(error, source))?;
        let key = Self::key(&candidate, source, passphrase)?;
        let noted = candidate.note(self.mark_file.as_deref(), &key, SystemEntropy::default());
        noted.map_err(|error| match error {
            OpenError::WrongKey { .. } => RestoreFailure::Misfit(format!(
                "the key {source} doesn't open {BACKUP}: its key has the id {}; bring that back \
                 from where it is kept, then stop tokend and `tokend restore`",
                candidate.contents().key_id
            )),
            error => failed(error, source),
        })?;
        // Whoever ends the daemon waits for what is decided, and nothing is decided behind that.
        let mut decided = Err(RestoreFailure::Stopping);
        self.end.send_if_modified(|end| {
            if *end == End::Open {
                decided = candidate.decide().map_err(|error| failed(error, source));
                if decided.is_ok() {
                    *end = End::Anew;
                }
            }
            *end == End::Anew
        });
        decided
    }
}

/// Says of a backup what is wrong with it.
fn failed(error: OpenError, source: &str) -> RestoreFailure {
    let error = error.of_file(Path::new(BACKUP));
    let message = chain(&error);
    match error {
        error if error.is_full() => RestoreFailure::Store(StoreFailure {
            full: true,
            message: "no space left beside the store for the backup: free some and try again"
                .to_owned(),
        }),
        OpenError::Io { source, .. } if source.kind() == io::ErrorKind::UnexpectedEof => {
            RestoreFailure::Unusable(format!("{BACKUP} didn't come whole: try again"))
        }
        OpenError::Unsound { reason, .. } | OpenError::Damaged { reason, .. } => {
            RestoreFailure::Unusable(format!("{BACKUP} is damaged: {reason}"))
        }
        OpenError::Foreign { .. } | OpenError::Newer { .. } | OpenError::Sqlite { .. } => {
            RestoreFailure::Unusable(message)
        }
        OpenError::WrongPassphrase { .. } => {
            RestoreFailure::WrongPassphrase(format!("that isn't the passphrase of {BACKUP}"))
        }
        OpenError::PassphraseNeeded { .. } => RestoreFailure::Misfit(format!(
            "the key of {BACKUP} comes of a passphrase, and that of the store is {source}"
        )),
        OpenError::NoPassphrase { .. } => RestoreFailure::Misfit(format!(
            "the key of {BACKUP} comes of no passphrase, as that of the store does: stop tokend, \
             have key_source in tokend.toml say where it is, and `tokend restore`"
        )),
        _ => RestoreFailure::Store(StoreFailure { full: false, message }),
    }
}

impl Anew {
    /// Opens the next daemon as a start does; `None` if it is to end before it is open.
    pub(super) async fn open(
        self,
        shutdown: impl Future<Output = ()> + Unpin,
    ) -> Result<Option<Daemon>, StartError> {
        let Self { config, reloading, former } = self;
        let config = reloading.read().unwrap_or_else(|mistakes| {
            for mistake in &mistakes {
                warn!("{mistake}");
            }
            warn!("the configuration can't be read, and the one before is gone by");
            config
        });
        Daemon::begin(&config, former, reloading, shutdown).await
    }
}

impl Daemon {
    /// Serves until `shutdown` resolves, then ends as soon as can be: docs/ARCHITECTURE.md,
    /// "The end". If a backup is restored meanwhile, it ends and starts anew on that.
    ///
    /// # Errors
    ///
    /// Fails if its store can't be read, or if it can't start anew.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), StartError> {
        let mut shutdown = pin!(shutdown);
        let mut next = Some(self);
        while let Some(daemon) = next {
            next = match Box::pin(daemon.serve(shutdown.as_mut())).await? {
                Some(anew) => anew.open(shutdown.as_mut()).await?,
                None => None,
            };
        }
        Ok(())
    }

    /// Opens the daemon, or waits for its passphrase; `None` if it is to end before.
    pub(super) async fn begin(
        config: &Config,
        former: Former,
        reloading: Reloading,
        shutdown: impl Future<Output = ()> + Unpin,
    ) -> Result<Option<Self>, StartError> {
        let daemon = if config.key == KeySource::Passphrase {
            LockedDaemon::open(config, former)?.wait(config, shutdown).await?
        } else {
            Some(Self::open_on(config, former)?)
        };
        Ok(daemon.map(|daemon| daemon.reloading(reloading)))
    }
}

impl From<Inherited> for Former {
    fn from(inherited: Inherited) -> Self {
        Self { inherited, ..Self::default() }
    }
}

impl Former {
    /// Puts aside what the next daemon doesn't go on with: it would have it otherwise.
    pub(super) fn fit(&mut self, config: &Config, reach: Reach) {
        let is_same = self.reach == Some(reach);
        for (made, listener) in std::mem::take(&mut self.own) {
            if is_same && made.path().parent() == Some(&config.runtime_dir) {
                self.own.push((made, listener));
            } else {
                made.remove();
            }
        }
        if self.reach.is_some() {
            let is_known = |name: &String| config.listeners.iter().any(|it| it.name == *name);
            self.inherited.listeners.retain(|name, _| is_known(name));
        }
    }

    /// Returns the socket at a path, if there is one of this process.
    pub(super) fn take(&mut self, path: &Path) -> Option<(Made, UnixListener)> {
        let place = self.own.iter().position(|(made, _)| made.path() == path)?;
        Some(self.own.swap_remove(place))
    }
}

impl Spare {
    /// Puts them together with the files of those that the daemon has made.
    pub(super) fn into_former(self, made: Vec<Made>, reach: Reach) -> Former {
        let own = made.into_iter().zip(self.own).collect();
        Former { inherited: self.inherited, own, reach: Some(reach) }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says how the daemon ends.
pub(super) fn tell(is_anew: bool) {
    if is_anew {
        info!("ending what is under way, to start anew on a restored store");
        systemd::notify(&[NotifyState::Status("starting anew on a restored store")]);
    } else {
        info!("shutting down");
        systemd::notify(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
    }
}
