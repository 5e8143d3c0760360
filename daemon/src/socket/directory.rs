//! The directories that hold sockets: made so that no one else can put a socket there.

use std::{
    fs::{self, DirBuilder, Metadata, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
    path::Path,
};

use super::{Reach, SocketError};

/// Write permission of the group or of others.
const OTHERS_WRITE: u32 = 0o022;

/// Makes the runtime directory, if it isn't there. Others may pass through it if
/// the socket in it is for others too.
///
/// # Errors
///
/// Fails if other users can put another socket, or another directory, in its place.
pub fn make_directory(dir: &Path, reach: Reach) -> Result<(), SocketError> {
    let mode = if reach == Reach::Own { 0o700 } else { 0o755 };
    make(dir, mode, None)
}

/// Makes a listener's directory, if it lies below the runtime directory, which is there. What it
/// makes between the two is closed to others: from the outside, only root and the daemon's own
/// user get through, and whoever has the directory mounted needn't.
///
/// # Errors
///
/// Fails as [`make_directory`] does, and if a directory that lies elsewhere isn't there.
pub fn make_directory_below(
    runtime_dir: &Path,
    dir: &Path,
    reach: Reach,
) -> Result<(), SocketError> {
    if let Ok(below) = dir.strip_prefix(runtime_dir) {
        make_directory(runtime_dir, Reach::Own)?;
        let between = if matches!(reach, Reach::Group(_)) { 0o755 } else { 0o700 };
        let depth = below.components().count();
        let mut above: Vec<_> = dir.ancestors().skip(1).take(depth.saturating_sub(1)).collect();
        above.reverse();
        above.into_iter().try_for_each(|dir| make(dir, between, None))?;
    } else if !dir.exists() {
        return Err(SocketError::NoDirectory(dir.to_owned()));
    }
    match reach {
        Reach::Own => make(dir, 0o700, None),
        Reach::Anyone => make(dir, 0o755, None),
        Reach::Group(gid) => make(dir, 0o750, Some(gid)),
    }
}

/// Changes who may pass through a directory that was made for a socket, if it is as it was made;
/// `is_listeners` tells for which.
///
/// # Errors
///
/// Fails if the system says no.
pub fn change_reach(
    dir: &Path,
    is_listeners: bool,
    from: Reach,
    to: Reach,
) -> Result<(), SocketError> {
    let error = |source| SocketError::System { path: dir.to_owned(), source };
    let permissions = |reach| match reach {
        Reach::Own => (0o700, None),
        Reach::Group(gid) if is_listeners => (0o750, Some(gid)),
        Reach::Group(_) | Reach::Anyone => (0o755, None),
    };
    let ((before, group), (mode, gid)) = (permissions(from), permissions(to));
    let metadata = fs::symlink_metadata(dir).map_err(error)?;
    let is_as_made = metadata.is_dir()
        && metadata.mode() & 0o777 == before
        && group.is_none_or(|group| group == metadata.gid());
    if !is_as_made || (before, group) == (mode, gid) {
        return Ok(());
    }
    if gid.is_some() {
        chown(dir, None, gid).map_err(error)?;
    }
    fs::set_permissions(dir, Permissions::from_mode(mode)).map_err(error)
}

fn make(dir: &Path, mode: u32, gid: Option<u32>) -> Result<(), SocketError> {
    let error = |source| SocketError::System { path: dir.to_owned(), source };
    match fs::symlink_metadata(dir) {
        Ok(_) => {}
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(mode).create(dir).map_err(error)?;
            if gid.is_some() {
                chown(dir, None, gid).map_err(error)?;
            }
            // The umask may have taken away what others need.
            fs::set_permissions(dir, Permissions::from_mode(mode)).map_err(error)?;
        }
        Err(problem) => return Err(error(problem)),
    }
    check(dir)
}

/// Checks that only root and the daemon's own user can change what is in a directory, and what
/// its path leads to.
fn check(dir: &Path) -> Result<(), SocketError> {
    let error = |source| SocketError::System { path: dir.to_owned(), source };
    let link = fs::symlink_metadata(dir).map_err(error)?;
    if link.is_symlink() && !is_ours(&link) {
        return Err(SocketError::Link { path: dir.to_owned(), uid: link.uid() });
    }
    let metadata = match fs::metadata(dir) {
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => {
            return Err(SocketError::NoDirectory(dir.to_owned()));
        }
        metadata => metadata.map_err(error)?,
    };
    if !metadata.is_dir() {
        return Err(SocketError::NotADirectory(dir.to_owned()));
    }
    if !is_ours(&metadata) {
        return Err(SocketError::Foreign { path: dir.to_owned(), uid: metadata.uid() });
    }
    if metadata.mode() & OTHERS_WRITE != 0 {
        return Err(SocketError::Exposed(dir.to_owned()));
    }
    // In a directory like /tmp, its sticky bit keeps others from moving what isn't theirs.
    let real = dir.canonicalize().map_err(error)?;
    for above in [dir.parent(), real.parent()].into_iter().flatten() {
        let mode = fs::metadata(above).map_err(error)?.mode();
        if mode & 0o002 != 0 && mode & 0o1000 == 0 {
            return Err(SocketError::Movable { path: dir.to_owned(), above: above.to_owned() });
        }
    }
    Ok(())
}

/// Tells whether something belongs to root or the daemon's own user.
pub(super) fn is_ours(metadata: &Metadata) -> bool {
    [0, rustix::process::geteuid().as_raw()].contains(&metadata.uid())
}
