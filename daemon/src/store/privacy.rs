//! Tells whether other users could get at a file or a directory.

use std::{
    fs::{DirBuilder, File, Metadata, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Other users could get at what must be tokend's alone.
#[derive(Debug, thiserror::Error)]
pub enum Exposed {
    /// It belongs to someone else.
    #[error(
        "{} belongs to uid {uid}, who is neither you nor root: run this as that user, \
         or give it to yours with chown",
        .path.display()
    )]
    Owner {
        /// What.
        path: PathBuf,
        /// Whose.
        uid: u32,
    },
    /// Its permissions let others in.
    #[error(
        "{} is open to other users (mode {mode:04o}): run `chmod {wanted:o} {}`",
        .path.display(), .path.display()
    )]
    Mode {
        /// What.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// The permissions that it should have.
        wanted: u32,
    },
}

/// Refuses what belongs to another user or lets others in.
pub(super) fn check(path: &Path, metadata: &Metadata) -> Result<(), Exposed> {
    check_bits(path, metadata, 0o077)
}

/// Refuses a credential of systemd's that belongs to another user or lets everyone in. What
/// stands for the group there is the mask of an access list that names the unit's user.
pub(super) fn check_credential(path: &Path, metadata: &Metadata) -> Result<(), Exposed> {
    check_bits(path, metadata, 0o007)
}

fn check_bits(path: &Path, metadata: &Metadata, others: u32) -> Result<(), Exposed> {
    let path = || path.to_owned();
    let (uid, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    if uid != 0 && uid != rustix::process::geteuid().as_raw() {
        return Err(Exposed::Owner { path: path(), uid });
    }
    if mode & others != 0 {
        let wanted = if metadata.is_dir() { 0o700 } else { 0o600 };
        return Err(Exposed::Mode { path: path(), mode, wanted });
    }
    Ok(())
}

/// Makes a directory that only its owner can enter, unless there is one.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().recursive(true).mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Makes a file that only its owner can open. It must not exist.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    // An odd umask may have taken from the owner's permissions too.
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_can_open_is_refused_with_the_command_that_mends_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let file = create(&path).unwrap();
        for mode in [0o600, 0o400, 0o700] {
            file.set_permissions(Permissions::from_mode(mode)).unwrap();
            check(&path, &file.metadata().unwrap()).unwrap();
        }
        for mode in [0o640, 0o604, 0o601, 0o620] {
            file.set_permissions(Permissions::from_mode(mode)).unwrap();
            let error = check(&path, &file.metadata().unwrap()).unwrap_err().to_string();
            assert!(error.contains(&format!("(mode {mode:04o})")), "{error}");
            assert!(error.ends_with(&format!("run `chmod 600 {}`", path.display())), "{error}");
        }
    }

    #[test]
    fn a_file_is_made_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        create(&path).unwrap();
        assert_eq!(create(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
}
