//! Opens the listeners' sockets: what the configuration says, in words of the services.

use std::{
    collections::BTreeMap,
    os::unix::{fs::MetadataExt, net::UnixListener},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{StartError, sockets::group};
use crate::{
    config::{self, Config},
    rpc::{Grant, Granted},
    socket::{self, Made, Reach, SocketError},
};

/// A listener's socket.
pub(super) struct Opened {
    pub(super) container: Container,
    pub(super) socket: UnixListener,
}

/// A listener as it was opened.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) grant: Arc<Grant>,
    /// Its directory by the configuration.
    pub(super) directory: PathBuf,
    /// Who may connect.
    pub(super) reach: Reach,
    /// The socket's file, if it is ours to remove; `None` if it is systemd's.
    pub(super) made: Option<Made>,
}

/// A listener can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenerError {
    /// Its socket can't be made.
    #[error("can't open the listener {0:?}")]
    Socket(String, #[source] SocketError),
    /// Its socket can't be made, and systemd makes the others.
    #[error("can't open the listener {0:?}: systemd may, by tokend-listener@{0}.socket")]
    Unit(String, #[source] SocketError),
    /// Its group isn't there.
    #[error(
        "there is no group {group:?} for the listener {listener:?}; `groupadd --system` makes it"
    )]
    NoGroup {
        /// The listener.
        listener: String,
        /// The group.
        group: String,
    },
    /// No mount is needed to get to it.
    #[error(
        "the listener {listener:?} would let any user of this machine read its credentials: each \
         can get to {}; name a group, or put the directory into one that is closed to others",
        directory.display()
    )]
    Open {
        /// The listener.
        listener: String,
        /// Its directory.
        directory: std::path::PathBuf,
    },
    /// systemd listens for what isn't configured.
    #[error(
        "systemd handed over the socket tokend-{0}, and no [[listener]] in tokend.toml is called {0:?}"
    )]
    Unknown(String),
}

/// Opens all listeners: sockets that systemd made are taken as they are, the others made.
pub(super) fn open(
    config: &Config,
    by_systemd: bool,
    mut inherited: BTreeMap<String, UnixListener>,
) -> Result<Vec<Opened>, StartError> {
    let mut opened = Vec::new();
    for (place, listener) in (0..).zip(&config.listeners) {
        let given = inherited.remove(&listener.name);
        opened.push(if let Some(given) = given {
            taken(place, listener, given)?
        } else {
            let reach = reach(&listener.name, listener.group.as_deref())?;
            made(&config.runtime_dir, (place, listener), reach, by_systemd, false)?
        });
    }
    match inherited.into_keys().next() {
        Some(name) => Err(ListenerError::Unknown(name).into()),
        None => Ok(opened),
    }
}

/// Takes a listener's socket that systemd made, as it is.
fn taken(
    place: u32,
    listener: &config::Listener,
    socket: UnixListener,
) -> Result<Opened, StartError> {
    let path = socket.local_addr().ok();
    let path = path.and_then(|address| address.as_pathname().map(Path::to_owned));
    let path = path.unwrap_or_else(|| listener.directory.join(socket::CALLERS));
    check_open(listener, &path)?;
    Ok(Opened { container: container(place, listener, path, Reach::Own, None), socket })
}

/// Makes a listener's socket; in place of one of this daemon's, if `replaces` says so.
pub(super) fn made(
    runtime_dir: &Path,
    (place, listener): (u32, &config::Listener),
    reach: Reach,
    by_systemd: bool,
    replaces: bool,
) -> Result<Opened, StartError> {
    let config::Listener { name, directory, .. } = listener;
    let path = directory.join(socket::CALLERS);
    let kind = if by_systemd { ListenerError::Unit } else { ListenerError::Socket };
    let error = |source| kind(name.clone(), source);
    socket::make_directory_below(runtime_dir, directory, reach).map_err(error)?;
    let bind = if replaces { socket::replace } else { socket::bind };
    let (socket, made) = bind(&path, reach).map_err(error)?;
    if let Err(problem) = check_open(listener, &path) {
        made.remove();
        return Err(problem.into());
    }
    Ok(Opened { container: container(place, listener, path, reach, Some(made)), socket })
}

fn container(
    place: u32,
    listener: &config::Listener,
    socket: PathBuf,
    reach: Reach,
    made: Option<Made>,
) -> Container {
    let directory = listener.directory.clone();
    let grant = Grant::new(listener.name.clone(), socket, place, granted(listener));
    Container { grant: Arc::new(grant), directory, reach, made }
}

/// Returns what a listener grants by the configuration.
pub(super) fn granted(listener: &config::Listener) -> Granted {
    let config::Listener { credentials, anyone, submit, .. } = listener;
    Granted { credentials: credentials.clone(), anyone: *anyone, submit: *submit }
}

/// Checks that not every user of the machine gets to what anyone may read.
pub(super) fn check_open(listener: &config::Listener, socket: &Path) -> Result<(), ListenerError> {
    if listener.anyone && is_open(socket) {
        let (listener, directory) = (listener.name.clone(), listener.directory.clone());
        return Err(ListenerError::Open { listener, directory });
    }
    Ok(())
}

/// Finds who may connect to a listener's socket.
pub(super) fn reach(listener: &str, name: Option<&str>) -> Result<Reach, StartError> {
    let Some(name) = name else { return Ok(Reach::Anyone) };
    let no_group =
        || ListenerError::NoGroup { listener: listener.to_owned(), group: name.to_owned() };
    Ok(group(name)?.map(Reach::Group).ok_or_else(no_group)?)
}

/// Tells whether every user of the machine can connect, by the permissions of the socket and of
/// all directories above it (`path_resolution(7)`).
fn is_open(socket: &Path) -> bool {
    let has = |path: &Path, bit| path.metadata().is_ok_and(|metadata| metadata.mode() & bit != 0);
    let Ok(real) = socket.canonicalize() else { return false };
    has(&real, 0o002) && real.ancestors().skip(1).all(|directory| has(directory, 0o001))
}
