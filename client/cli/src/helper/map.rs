//! The file that says which credential is for which host.

use std::{
    env, fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use crate::{helper::Problem, host::Host};

/// The machine's file, for hosts that the user's doesn't name.
const SYSTEM: &str = "/etc/tokend/hosts";

/// Which credential is for a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) host: Host,
    pub(super) credential: String,
    /// The user's name to go with the token.
    pub(super) username: Option<String>,
}

/// The entries in their order; the first that covers a host counts.
#[derive(Debug, Default)]
pub(super) struct Map {
    entries: Vec<Entry>,
}

impl Entry {
    pub(super) fn new(host: Host, credential: &str) -> Self {
        Self { host, credential: credential.to_owned(), username: None }
    }
}

impl Map {
    /// Reads the user's file and the machine's; either may be missing.
    pub(super) fn of_this_process() -> Result<Self, Problem> {
        let mut map = Self::default();
        for path in own().into_iter().chain([PathBuf::from(SYSTEM)]) {
            // What isn't a file may have no end, or never begin.
            let read = fs::metadata(&path).and_then(|found| {
                if !found.is_file() {
                    return Err(io::Error::other("it isn't a file"));
                }
                fs::read_to_string(&path)
            });
            match read {
                Ok(text) => map.add(&text, &path)?,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(source) => return Err(Problem::Map { path, source }),
            }
        }
        Ok(map)
    }

    pub(super) fn find(&self, host: &Host) -> Option<Entry> {
        self.entries.iter().find(|entry| entry.host.covers(host)).cloned()
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn add(&mut self, text: &str, path: &Path) -> Result<(), Problem> {
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            let words: Vec<&str> = line.split_whitespace().collect();
            let (host, credential, username) = match words[..] {
                [] => continue,
                [host, credential] => (host, credential, None),
                [host, credential, name] => (host, credential, Some(name.to_owned())),
                // No host is empty.
                _ => ("", "", None),
            };
            match host.parse() {
                Ok(host) => {
                    self.entries.push(Entry { username, ..Entry::new(host, credential) });
                }
                Err(_) => return Err(Problem::MapLine { path: path.into(), line: number + 1 }),
            }
        }
        Ok(())
    }
}

/// Returns the path of the user's file (XDG base directory specification).
fn own() -> Option<PathBuf> {
    let set = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
    base.map(|base| base.join("tokend/hosts"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(text: &str) -> Result<Map, String> {
        let mut map = Map::default();
        map.add(text, Path::new("/hosts")).map_err(|problem| problem.to_string())?;
        Ok(map)
    }

    #[test]
    fn the_first_line_that_covers_a_host_counts() {
        let map = map("# where what goes\n\n\
                       ghcr.io        github   # images, too\n\
                       eu.pkg.dev     europe   someone\n\
                       .pkg.dev       google\n")
        .unwrap();
        for (host, found) in [
            ("ghcr.io", Some(("github", None))),
            ("eu.pkg.dev", Some(("europe", Some("someone")))),
            ("us.pkg.dev", Some(("google", None))),
            ("pkg.dev", None),
            ("github.com", None),
        ] {
            let entry = map.find(&host.parse().unwrap());
            let entry = entry.map(|entry| (entry.credential, entry.username));
            let found = found.map(|(name, user)| (name.to_owned(), user.map(str::to_owned)));
            assert_eq!(entry, found, "{host}");
        }
    }

    #[test]
    fn a_line_that_is_no_entry_is_told_by_its_number() {
        for text in ["ghcr.io", "\na b c d", "ghcr.io a\nhttps:// github", ". github"] {
            let line = text.lines().count();
            let message = format!("line {line} of /hosts isn't HOST CREDENTIAL [USERNAME]");
            assert_eq!(map(text).map(|map| map.entries), Err(message));
        }
    }
}
