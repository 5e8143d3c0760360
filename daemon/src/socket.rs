//! Makes the sockets that callers, operators and systemd connect to.

mod directory;

use std::{
    fs::{self, Metadata, Permissions},
    io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt, chown},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

use rustix::{
    io::Errno,
    net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType},
};
use tracing::warn;

pub use self::directory::{change_reach, make_directory, make_directory_below};

/// The name of the callers' socket in the runtime directory.
pub const CALLERS: &str = "tokend.sock";

/// The name of the operators' socket in the runtime directory.
pub const OPERATORS: &str = "admin.sock";

/// The name of the units' socket in the runtime directory.
pub const UNITS: &str = "credentials.sock";

/// The longest path of a socket in bytes (`unix(7)`).
const LONGEST_PATH: usize = 107;

/// Who may connect, by the socket's file permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The daemon's own user only (0600).
    Own,
    /// The daemon's own user and the members of a group (0660).
    Group(u32),
    /// Whoever gets to the directory (0666).
    Anyone,
}

/// A socket can't be made.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another process answers there.
    #[error("{}: another process listens there already; stop it first", .0.display())]
    InUse(PathBuf),
    /// Something else has that name.
    #[error("{} is in the way and isn't a socket; move it away", .0.display())]
    NotASocket(PathBuf),
    /// No socket can have such a long path.
    #[error(
        "the path {} is longer than the {LONGEST_PATH} bytes that a socket's can have: set \
         runtime_dir to a shorter one",
        .0.display()
    )]
    TooLong(PathBuf),
    /// Another user could put another directory in its place.
    #[error(
        "{} is a link that belongs to uid {uid}, neither root nor the daemon's own user, who could \
         lead it elsewhere; remove it, or name another directory", path.display()
    )]
    Link {
        /// The link.
        path: PathBuf,
        /// Whose.
        uid: u32,
    },
    /// It isn't there, and isn't the daemon's to make.
    #[error("there is no directory {}; make it, for the daemon's own user", .0.display())]
    NoDirectory(PathBuf),
    /// Something else has the directory's name.
    #[error("{} is in the way and isn't a directory; move it away", .0.display())]
    NotADirectory(PathBuf),
    /// It belongs to someone else.
    #[error(
        "{} belongs to uid {uid}, neither root nor the daemon's own user; remove it, or name \
         another directory", path.display()
    )]
    Foreign {
        /// The directory or the socket.
        path: PathBuf,
        /// Whose.
        uid: u32,
    },
    /// Others could move it away.
    #[error(
        "{} isn't safe: other users can write {}, which has no sticky bit, and put another \
         directory in its place; `chmod o-w {}`", path.display(), above.display(), above.display()
    )]
    Movable {
        /// The directory.
        path: PathBuf,
        /// The one that holds it.
        above: PathBuf,
    },
    /// Others could put a socket of theirs in its place.
    #[error(
        "{} can be written by other users: let only root or the daemon's own user own and write it",
        .0.display()
    )]
    Exposed(PathBuf),
    /// The system says no.
    #[error("can't make the socket {}", path.display())]
    System {
        /// The socket or its directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// A socket's file that the daemon has made.
#[derive(Debug)]
pub struct Made {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Made {
    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Changes who may connect from now on.
    ///
    /// # Errors
    ///
    /// Fails if it is gone, or another's.
    pub fn set_reach(&self, reach: Reach) -> Result<(), SocketError> {
        let system = |source| SocketError::System { path: self.path.clone(), source };
        let metadata = fs::symlink_metadata(&self.path).map_err(system)?;
        if (metadata.dev(), metadata.ino()) != (self.device, self.inode) {
            return Err(SocketError::InUse(self.path.clone()));
        }
        permit(&self.path, reach).map_err(system)
    }

    /// Removes it, unless another daemon's has taken its place.
    pub fn remove(self) {
        let Self { path, device, inode } = self;
        let is_same = |metadata: &Metadata| (metadata.dev(), metadata.ino()) == (device, inode);
        match fs::symlink_metadata(&path) {
            Ok(metadata) if is_same(&metadata) => {}
            _ => return warn!(socket = %path.display(), "the socket is gone, or another's"),
        }
        if let Err(error) = fs::remove_file(&path) {
            warn!(socket = %path.display(), "can't remove the socket: {error}");
        }
    }
}

/// Listens at `path`. A socket that a dead process of root's or of this user left there is
/// replaced.
///
/// # Errors
///
/// Fails if anything else is there, which is left as it is.
pub fn bind(path: &Path, reach: Reach) -> Result<(UnixListener, Made), SocketError> {
    let system = |source| SocketError::System { path: path.to_owned(), source };
    if path.as_os_str().len() > LONGEST_PATH {
        return Err(SocketError::TooLong(path.to_owned()));
    }
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(SocketError::NotASocket(path.to_owned()));
        }
        Ok(_) if !is_stale(path) => return Err(SocketError::InUse(path.to_owned())),
        Ok(metadata) if !directory::is_ours(&metadata) => {
            return Err(SocketError::Foreign { path: path.to_owned(), uid: metadata.uid() });
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(system(error)),
    }
    replace(path, reach)
}

/// Listens at `path`, where a socket of this process may be. Whoever connects from now on gets
/// here.
///
/// # Errors
///
/// Fails if the system says no.
pub fn replace(path: &Path, reach: Reach) -> Result<(UnixListener, Made), SocketError> {
    let system = |source| SocketError::System { path: path.to_owned(), source };
    // Made where no one else gets and then moved, the socket is never there with
    // wider permissions than it should have, and never there without a listener.
    let parent = path.parent().unwrap_or(Path::new("/"));
    let private =
        tempfile::Builder::new().prefix(".").rand_bytes(6).tempdir_in(parent).map_err(system)?;
    let draft = private.path().join("s");
    let listener = UnixListener::bind(&draft).map_err(system)?;
    permit(&draft, reach).map_err(system)?;
    let metadata = fs::symlink_metadata(&draft).map_err(system)?;
    fs::rename(&draft, path).map_err(system)?;
    let (device, inode) = (metadata.dev(), metadata.ino());
    Ok((listener, Made { path: path.to_owned(), device, inode }))
}

fn permit(socket: &Path, reach: Reach) -> io::Result<()> {
    let mode = match reach {
        Reach::Own => 0o600,
        Reach::Group(gid) => {
            chown(socket, None, Some(gid))?;
            0o660
        }
        Reach::Anyone => 0o666,
    };
    fs::set_permissions(socket, Permissions::from_mode(mode))
}

/// Tells whether nobody listens on a socket. One that can't be told about counts as listened on,
/// so does one whose queue is full, which isn't waited for.
fn is_stale(path: &Path) -> bool {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let connected = SocketAddrUnix::new(path).and_then(|address| {
        let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        net::connect(&socket, &address)
    });
    connected == Err(Errno::CONNREFUSED)
}

#[cfg(test)]
mod tests;
