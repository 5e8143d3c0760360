//! The sockets that the daemon serves: those that systemd hands over as they are, the others
//! made.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::net::{UnixListener, UnixStream};

use super::{
    StartError,
    anew::{Former, Spare},
    listeners::{self, Container, Opened},
    serving::{Serving, join},
};
use crate::{
    config::Config,
    connections::descriptors,
    rpc::{Door, Grant, Listener},
    socket::{self, Made, Reach},
};

/// The sockets that the daemon serves.
pub(super) struct Sockets {
    /// Those that aren't served yet.
    pub(super) listeners: Vec<Listener>,
    pub(super) serving: Serving,
    pub(super) units: Option<UnixListener>,
    pub(super) waiting: Vec<UnixStream>,
    /// Those that are there whatever is configured.
    pub(super) made: Vec<Made>,
    pub(super) callers: PathBuf,
    /// Who may connect to the callers' socket.
    pub(super) reach: Reach,
    pub(super) containers: Vec<Container>,
    /// Whether systemd listens for the daemon.
    pub(super) by_systemd: bool,
    /// The same sockets, but for listeners' that the daemon has made, for whoever comes after it.
    pub(super) spare: Spare,
}

impl Sockets {
    /// Ends what serves, in order, and removes the files.
    pub(super) async fn close(mut self) {
        self.serving.end();
        join(&mut self.serving.tasks).await;
        let containers = self.containers.into_iter().filter_map(|container| container.made);
        self.made.into_iter().chain(containers).for_each(Made::remove);
    }

    /// Returns what the listeners grant.
    pub(super) fn grants(&self) -> Vec<Arc<Grant>> {
        self.containers.iter().map(|container| Arc::clone(&container.grant)).collect()
    }

    pub(super) fn open(config: &Config, former: impl Into<Former>) -> Result<Self, StartError> {
        let (reach, mut former) = (reach(config)?, former.into());
        former.fit(config, reach);
        let inherited = std::mem::take(&mut former.inherited);
        let system = |source| StartError::System { what: "a socket", source };
        let again = inherited.try_clone().map_err(system)?;
        let mut spare = Spare { inherited: again, own: Vec::new() };
        let mut made = Vec::new();
        // Whoever has systemd make the sockets and leaves this one out doesn't want it, and
        // the directory is not the daemon's to make it in.
        let by_systemd = !inherited.is_empty();
        let wants_units = !by_systemd || inherited.units.is_some();
        let mut open = |name, reach, given: Option<_>| {
            let listener = if let Some(listener) = given {
                listener
            } else {
                let path = config.runtime_dir.join(name);
                let (file, listener) = if let Some(before) = former.take(&path) {
                    before
                } else {
                    socket::make_directory(&config.runtime_dir, reach)?;
                    let (listener, file) = socket::bind(&path, reach)?;
                    (file, listener)
                };
                spare.own.push(listener.try_clone().map_err(system)?);
                made.push(file);
                listener
            };
            asynchronous(listener)
        };
        let callers = inherited.callers.as_ref().and_then(|given| given.local_addr().ok());
        let callers = callers.and_then(|address| address.as_pathname().map(Path::to_owned));
        let callers = callers.unwrap_or_else(|| config.runtime_dir.join(socket::CALLERS));
        // Callers in containers have a half of what there is for callers.
        let (descriptors, few) = (descriptors(), config.listeners.len());
        let most = if few == 0 { descriptors / 2 } else { descriptors / 4 };
        let mut listeners = vec![
            Listener {
                socket: open(socket::CALLERS, reach, inherited.callers)?,
                door: Door::Callers,
                most,
            },
            Listener {
                socket: open(socket::OPERATORS, Reach::Own, inherited.operators)?,
                door: Door::Operators,
                most: descriptors / 8,
            },
        ];
        let units = wants_units.then(|| open(socket::UNITS, Reach::Own, inherited.units));
        let units = units.transpose()?;
        let mut containers = Vec::new();
        for Opened { container, socket } in
            listeners::open(config, by_systemd, inherited.listeners)?
        {
            let door = Door::Listener(Arc::clone(&container.grant));
            let socket = asynchronous(socket)?;
            listeners.push(Listener { socket, door, most: (most / few).max(4) });
            containers.push(container);
        }
        let system = |source| StartError::System { what: "a connection", source };
        let waiting = inherited.waiting.into_iter().map(|connection| {
            connection.set_nonblocking(true)?;
            UnixStream::from_std(connection)
        });
        let waiting = waiting.collect::<Result<_, _>>().map_err(system)?;
        let serving = Serving::default();
        Ok(Self {
            listeners,
            serving,
            units,
            waiting,
            made,
            callers,
            reach,
            containers,
            by_systemd,
            spare,
        })
    }
}

pub(super) fn asynchronous(
    listener: std::os::unix::net::UnixListener,
) -> Result<UnixListener, StartError> {
    let system = |source| StartError::System { what: "a socket", source };
    listener.set_nonblocking(true).map_err(system)?;
    UnixListener::from_std(listener).map_err(system)
}

/// Looks up a group's number.
pub(super) fn group(name: &str) -> Result<Option<u32>, StartError> {
    let group = nix::unistd::Group::from_name(name)
        .map_err(|source| StartError::Group { group: name.to_owned(), source })?;
    Ok(group.map(|group| group.gid.as_raw()))
}

pub(super) fn reach(config: &Config) -> Result<Reach, StartError> {
    let Some(name) = &config.socket_group else { return Ok(Reach::Own) };
    Ok(group(name)?.map_or(Reach::Own, Reach::Group))
}

/// Says that the group that may connect isn't there, if it isn't.
pub(super) fn missing_group(config: &Config) -> Result<Option<String>, StartError> {
    let Some(name) = &config.socket_group else { return Ok(None) };
    let is_there = group(name)?.is_some();
    Ok((!is_there).then(|| {
        format!(
            "there is no group {name}: only root and the daemon's own user can connect; \
             `groupadd --system {name}` makes it, and the next start or reload uses it"
        )
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{config::Surroundings, systemd::Inherited};

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
        assert_eq!(own.made.last().unwrap().path(), config.runtime_dir.join(socket::UNITS));
        drop(own);
        let callers = std::os::unix::net::UnixListener::bind(&given).unwrap();
        let inherited = Inherited { callers: Some(callers), ..Inherited::default() };
        let mixed = Sockets::open(&config, inherited).unwrap();
        assert!(mixed.units.is_none());
        assert_eq!((mixed.callers, mixed.made.len()), (given, 1), "only the operators' socket");
    }
}
