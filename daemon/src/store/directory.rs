//! The state directory, held by one process at a time.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

use super::{
    OpenError,
    copy::{COPY, remove},
    mark::MARK,
    privacy,
    restore::RESTORED,
};

/// The database's name in the state directory.
pub const DATABASE: &str = "tokend.db";

/// What else may be there.
const FILES: [&str; 5] =
    ["tokend.db-wal", "tokend.db-journal", "tokend.db.new", "tokend.lock", MARK];

/// A state directory that no other process uses until this is dropped.
pub(super) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Checks that the directory is closed to other users, and locks it.
    pub(super) fn claim(path: &Path) -> Result<Self, OpenError> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => metadata,
            Ok(_) => {
                return Err(OpenError::NoDirectory { path: path.to_owned() });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(OpenError::NoDirectory { path: path.to_owned() });
            }
            Err(source) => return Err(OpenError::io(path, source)),
        };
        privacy::check(path, &metadata)?;
        Ok(Self { path: path.to_owned(), _lock: lock(path)? })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of the database.
    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// Returns the path at which a new database is made.
    pub(super) fn draft(&self) -> PathBuf {
        self.path.join("tokend.db.new")
    }

    /// Returns what SQLite would take for the log of a new database, or what would take its place,
    /// if it is there: it would be written over the new one.
    pub(super) fn leftover(&self) -> Option<PathBuf> {
        let names = ["tokend.db-wal", "tokend.db-journal", RESTORED];
        names.map(|name| self.path.join(name)).into_iter().find(|path| path.exists())
    }

    /// Checks that no other user can open a file of the store, if it is there: a backup may
    /// have been unpacked with other permissions.
    pub(super) fn check_files(&self) -> Result<(), OpenError> {
        for name in FILES {
            let path = self.path.join(name);
            match fs::metadata(&path) {
                Ok(metadata) => privacy::check(&path, &metadata)?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => return Err(OpenError::io(&path, source)),
            }
        }
        Ok(())
    }

    /// Removes what is left of copies that weren't finished.
    pub(super) fn clear(&self) -> Result<(), OpenError> {
        let io = |source| OpenError::io(&self.path, source);
        for entry in fs::read_dir(&self.path).map_err(io)? {
            let entry = entry.map_err(io)?;
            if entry.file_name().as_encoded_bytes().starts_with(COPY.as_bytes()) {
                remove(&entry.path()).map_err(io)?;
            }
        }
        Ok(())
    }

    /// Makes renames in the directory durable.
    pub(super) fn sync(&self) -> Result<(), OpenError> {
        File::open(&self.path)
            .and_then(|directory| directory.sync_all())
            .map_err(|source| OpenError::io(&self.path, source))
    }
}

/// Locks the directory by a file in it. The kernel ends the lock with the process,
/// so the file's being there means nothing, and it is never removed.
fn lock(directory: &Path) -> Result<File, OpenError> {
    let path = directory.join("tokend.lock");
    let io = |source| OpenError::io(&path, source);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(&path)
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // For the message only: the holder may be about to write it.
            let _ = (&file).take(16).read_to_string(&mut pid);
            let directory = directory.to_owned();
            return Err(OpenError::InUse { directory, pid: pid.trim().parse().ok() });
        }
        Err(fs::TryLockError::Error(source)) => return Err(io(source)),
    }
    file.set_len(0).map_err(io)?;
    // A full disk is no reason to refuse: it only costs the message its pid.
    let _ = writeln!(file, "{}", std::process::id());
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::{super::tests::closed_directory, *};

    #[test]
    fn one_claim_holds_at_a_time_and_says_whose_it_is() {
        let directory = closed_directory();
        let first = Directory::claim(directory.path()).unwrap();
        let error = Directory::claim(directory.path()).err().unwrap().to_string();
        let pid = std::process::id();
        let path = directory.path().display();
        assert!(error.starts_with(&format!("another tokend (pid {pid}) uses {path}")), "{error}");
        drop(first);
        Directory::claim(directory.path()).unwrap();
    }

    #[test]
    fn a_directory_that_is_missing_or_open_to_others_is_refused() {
        let directory = closed_directory();
        let missing = directory.path().join("missing");
        assert!(matches!(Directory::claim(&missing), Err(OpenError::NoDirectory { .. })));
        fs::create_dir(&missing).unwrap();
        fs::set_permissions(&missing, fs::Permissions::from_mode(0o750)).unwrap();
        let error = Directory::claim(&missing).err().unwrap().to_string();
        assert!(error.contains("chmod 700"), "{error}");
        assert_eq!(fs::read_dir(&missing).unwrap().count(), 0, "nothing was written");
    }

    #[test]
    fn a_lock_file_that_leads_elsewhere_is_not_followed() {
        let directory = closed_directory();
        let victim = directory.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        symlink(&victim, directory.path().join("tokend.lock")).unwrap();
        assert!(matches!(Directory::claim(directory.path()), Err(OpenError::Io { .. })));
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    }
}
