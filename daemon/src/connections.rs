//! Accepts connections and serves them until the daemon ends.
//!
//! tonic's own loop waits for every connection when it ends: one that never
//! speaks, or a stream that stays open, would hold the daemon for ever. This one
//! asks connections to end and closes those that don't within a grace period.

mod shares;
mod subordinates;

use std::{io, pin::Pin, time::Duration};

use futures_util::future::OptionFuture;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use rustix::process::{Resource, getrlimit};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::watch,
    task::{JoinError, JoinSet, yield_now},
    time::{Sleep, sleep, timeout},
};
use tracing::{error, info, warn};

use self::{
    shares::{Full, Shares},
    subordinates::Subordinates,
};

/// A socket whose connections are served.
#[derive(Debug)]
pub struct Socket {
    /// The socket itself.
    pub listener: UnixListener,
    /// What the log calls it.
    pub name: String,
    /// How many connections there are at once. More wait in the socket's queue.
    pub most: usize,
    /// Users who may have all of them. The others share three quarters: if one has the most and
    /// another wants one, it is taken from the one.
    pub apart: Vec<u32>,
}

/// The process at the other end of a connection, as the kernel recorded it when it connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its user.
    pub uid: u32,
    /// Whose share it has: its user's, or, if its user is one that another may take in user
    /// namespaces, that of all of these together.
    pub sharer: u32,
    /// Its primary group.
    pub gid: u32,
    /// Its process id; `None` if it is in a PID namespace that tokend can't see.
    pub pid: Option<i32>,
}

/// How long to wait when no more connections can be accepted, for lack of
/// descriptors, say: they stay in the queue meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often it is told of users who have their share, at most: whoever connects and leaves again
/// and again fills no log.
const TELLING_PAUSE: Duration = Duration::from_secs(60);

impl Process {
    /// Finds out who is at the other end.
    pub fn of(stream: &UnixStream) -> io::Result<Self> {
        // rustix has no number for a process that can't be seen: there it fails.
        let cred = getsockopt(stream, PeerCredentials)?;
        let pid = Some(cred.pid()).filter(|pid| *pid > 0);
        Ok(Self { uid: cred.uid(), sharer: cred.uid(), gid: cred.gid(), pid })
    }
}

/// Returns how many descriptors this process may have (`RLIMIT_NOFILE`, getrlimit(2)).
///
/// Callers' connections get a half of them, units' a quarter and operators' an eighth. The rest is
/// left to the store and to providers: whoever connects too often keeps no one else out, and no
/// token from being refreshed.
pub fn descriptors() -> usize {
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// Serves one socket until `shutdown` changes, then lets its connections finish
/// what they are at, at most for `grace`. What isn't accepted by then is left in the queue.
///
/// `admit` is given each connection, those that are `open` already first, and returns what
/// serves it, or `None` if it is to be closed.
pub async fn serve<F>(
    socket: Socket,
    open: Vec<UnixStream>,
    mut admit: impl FnMut(UnixStream, Process) -> Option<F>,
    mut shutdown: watch::Receiver<bool>,
    grace: Duration,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let Socket { listener, name, most, apart } = socket;
    let name = name.as_str();
    let mut connections = JoinSet::new();
    let shares = Shares::new(most / 4 * 3);
    let mut subordinates = Subordinates::default();
    // While it is there, no other user is told of.
    let mut pause: Option<Pin<Box<Sleep>>> = None;
    let mut admit = |stream, pause: &mut Option<Pin<Box<Sleep>>>, connections: &mut JoinSet<()>| {
        match Process::of(&stream) {
            Ok(process) if apart.contains(&process.uid) => {
                if let Some(connection) = admit(stream, process) {
                    connections.spawn(connection);
                }
            }
            Ok(process) => {
                let process = Process { sharer: subordinates.one_of(process.uid), ..process };
                let (seat, full) = shares.enter(process.sharer);
                if let Some(Full { uid, connections }) = full
                    && pause.is_none()
                {
                    *pause = Some(Box::pin(sleep(TELLING_PAUSE)));
                    warn!(
                        socket = name,
                        uid,
                        connections,
                        "this user has its share of the connections; what it opens beyond it is closed"
                    );
                }
                if let Some(seat) = seat
                    && let Some(connection) = admit(stream, process)
                {
                    connections.spawn(seat.hold(connection));
                }
            }
            Err(error) => warn!(socket = name, "can't tell who connects: {error}"),
        }
    };
    for stream in open {
        admit(stream, &mut pause, &mut connections);
    }
    let mut fails = false;
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < most => match accepted {
                Ok((stream, _)) => {
                    fails = false;
                    admit(stream, &mut pause, &mut connections);
                    // Whoever connects without end holds up no one who is connected.
                    yield_now().await;
                }
                Err(error) => {
                    if !std::mem::replace(&mut fails, true) {
                        warn!(socket = name, "can't accept connections for now: {error}");
                    }
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => report(ended),
            _ = OptionFuture::from(pause.as_mut()), if pause.is_some() => pause = None,
            () = told(&mut shutdown) => break,
        }
    }
    drop(listener);
    let drained = timeout(grace, async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    });
    if drained.await.is_err() {
        info!(socket = name, connections = connections.len(), "closing connections that don't end");
        connections.shutdown().await;
    }
}

/// Resolves when the daemon is to end.
pub async fn told(shutdown: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and the daemon with it.
    let _ = shutdown.wait_for(|ending| *ending).await;
}

fn report(ended: Result<(), JoinError>) {
    if let Err(problem) = ended
        && problem.is_panic()
    {
        error!("serving a connection failed: {problem}");
    }
}
