//! Who is at the other end of a socket: root, this user, or a user who was named.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use nix::unistd::Uid;

use crate::{
    accounts,
    socket::{self, Surroundings, UnknownUser},
};

/// Whom a daemon may run as, as far as it isn't root or this user.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    named: Result<BTreeSet<u32>, UnknownUser>,
    /// The directory of the system's daemon.
    system: PathBuf,
}

/// Why a socket isn't used; found again in the source chain of a call's status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Distrust {
    #[error(transparent)]
    Named(#[from] UnknownUser),
    #[error("{} isn't safe from other users", directory.display())]
    Directory { path: PathBuf, directory: PathBuf, uid: u32, mode: u32 },
    #[error("the server runs as uid {uid}")]
    Server { path: PathBuf, uid: u32, unmapped: bool },
}

/// What the check needs to know of the socket's directory.
#[derive(Clone, Debug)]
struct Directory {
    path: PathBuf,
    uid: u32,
    mode: u32,
}

/// What the check needs to know of this process.
#[derive(Clone, Copy, Debug)]
struct Users {
    own: u32,
    /// The number that stands for users who aren't mapped here, if there are any.
    unmapped: Option<u32>,
}

impl Trust {
    /// Takes whom the surroundings name.
    pub(crate) fn of(surroundings: &impl Surroundings) -> Self {
        let system = Path::new(socket::SYSTEM).parent().expect("it lies in a directory");
        let named = named(surroundings, accounts::user_id);
        Self { named, system: system.to_path_buf() }
    }

    /// Names another user.
    pub(crate) fn add(&mut self, uid: u32) {
        if let Ok(named) = &mut self.named {
            named.insert(uid);
        }
    }

    /// Returns what is wrong with what was named.
    pub(crate) fn check(&self) -> Result<(), UnknownUser> {
        self.named.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    /// Tells whether the server of the socket at `path`, to which there is a connection,
    /// may be believed; its user is `uid`.
    ///
    /// That is `SO_PEERCRED`'s (`unix(7)`): who called `listen(2)`, systemd under socket
    /// activation. It is what counts. The directory is looked at as well, since whoever
    /// can write it can put another socket there at any time, and a person should hear of
    /// that at once. Who can write the directories above can put another directory there,
    /// but none of a believed user's with a socket of his own in it: they aren't looked at,
    /// so a directory of one's own in `/tmp` will do.
    pub(crate) fn verify(&self, path: &Path, uid: u32) -> io::Result<Result<(), Distrust>> {
        let own = Uid::effective().as_raw();
        // What takes the least to find out is enough for most: this user's own number says nothing
        // then, and no link leads there.
        if let Some(directory) = Directory::direct(path) {
            let is_system = directory.path == self.system;
            let parent = directory.path.parent().filter(|_| is_system).map(Directory::at);
            let parent = parent.transpose()?;
            let users = Users { own, unmapped: Some(own) };
            if self.judge(path, &directory, parent.as_ref(), users, uid).is_ok() {
                return Ok(Ok(()));
            }
        }
        let directory = Directory::of(path)?;
        let parent = directory.path.parent().map(Directory::at).transpose()?;
        let users = Users { own, unmapped: unmapped() };
        Ok(self.judge(path, &directory, parent.as_ref(), users, uid))
    }

    fn judge(
        &self,
        path: &Path,
        directory: &Directory,
        parent: Option<&Directory>,
        users: Users,
        uid: u32,
    ) -> Result<(), Distrust> {
        let named = self.named.as_ref().map_err(Clone::clone)?;
        let path = || path.to_path_buf();
        // The system's daemon without socket activation: only root can have made a directory
        // there and have given it to a user.
        let vouched = directory.path == self.system
            && parent.is_some_and(|parent| parent.uid == 0 && !parent.is_open());
        // Where this user shows as all do who aren't mapped, they can't be told apart.
        let own = Some(users.own).filter(|own| users.unmapped != Some(*own));
        let believed = |uid: u32| {
            uid == 0
                || own == Some(uid)
                || named.contains(&uid)
                || (vouched && uid == directory.uid)
        };
        if directory.is_open() || !believed(directory.uid) {
            let Directory { path: directory, uid, mode } = directory.clone();
            // What isn't mapped here is better told of the server, with its remedy.
            if mode & OTHERS_WRITE == 0 && users.unmapped == Some(uid) {
                return Err(Distrust::Server { path: path(), uid, unmapped: true });
            }
            return Err(Distrust::Directory { path: path(), directory, uid, mode });
        }
        if !believed(uid) {
            let unmapped = users.unmapped == Some(uid);
            return Err(Distrust::Server { path: path(), uid, unmapped });
        }
        Ok(())
    }
}

/// Write permission of the group or of others. The sticky bit is of no help: others could
/// still make the socket first.
const OTHERS_WRITE: u32 = 0o022;

impl Directory {
    /// Finds the directory that holds a socket, through symbolic links.
    fn of(socket: &Path) -> io::Result<Self> {
        let socket = socket.canonicalize()?;
        Self::at(socket.parent().unwrap_or(Path::new("/")))
    }

    /// Finds it where no link leads to the socket, but for links that lead to the directory above.
    fn direct(socket: &Path) -> Option<Self> {
        let path = socket.parent().filter(|_| socket.is_absolute())?;
        if socket.symlink_metadata().ok()?.is_symlink() {
            return None;
        }
        let metadata = path.symlink_metadata().ok().filter(fs::Metadata::is_dir)?;
        Some(Self { path: path.to_path_buf(), uid: metadata.uid(), mode: metadata.mode() & 0o7777 })
    }

    fn at(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let mode = metadata.mode() & 0o7777;
        Ok(Self { path: path.to_path_buf(), uid: metadata.uid(), mode })
    }

    fn is_open(&self) -> bool {
        self.mode & OTHERS_WRITE != 0
    }
}

/// Reads whom the environment names.
fn named(
    surroundings: &impl Surroundings,
    uid_of: impl Fn(&str) -> Option<u32>,
) -> Result<BTreeSet<u32>, UnknownUser> {
    let mut named = BTreeSet::new();
    // Whoever may run this by sudo chooses its environment, or is kept from that by sudo,
    // which drops the variables that lead to a socket of theirs.
    if Uid::effective().is_root() {
        let person = surroundings.variable("SUDO_UID");
        named.extend(person.and_then(|uid| uid.to_str()?.parse::<u32>().ok()));
    }
    let value = surroundings.variable(socket::SERVER_VARIABLE).unwrap_or_default();
    for name in value.to_string_lossy().split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let uid = name.parse().ok().or_else(|| uid_of(name));
        named.insert(uid.ok_or_else(|| UnknownUser { name: name.to_owned() })?);
    }
    Ok(named)
}

/// Returns the number by which users show that aren't mapped into this user namespace; `None`
/// if all are (`user_namespaces(7)`).
fn unmapped() -> Option<u32> {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    if map.split_whitespace().eq(["0", "0", "4294967295"]) {
        return None;
    }
    let told = fs::read_to_string("/proc/sys/kernel/overflowuid").ok();
    Some(told.and_then(|text| text.trim().parse().ok()).unwrap_or(65_534))
}

#[cfg(test)]
mod tests;
