//! Files that are replaced as a whole: whoever reads one finds the old content or the new,
//! also after a crash.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use nix::unistd::{Gid, Uid};
use rustix::{
    fs::{
        AtFlags, FlockOperation, Mode, OFlags, fchmod, flock, openat, renameat, statat, unlinkat,
    },
    io::Errno,
};

/// Why a file can't be replaced.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// The path ends in no name.
    #[error("{} names no file", .0.display())]
    NoName(PathBuf),
    /// Something else than a file has the name.
    #[error("{} is {what}: name a file, or one that isn't there yet", path.display())]
    NotAFile { path: PathBuf, what: &'static str },
    /// Whatever is written there, anyone can put something else in its place.
    #[error("anyone can replace what is in {}: take away others' right to write there", .0.display())]
    Exposed(PathBuf),
    /// Another process writes it just now.
    #[error("another process writes {} just now: one is enough", .0.display())]
    Busy(PathBuf),
    /// The system refuses.
    #[error("can't {deed} {}", path.display())]
    System { deed: &'static str, path: PathBuf, source: io::Error },
}

/// A file that is replaced, and how it is to be.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    path: PathBuf,
    /// The directory and the file's name in it.
    directory: PathBuf,
    name: OsString,
    mode: u32,
    user: Option<Uid>,
    group: Option<Gid>,
}

impl Place {
    /// Takes a path for files that only their owner reads.
    pub(crate) fn new(path: &Path) -> Result<Self, Problem> {
        // A path that ends in a `/` or `..` names a directory.
        let is_file = !path.as_os_str().as_encoded_bytes().ends_with(b"/");
        let name = path.file_name().filter(|_| is_file);
        let name = name.ok_or_else(|| Problem::NoName(path.to_owned()))?.to_owned();
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        Ok(Self { path: path.to_owned(), directory, name, mode: 0o600, user: None, group: None })
    }

    /// Sets the permissions.
    pub(crate) fn mode(self, mode: u32) -> Self {
        Self { mode, ..self }
    }

    /// Sets who the file is given to.
    pub(crate) fn owner(self, user: Option<Uid>, group: Option<Gid>) -> Self {
        Self { user, group, ..self }
    }

    /// Puts `content` into the file's place.
    pub(crate) fn write(&self, content: &[u8]) -> Result<(), Problem> {
        let directory = self.open()?;
        self.check(&directory)?;
        // One name: what a crash leaves behind, the next write removes.
        let mut new = OsString::from(".");
        new.push(&self.name);
        new.push(".tokend-new");
        self.clear(&directory, &new)?;
        let file = self.create(&directory, &new)?;
        let written = self.fill(&file, content).and_then(|()| {
            let renamed = renameat(&directory, &new, &directory, &self.name);
            renamed.map_err(self.failed("replace"))
        });
        if written.is_err() {
            // What has failed already is the news.
            let _ = self.remove_from(&directory, &new);
        }
        written?;
        directory.sync_all().map_err(self.failed("write the directory of"))
    }

    /// Removes the file, if it is there.
    pub(crate) fn remove(&self) -> Result<(), Problem> {
        let directory = self.open()?;
        self.remove_from(&directory, &self.name)?;
        directory.sync_all().map_err(self.failed("write the directory of"))
    }

    fn open(&self) -> Result<File, Problem> {
        let source = match File::open(&self.directory) {
            Ok(directory) => return Ok(directory),
            Err(source) => source,
        };
        Err(Problem::System { deed: "open", path: self.directory.clone(), source })
    }

    /// Checks that the file can be trusted to stay what is written into it.
    fn check(&self, directory: &File) -> Result<(), Problem> {
        let about = directory.metadata().map_err(self.failed("look at the directory of"))?;
        if is_exposed(&about) {
            return Err(Problem::Exposed(self.directory.clone()));
        }
        let kind = match fs::symlink_metadata(&self.path) {
            Ok(there) => there.file_type(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(self.failed("look at")(error)),
        };
        let what = if kind.is_file() {
            return Ok(());
        } else if kind.is_symlink() {
            "a symbolic link"
        } else if kind.is_dir() {
            "a directory"
        } else if kind.is_fifo() || kind.is_socket() {
            "a pipe or a socket"
        } else {
            "a device"
        };
        Err(Problem::NotAFile { path: self.path.clone(), what })
    }

    /// Removes what a crash has left behind, but nothing that another process writes just now:
    /// that one would put what we write in place before it is complete.
    fn clear(&self, directory: &File, new: &OsStr) -> Result<(), Problem> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let left = match openat(directory, new, flags, Mode::empty()) {
            Ok(left) => File::from(left),
            Err(Errno::NOENT) => return Ok(()),
            Err(error @ (Errno::ACCESS | Errno::PERM)) => {
                return Err(self.failed("write beside")(error));
            }
            // It is a link or a socket, which nobody writes here.
            Err(_) => return self.remove_from(directory, new),
        };
        self.lock(&left)?;
        if self.is_there(directory, new, &left)? {
            self.remove_from(directory, new)
        } else {
            Ok(())
        }
    }

