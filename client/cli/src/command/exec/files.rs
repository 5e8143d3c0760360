//! Tokens in files in memory, kept current while a program runs.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use nix::{
    sys::{
        signal::Signal,
        statfs::{TMPFS_MAGIC, statfs},
    },
    unistd::geteuid,
};
use tempfile::TempDir;
use tokend_client::Token;
use tokio::process::Child;

use super::{Gift, status};
use crate::{
    command::unwritten::Unwritten,
    exit::Exit,
    failure::{self, Failure},
    follow::{Follow, News},
    replace::{Place, Problem, is_exposed},
    signals::{self, Signals},
};

/// The files, which go with their directory when this is dropped.
pub(super) struct Files {
    directory: TempDir,
    gifts: Vec<Gift>,
}

impl Files {
    /// Makes a directory for them in `parent`, else in memory.
    pub(super) fn make(parent: Option<&Path>, gifts: Vec<Gift>) -> Result<Self, Failure> {
        let parent = match parent {
            Some(parent) if fs::metadata(parent).is_ok_and(|about| is_exposed(&about)) => {
                return Err(Problem::Exposed(parent.to_owned()).into());
            }
            Some(parent) => parent.to_owned(),
            None => candidates().into_iter().find(|path| is_fit(path)).ok_or(Failure::NoMemory)?,
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix("tokend-exec-").permissions(Permissions::from_mode(0o700));
        let made = builder.tempdir_in(&parent);
        let directory = made.map_err(|source| {
            Failure::File(Problem::System { deed: "make a directory in", path: parent, source })
        })?;
        Ok(Self { directory, gifts })
    }

    /// Returns the variables and the paths that they tell.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        self.gifts.iter().map(|gift| (gift.variable.as_str(), self.path(gift)))
    }

    /// Writes the files of all tokens.
    pub(super) fn fill(&self, tokens: &BTreeMap<String, Token>) -> Result<(), Failure> {
        tokens.iter().try_for_each(|(name, token)| self.write(name, token))
    }

    fn write(&self, name: &str, token: &Token) -> Result<(), Failure> {
        for gift in self.gifts.iter().filter(|gift| gift.name == name) {
            let content = gift.part.bytes(name, token)?;
            Place::new(&self.path(gift))?.write(&content)?;
        }
        Ok(())
    }

    fn path(&self, gift: &Gift) -> PathBuf {
        self.directory.path().join(&gift.variable)
    }
}

/// Passes signals on to the program and keeps its files current until it ends; with `notice`, it
/// gets that signal for each file that was replaced.
pub(super) async fn keep(
    files: Files,
    mut child: Child,
    mut received: Signals,
    mut follow: Follow,
    notice: Option<Signal>,
) -> Result<Exit, Failure> {
    let mut unwritten = Unwritten::default();
    loop {
        let (name, token) = tokio::select! {
            ended = child.wait() => return Ok(status(ended.map_err(Failure::Start)?)),
            came = received.next() => {
                if !came.reached_all {
                    signals::send(&child, came.signal);
                }
                continue;
            }
            due = unwritten.next() => due,
            Some(news) = follow.next() => match news {
                News::Token(name, token) => (name, *token),
                News::Absent(name, error) => {
                    unwritten.forget(&name);
                    failure::tell(&Failure::about(&name)(error));
                    continue;
                }
                News::Lost(error) => {
                    failure::tell(&Failure::Waiting(error));
                    continue;
                }
                // The program goes on with what it has.
                News::Ended(error) => {
                    failure::tell(&error.into());
                    continue;
                }
            },
        };
        match files.write(&name, &token) {
            Ok(()) => {
                unwritten.forget(&name);
                if let Some(signal) = notice {
                    signals::send(&child, signal);
                }
            }
            Err(failure) => unwritten.put(name, token, &failure),
        }
    }
}

/// Returns the directories that should be in memory, the best one first.
fn candidates() -> Vec<PathBuf> {
    let own = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let usual = PathBuf::from(format!("/run/user/{}", geteuid()));
    own.into_iter().chain([usual, PathBuf::from("/dev/shm")]).collect()
}

/// Tells whether a directory is in memory, and nobody else can put another in the place of what
/// is made in it. Under sudo, `XDG_RUNTIME_DIR` may be another user's.
fn is_fit(path: &Path) -> bool {
    let in_memory = statfs(path).is_ok_and(|system| system.filesystem_type() == TMPFS_MAGIC);
    let safe = fs::metadata(path).is_ok_and(|about| {
        let is_sticky = about.mode() & 0o1000 != 0;
        let is_own = about.uid() == geteuid().as_raw();
        (is_own || about.uid() == 0) && (about.mode() & 0o022 == 0 || is_sticky)
    });
    path.is_absolute() && in_memory && safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_in_memory_where_nobody_else_can_put_others() {
        let memory = Path::new("/dev/shm");
        assert!(is_fit(memory));
        for path in ["/proc", "relative", "/no/such/directory"] {
            assert!(!is_fit(Path::new(path)), "{path}");
        }
        let open = tempfile::tempdir_in(memory).unwrap();
        fs::set_permissions(open.path(), Permissions::from_mode(0o777)).unwrap();
        assert!(!is_fit(open.path()));
        let refused = Files::make(Some(open.path()), Vec::new()).err();
        assert!(matches!(refused, Some(Failure::File(Problem::Exposed(_)))));
        let files = Files::make(Some(memory), Vec::new()).unwrap();
        let mode = fs::metadata(files.directory.path()).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
