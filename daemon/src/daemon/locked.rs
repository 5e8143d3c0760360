//! The daemon while its store is locked: until someone gives the passphrase.

use std::{future, mem, panic, sync::Arc};

use sd_notify::NotifyState;
use tokio::{
    sync::{mpsc, watch},
    task::spawn_blocking,
    time::timeout,
};
use tracing::{error, info, warn};
use zeroize::Zeroizing;

use super::{Daemon, Ground, Sockets, StartError, Unlocked, anew::Former, chain};
use crate::{
    config::Config,
    engine::Author,
    entropy::SystemEntropy,
    ports::Clock as _,
    rpc::{About, Attempt, Locked, Phase, Services, Unopened},
    store::{Key, Lock, OpenError, Passphrase, Patience, Sealed},
    systemd::{self, Heartbeat},
};

/// What `systemctl status` shows meanwhile.
const STATUS: &str = "locked: run `tokend-cli unlock`";

/// A daemon whose store is its own and isn't open. It holds the sockets and serves nothing.
pub(super) struct LockedDaemon {
    ground: Ground,
    sealed: Sealed,
    sockets: Sockets,
    about: Arc<About>,
}

impl LockedDaemon {
    /// Takes the store and makes the sockets.
    pub(super) fn open(config: &Config, former: Former) -> Result<Self, StartError> {
        let ground = Ground::find(config)?;
        let sealed = Sealed::claim(&config.state_dir)?;
        let sockets = Sockets::open(config, former)?;
        let (callers, grants) = (sockets.callers.clone(), sockets.grants());
        let about = Arc::new(ground.about(config, callers, grants));
        Ok(Self { ground, sealed, sockets, about })
    }

    /// Tells everyone that the store is locked until someone gives the passphrase, and returns
    /// the daemon that goes on by then, on the same sockets and connections; `None` if `shutdown`
    /// resolves before.
    ///
    /// # Errors
    ///
    /// Fails if the passphrase fits and the store can't be opened all the same.
    pub(super) async fn wait(
        self,
        config: &Config,
        mut shutdown: impl Future<Output = ()> + Unpin,
    ) -> Result<Option<Daemon>, StartError> {
        let Self { ground, sealed, mut sockets, about } = self;
        let (over, is_over) = watch::channel(Phase::Locked);
        // One is tried, and another waits; whoever comes then waits to be heard.
        let (attempts, mut attempted) = mpsc::channel(1);
        let locked = Locked { about: Arc::clone(&about), attempts, over: is_over };
        for listener in sockets.listeners.drain(..) {
            let services = Services::locked(&locked, &listener.door);
            sockets.serving.serve_gate(listener, services, ground.doorkeeper());
        }
        info!(
            socket = %about.socket.display(),
            pid = std::process::id(),
            "locked: the store waits for its passphrase; `tokend-cli unlock` gives it"
        );
        systemd::notify(&[NotifyState::Ready]);
        let mut heartbeat = Heartbeat::from_env();
        let opening = open(&ground, &sealed, &mut attempted, &mut heartbeat);
        let opened = tokio::select! {
            opened = opening => Some(opened),
            () = &mut shutdown => None,
        };
        let Some((key, attempt)) = opened else {
            info!("shutting down");
            systemd::notify(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
            over.send_replace(Phase::Ending);
            // Nobody's passphrase is looked at any more.
            drop(attempted);
            sockets.close().await;
            info!("shut down");
            return Ok(None);
        };
        systemd::opening(&heartbeat);
        let mark = config.mark_file.as_deref();
        let opened = sealed.open(mark, &key, SystemEntropy::default()).and_then(|store| {
            let outline = store.outline()?;
            Ok((store, outline))
        });
        match opened {
            Ok(opened) => {
                info!(uid = attempt.author.uid, pid = attempt.author.pid, "unlocked");
                sockets.serving.unlocked = Some(Unlocked { reply: attempt.reply, over });
                Daemon::with(config, ground, opened, || Ok(sockets)).map(Some)
            }
            Err(problem) => {
                let _ = attempt.reply.send(Err(Unopened::Failed(chain(&problem))));
                over.send_replace(Phase::Ending);
                sockets.close().await;
                Err(problem.into())
            }
        }
    }
}

/// Tries passphrases, one after the other, until one fits.
async fn open(
    ground: &Ground,
    sealed: &Sealed,
    attempted: &mut mpsc::Receiver<Attempt>,
    heartbeat: &mut Heartbeat,
) -> (Key, Attempt) {
    let mut patience = Patience::default();
    loop {
        let now = ground.clock.now().boot;
        let rest = heartbeat.tell(now, || STATUS.to_owned());
        let Ok(attempt) = timeout(rest, attempted.recv()).await else { continue };
        let Some(mut attempt) = attempt else {
            // Those who serve are gone, and the daemon is about to be.
            return future::pending().await;
        };
        let Author { uid, pid } = attempt.author;
        let unopened = if let Some(wait) = patience.left(ground.clock.now().boot) {
            Unopened::TooSoon(wait)
        } else {
            match fits(sealed.lock(), mem::take(&mut attempt.passphrase)).await {
                Ok(key) => return (key, attempt),
                Err(problem @ OpenError::WrongPassphrase { .. }) => {
                    let wait = patience.note(ground.clock.now().boot);
                    warn!(uid, pid, ?wait, "a wrong passphrase was given");
                    Unopened::Wrong(problem.to_string())
                }
                Err(problem) => {
                    let problem = chain(&problem);
                    error!(uid, pid, "a passphrase can't be tried: {problem}");
                    Unopened::Failed(problem)
                }
            }
        };
        // Whoever has gone away knows no more than before.
        let _ = attempt.reply.send(Err(unopened));
    }
}

/// Returns the key, if this is the passphrase. To find out takes a thread for a while, and it
/// isn't the one that serves.
async fn fits(lock: &Lock, text: Zeroizing<String>) -> Result<Key, OpenError> {
    let lock = lock.clone();
    let tried = spawn_blocking(move || match Passphrase::new(text) {
        Ok(passphrase) => lock.try_passphrase(&passphrase),
        Err(_) => Err(lock.wrong()),
    });
    tried.await.unwrap_or_else(|problem| panic::resume_unwind(problem.into_panic()))
}
