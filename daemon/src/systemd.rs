//! What systemd hands to the daemon and what it is told in return.

mod heartbeat;
mod journal;

use std::{
    collections::BTreeMap,
    env, io,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::{UnixListener, UnixStream},
    },
    time::Duration,
};

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tracing::{debug, warn};

pub use self::{
    heartbeat::Heartbeat,
    journal::{Journal, JournalFormat},
};

/// The sockets that systemd listens on for the daemon (`sd_listen_fds(3)`).
#[derive(Debug, Default)]
pub struct Inherited {
    /// The callers' socket: `FileDescriptorName=tokend`.
    pub callers: Option<UnixListener>,
    /// The operators' socket: `FileDescriptorName=admin`.
    pub operators: Option<UnixListener>,
    /// The units' socket: `FileDescriptorName=credentials`.
    pub units: Option<UnixListener>,
    /// The listeners' sockets by the listener's name: `FileDescriptorName=tokend-NAME`.
    pub listeners: BTreeMap<String, UnixListener>,
    /// Connections to the units' socket that the last daemon left behind.
    pub waiting: Vec<UnixStream>,
}

/// What systemd is to call the connections that it keeps (`FDNAME=`).
const WAITING: &str = "waiting";

/// What stands before a listener's name in that of its socket.
const LISTENER: &str = "tokend-";

/// systemd handed over something else than sockets to listen on.
#[derive(Debug, thiserror::Error)]
#[error(
    "systemd handed over {name:?} as descriptor {number}, which isn't one of tokend's sockets: \
     a socket unit needs ListenStream= and FileDescriptorName=tokend, admin, credentials or \
     tokend- and a listener's name"
)]
pub struct Unexpected {
    name: String,
    number: usize,
    #[source]
    source: Option<io::Error>,
}

impl Inherited {
    /// Takes the sockets from the process's environment.
    pub fn from_env() -> Result<Self, Unexpected> {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut descriptors = ListenFd::from_env();
        let mut inherited = Self::default();
        for index in 0..descriptors.len() {
            let name = names.next().unwrap_or_default();
            let unexpected = |source| {
                // Descriptors are handed over from number 3 on.
                Unexpected { name: name.to_owned(), number: index + 3, source }
            };
            let socket =
                descriptors.take_unix_listener(index).map_err(|error| unexpected(Some(error)))?;
            if name == WAITING {
                let connection = socket.map(|socket| UnixStream::from(OwnedFd::from(socket)));
                inherited.waiting.extend(connection);
                continue;
            }
            if let Some(listener) = name.strip_prefix(LISTENER) {
                let socket = socket.ok_or_else(|| unexpected(None))?;
                inherited.listeners.insert(listener.to_owned(), socket);
                continue;
            }
            let place = match name {
                "tokend" => &mut inherited.callers,
                "admin" => &mut inherited.operators,
                "credentials" => &mut inherited.units,
                _ => return Err(unexpected(None)),
            };
            *place = socket;
        }
        Ok(inherited)
    }

    /// Returns the same sockets once more, without connections to them.
    ///
    /// # Errors
    ///
    /// Fails if there are no descriptors for them.
    pub fn try_clone(&self) -> io::Result<Self> {
        let again = |socket: &Option<UnixListener>| {
            socket.as_ref().map(UnixListener::try_clone).transpose()
        };
        let listeners = self.listeners.iter();
        let listeners = listeners.map(|(name, it)| Ok((name.clone(), it.try_clone()?)));
        Ok(Self {
            callers: again(&self.callers)?,
            operators: again(&self.operators)?,
            units: again(&self.units)?,
            listeners: listeners.collect::<io::Result<_>>()?,
            waiting: Vec::new(),
        })
    }

    /// Tells whether systemd listens for the daemon at all.
    pub fn is_empty(&self) -> bool {
        let Self { callers, operators, units, listeners, waiting: _ } = self;
        [callers, operators, units].into_iter().all(Option::is_none) && listeners.is_empty()
    }
}

/// Tells systemd something, if it wants to know.
pub fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        debug!("systemd can't be told: {error}");
    }
}

/// How long the store may take to be opened: one of an older version is brought up to date, on
/// whatever disk. What takes no longer than `TimeoutStartSec=` and `WatchdogSec=` needs no more.
const OPENING: Duration = Duration::from_secs(10 * 60);

/// Tells systemd that the daemon opens its store, and can't say a word until it has: neither when
/// it starts, nor when it is unlocked, where the watchdog looks at it already
/// (`EXTEND_TIMEOUT_USEC=`, `WATCHDOG_USEC=`, `sd_notify(3)`).
pub fn opening(heartbeat: &Heartbeat) {
    let opening = u32::try_from(OPENING.as_micros()).unwrap_or(u32::MAX);
    let mut states = vec![
        NotifyState::Status("starting: opening the store"),
        NotifyState::ExtendTimeoutUsec(opening),
    ];
    // One that wasn't asked for isn't begun.
    if heartbeat.is_wanted() {
        states.push(NotifyState::WatchdogUsec(opening));
    }
    notify(&states);
}

/// Has systemd keep a connection for the next daemon (`FDSTORE=1`, `sd_notify(3)`). Returns whether
/// there is a systemd that may: it drops what `FileDescriptorStoreMax=` doesn't allow, and when the
/// daemon is stopped for good.
pub fn keep(connection: &tokio::net::UnixStream) -> bool {
    if env::var_os("NOTIFY_SOCKET").is_none() {
        return false;
    }
    let states = [NotifyState::FdStore, NotifyState::FdName(WAITING)];
    let kept = sd_notify::notify_with_fds(&states, &[connection.as_fd()]);
    if let Err(error) = &kept {
        warn!("systemd can't be given a connection: {error}");
    }
    kept.is_ok()
}

/// Tells whether standard error goes to the journal, which adds the time itself.
/// `JOURNAL_STREAM` names the file that does (`systemd.exec(5)`).
pub fn logs_to_journal() -> bool {
    let journal = env::var("JOURNAL_STREAM").unwrap_or_default();
    let own = rustix::fs::fstat(io::stderr());
    own.is_ok_and(|own| journal == format!("{}:{}", own.st_dev, own.st_ino))
}
