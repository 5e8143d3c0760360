//! Makes the sockets that callers, operators and systemd connect to.

use std::{
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt, chown},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

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

/// Makes the runtime directory, if it isn't there. Others may pass through it if
/// the socket in it is for others too.
pub fn make_directory(dir: &Path, reach: Reach) -> Result<(), SocketError> {
    let mode = match reach {
        Reach::Own => 0o700,
        Reach::Group(_) => 0o755,
    };
    let error = |source| SocketError::System { path: dir.to_owned(), source };
    DirBuilder::new().recursive(true).mode(mode).create(dir).map_err(error)?;
    let metadata = fs::metadata(dir).map_err(error)?;
    let own = [0, rustix::process::geteuid().as_raw()].contains(&metadata.uid());
    if own && metadata.mode() & 0o022 == 0 {
        Ok(())
    } else {
        Err(SocketError::Exposed(dir.to_owned()))
    }
}

/// Listens at `path`. A socket that a dead process left there is replaced.
pub fn bind(path: &Path, reach: Reach) -> Result<UnixListener, SocketError> {
    let system = |source| SocketError::System { path: path.to_owned(), source };
    if path.as_os_str().len() > LONGEST_PATH {
        return Err(SocketError::TooLong(path.to_owned()));
    }
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(SocketError::NotASocket(path.to_owned()));
        }
        Ok(_) if UnixStream::connect(path).is_ok() => {
            return Err(SocketError::InUse(path.to_owned()));
        }
        Ok(_) => fs::remove_file(path).map_err(system)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(system(error)),
    }
    // Made where no one else gets and then moved, the socket is never there with
    // wider permissions than it should have, and never there without a listener.
    let parent = path.parent().unwrap_or(Path::new("/"));
    let private =
        tempfile::Builder::new().prefix(".").rand_bytes(6).tempdir_in(parent).map_err(system)?;
    let draft = private.path().join("s");
    let listener = UnixListener::bind(&draft).map_err(system)?;
    let mode = match reach {
        Reach::Own => 0o600,
        Reach::Group(gid) => {
            chown(&draft, None, Some(gid)).map_err(system)?;
            0o660
        }
    };
    fs::set_permissions(&draft, Permissions::from_mode(mode)).map_err(system)?;
    fs::rename(&draft, path).map_err(system)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_of_a_dead_process_is_replaced_and_a_living_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(CALLERS);
        drop(bind(&path, Reach::Own).unwrap());
        let listener = bind(&path, Reach::Own).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let error = bind(&path, Reach::Own).unwrap_err();
        assert!(matches!(error, SocketError::InUse(_)), "{error}");
        drop(listener);
    }

    #[test]
    fn nothing_but_a_socket_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(CALLERS);
        fs::write(&path, "precious").unwrap();
        let error = bind(&path, Reach::Own).unwrap_err();
        assert!(matches!(error, SocketError::NotASocket(_)), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn directories_are_private_unless_a_group_is_let_in() {
        let dir = tempfile::tempdir().unwrap();
        for (name, reach, mode) in [("a", Reach::Own, 0o700), ("b", Reach::Group(0), 0o755)] {
            let path = dir.path().join(name);
            make_directory(&path, reach).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, mode);
            fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
            let error = make_directory(&path, reach).unwrap_err();
            assert!(matches!(error, SocketError::Exposed(_)), "{error}");
        }
    }
}
