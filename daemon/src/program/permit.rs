//! Decides whether a program may be run: others must not be able to change it.

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Access, access},
    process::geteuid,
};

/// What group and others need to change a file.
const OTHERS_WRITE: u32 = 0o022;

/// Marks a directory whose files only their owners can delete or replace.
const STICKY: u32 = 0o1000;

/// A program that isn't run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PermitError {
    #[error("{} isn't an absolute path, so no program", .0.display())]
    Relative(PathBuf),
    #[error("can't find {}: {source}", .path.display())]
    NotFound { path: PathBuf, source: io::Error },
    #[error("{} isn't executable for this daemon's user", .0.display())]
    NotExecutable(PathBuf),
    #[error("{} is writable by others: run `chmod go-w` on it", .0.display())]
    Writable(PathBuf),
    #[error("{} belongs neither to root nor to this daemon's user: run `chown` on it", .0.display())]
    Foreign(PathBuf),
}

/// Checks the file of a program and the directories that lead to it. Returns the file
/// itself, with no symbolic link on the way that could change meanwhile.
pub(super) fn permit(path: &Path) -> Result<PathBuf, PermitError> {
    if !path.is_absolute() {
        return Err(PermitError::Relative(path.to_owned()));
    }
    let not_found = |source| PermitError::NotFound { path: path.to_owned(), source };
    let file = fs::canonicalize(path).map_err(not_found)?;
    for place in file.ancestors() {
        check(place, &fs::metadata(place).map_err(not_found)?)?;
    }
    if !file.is_file() || access(&file, Access::EXEC_OK).is_err() {
        return Err(PermitError::NotExecutable(path.to_owned()));
    }
    Ok(file)
}

/// Checks that nobody else can change a file, or put another in a directory.
fn check(place: &Path, metadata: &Metadata) -> Result<(), PermitError> {
    let mode = metadata.permissions().mode();
    // What is in a sticky directory can only be changed by its owner.
    let is_sticky = metadata.is_dir() && mode & STICKY != 0;
    if mode & OTHERS_WRITE != 0 && !is_sticky {
        return Err(PermitError::Writable(place.to_owned()));
    }
    if ![0, geteuid().as_raw()].contains(&metadata.uid()) {
        return Err(PermitError::Foreign(place.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};

    use super::*;

    #[test]
    fn a_program_that_others_can_change_or_nobody_can_run_is_refused_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("login");
        let told = |path: &Path| match permit(path) {
            Ok(_) => "permitted".to_owned(),
            Err(error) => error.to_string().replace(&path.display().to_string(), "PATH"),
        };
        assert!(told(&path).starts_with("can't find PATH: No such file"));
        fs::write(&path, "#!/bin/sh\n").unwrap();
        for (mode, expected) in [
            (0o600, "PATH isn't executable for this daemon's user"),
            (0o720, "PATH is writable by others: run `chmod go-w` on it"),
            (0o702, "PATH is writable by others: run `chmod go-w` on it"),
            (0o755, "permitted"),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(told(&path), expected, "{mode:o}");
        }
        assert_eq!(told(Path::new("login")), "PATH isn't an absolute path, so no program");
        assert_eq!(told(Path::new("/etc")), "PATH isn't executable for this daemon's user");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let writable =
            format!("{} is writable by others: run `chmod go-w` on it", dir.path().display());
        assert_eq!(told(&path), writable);
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        assert_eq!(told(&path), "permitted", "nobody else can replace it");
        // Only root can give a file away.
        if chown(&path, Some(65_534), None).is_ok() {
            let foreign =
                "PATH belongs neither to root nor to this daemon's user: run `chown` on it";
            assert_eq!(told(&path), foreign);
        }
    }

    #[test]
    fn a_symbolic_link_is_followed_once() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("login"), dir.path().join("link"));
        fs::write(&file, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        symlink(&file, &link).unwrap();
        assert_eq!(permit(&link).unwrap(), fs::canonicalize(file).unwrap());
    }
}
