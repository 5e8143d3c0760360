//! Decides whether a program may be run: others must not be able to change it.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Access, access},
    process::geteuid,
};

/// What group and others need to change a file.
const OTHERS_WRITE: u32 = 0o022;

/// A program that isn't run.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum PermitError {
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

/// Checks the file of a program.
pub(super) fn permit(path: &Path) -> Result<(), PermitError> {
    if !path.is_absolute() {
        return Err(PermitError::Relative(path.to_owned()));
    }
    let metadata = fs::metadata(path)
        .map_err(|source| PermitError::NotFound { path: path.to_owned(), source })?;
    if metadata.permissions().mode() & OTHERS_WRITE != 0 {
        return Err(PermitError::Writable(path.to_owned()));
    }
    if ![0, geteuid().as_raw()].contains(&metadata.uid()) {
        return Err(PermitError::Foreign(path.to_owned()));
    }
    if !metadata.is_file() || access(path, Access::EXEC_OK).is_err() {
        return Err(PermitError::NotExecutable(path.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::chown;

    use super::*;

    #[test]
    fn a_program_that_others_can_change_or_nobody_can_run_is_refused_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("login");
        let told = |path: &Path| match permit(path) {
            Ok(()) => "permitted".to_owned(),
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
        // Only root can give a file away.
        if chown(&path, Some(65_534), None).is_ok() {
            let foreign =
                "PATH belongs neither to root nor to this daemon's user: run `chown` on it";
            assert_eq!(told(&path), foreign);
        }
    }
}