    /// Creates the new file, which is ours until it is closed.
    fn create(&self, directory: &File, new: &OsStr) -> Result<File, Problem> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let opened = openat(directory, new, flags | OFlags::CLOEXEC, Mode::from_raw_mode(0o600));
        let file = match opened {
            Ok(file) => File::from(file),
            Err(Errno::EXIST) => return Err(Problem::Busy(self.path.clone())),
            Err(error) => return Err(self.failed("write beside")(error)),
        };
        self.lock(&file)?;
        // Before it was locked, another process may have taken it for a left one.
        if self.is_there(directory, new, &file)? {
            Ok(file)
        } else {
            Err(Problem::Busy(self.path.clone()))
        }
    }

    /// Tells whether a file has this name.
    fn is_there(&self, directory: &File, name: &OsStr, file: &File) -> Result<bool, Problem> {
        let about = file.metadata().map_err(self.failed("look at"))?;
        let there = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
        Ok(there.is_ok_and(|there| there.st_ino == about.ino()))
    }

    fn lock(&self, file: &File) -> Result<(), Problem> {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Err(Problem::Busy(self.path.clone())),
            // Where there are no locks, one process at a time must do.
            _ => Ok(()),
        }
    }

    fn fill(&self, mut file: &File, content: &[u8]) -> Result<(), Problem> {
        file.write_all(content).map_err(self.failed("write"))?;
        if self.user.is_some() || self.group.is_some() {
            nix::unistd::fchown(file, self.user, self.group).map_err(self.failed("give away"))?;
        }
        fchmod(file, Mode::from_raw_mode(self.mode)).map_err(self.failed("set the mode of"))?;
        file.sync_all().map_err(self.failed("write"))
    }

    fn remove_from(&self, directory: &File, name: &OsStr) -> Result<(), Problem> {
        match unlinkat(directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(self.failed("remove")(error)),
        }
    }

    fn failed<E: Into<io::Error>>(&self, deed: &'static str) -> impl FnOnce(E) -> Problem {
        move |error| Problem::System { deed, path: self.path.clone(), source: error.into() }
    }
}

/// Tells whether anyone can replace what is in a directory.
pub(crate) fn is_exposed(directory: &fs::Metadata) -> bool {
    let is_sticky = directory.mode() & 0o1000 != 0;
    directory.mode() & 0o002 != 0 && !is_sticky
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn names(directory: &Path) -> Vec<OsString> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        // What a crash has left.
        fs::write(directory.path().join(".token.tokend-new"), "half of a to").unwrap();
        let place = Place::new(&path).unwrap().mode(0o640);
        place.write(b"first").unwrap();
        let mut reader = File::open(&path).unwrap();
        place.write(b"second").unwrap();
        let mut old = String::new();
        io::Read::read_to_string(&mut reader, &mut old).unwrap();
        assert_eq!((old.as_str(), fs::read(&path).unwrap().as_slice()), ("first", &b"second"[..]));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(names(directory.path()), ["token"]);
        place.remove().unwrap();
        place.remove().unwrap();
        assert!(names(directory.path()).is_empty());
    }

    #[test]
    fn a_link_at_the_file_or_beside_it_is_never_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (path, victim) = (directory.path().join("token"), directory.path().join("victim"));
        fs::write(&victim, "mine").unwrap();
        symlink(&victim, directory.path().join(".token.tokend-new")).unwrap();
        let place = Place::new(&path).unwrap();
        place.write(b"s3cret").unwrap();
        assert!(!fs::symlink_metadata(&path).unwrap().is_symlink());
        fs::remove_file(&path).unwrap();
        symlink(&victim, &path).unwrap();
        let refused = place.write(b"s3cret").unwrap_err();
        assert!(
            refused
                .to_string()
                .ends_with("token is a symbolic link: name a file, or one that isn't there yet")
        );
        assert_eq!(fs::read(&victim).unwrap(), b"mine");
        assert_eq!(names(directory.path()), ["token", "victim"]);
    }

    #[test]
    fn where_anyone_can_replace_it_no_secret_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let open = |mode| {
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).unwrap();
            Place::new(&directory.path().join("token")).unwrap().write(b"s3cret")
        };
        assert!(matches!(open(0o777), Err(Problem::Exposed(_))));
        assert!(names(directory.path()).is_empty());
        assert!(open(0o1777).is_ok());
    }

    #[test]
    fn what_another_process_writes_just_now_is_left_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::new(&directory.path().join("token")).unwrap();
        let new = OsStr::new(".token.tokend-new");
        let other = place.create(&place.open().unwrap(), new).unwrap();
        assert!(matches!(place.write(b"second"), Err(Problem::Busy(_))));
        assert_eq!(names(directory.path()), [new]);
        // It has ended, and left that.
        drop(other);
        place.write(b"second").unwrap();
        assert_eq!(names(directory.path()), ["token"]);
    }

    #[test]
    fn a_file_that_many_write_at_once_is_whole_all_the_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let content = |writer: u8| vec![b'a' + writer; 10_000];
        let place = Place::new(&path).unwrap();
        place.write(&content(0)).unwrap();
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..4)
                .map(|writer| {
                    let place = &place;
                    scope.spawn(move || {
                        for _ in 0..25 {
                            let written = place.write(&content(writer));
                            assert!(matches!(written, Ok(()) | Err(Problem::Busy(_))));
                        }
                    })
                })
                .collect();
            while !writers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                let seen = fs::read(&path).unwrap();
                assert_eq!(seen.len(), 10_000);
                assert!(seen.iter().all(|byte| *byte == seen[0]));
            }
        });
    }

    #[test]
    fn what_names_no_file_is_refused() {
        for path in ["/", "..", "a/", "a/.."] {
            assert!(matches!(Place::new(Path::new(path)), Err(Problem::NoName(_))), "{path}");
        }
        let directory = tempfile::tempdir().unwrap();
        let refused = Place::new(directory.path()).unwrap().write(b"x").unwrap_err();
        assert!(refused.to_string().contains("is a directory: "), "{refused}");
        assert!(Place::new(Path::new("/dev/null")).unwrap().write(b"x").is_err());
    }
}
