//! Opens the listeners' sockets: what the configuration says, in words of the services.

use std::{
    collections::BTreeMap,
    os::unix::{fs::MetadataExt, net::UnixListener},
    path::Path,
    sync::Arc,
};

use super::{StartError, sockets::group};
use crate::{
    config::{self, Config},
    rpc::Grant,
    socket::{self, Made, Reach, SocketError},
};

/// A listener's socket.
pub(super) struct Opened {
    pub(super) grant: Arc<Grant>,
    pub(super) socket: UnixListener,
    /// The socket's file, if it is ours to remove.
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
        opened.push(one(config, (place, listener), by_systemd, given)?);
    }
    match inherited.into_keys().next() {
        Some(name) => Err(ListenerError::Unknown(name).into()),
        None => Ok(opened),
    }
}

fn one(
    config: &Config,
    (place, listener): (u32, &config::Listener),
    by_systemd: bool,
    given: Option<UnixListener>,
) -> Result<Opened, StartError> {
    let config::Listener { name, directory, credentials, anyone, submit, group } = listener;
    let path = given.as_ref().and_then(|given| given.local_addr().ok());
    let path = path.and_then(|address| address.as_pathname().map(Path::to_owned));
    let path = path.unwrap_or_else(|| directory.join(socket::CALLERS));
    let (socket, made) = if let Some(given) = given {
        (given, None)
    } else {
        let reach = reach(name, group.as_deref())?;
        let kind = if by_systemd { ListenerError::Unit } else { ListenerError::Socket };
        let error = |source| kind(name.clone(), source);
        socket::make_directory_below(&config.runtime_dir, directory, reach).map_err(error)?;
        let (socket, made) = socket::bind(&path, reach).map_err(error)?;
        (socket, Some(made))
    };
    if *anyone && is_open(&path) {
        if let Some(made) = made {
            made.remove();
        }
        let (listener, directory) = (name.clone(), directory.clone());
        return Err(ListenerError::Open { listener, directory }.into());
    }
    let grant = Grant {
        name: name.clone(),
        socket: path,
        credentials: Arc::new(credentials.clone()),
        anyone: *anyone,
        submit: *submit,
        place,
    };
    Ok(Opened { grant: Arc::new(grant), socket, made })
}

fn reach(listener: &str, name: Option<&str>) -> Result<Reach, StartError> {
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
