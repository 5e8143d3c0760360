//! Files of certificates and keys.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

/// No file of certificates is larger.
const LARGEST: u64 = 1 << 20;

/// A file that can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error("can't read {key} {}: {source}", .path.display())]
    Unreadable { key: &'static str, path: PathBuf, source: io::Error },
    #[error("{key} {} isn't a file of at most 1 MiB", .path.display())]
    NotAFile { key: &'static str, path: PathBuf },
}

/// Reads the file that a key of the definition names.
pub(super) fn read(key: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let unreadable = |source| FileError::Unreadable { key, path: path.to_owned(), source };
    // Asked before opening: to open a named pipe would wait for its writer.
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err(FileError::NotAFile { key, path: path.to_owned() });
    }
    fs::read(path).map(Zeroizing::new).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_read_is_named_and_nothing_else_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let message_of = |path: &Path| {
            let message = read("ca_file", path).unwrap_err().to_string();
            message.replace(&path.display().to_string(), "PATH")
        };
        let path = dir.path().join("ca.pem");
        assert!(message_of(&path).starts_with("can't read ca_file PATH: No such file"));
        assert_eq!(message_of(dir.path()), "ca_file PATH isn't a file of at most 1 MiB");
        let pipe = dir.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert_eq!(message_of(&pipe), "ca_file PATH isn't a file of at most 1 MiB");
    }
}
