//! Where a declared secret is: never in the file itself.

use std::{path::PathBuf, time::Duration};

use jiff::SignedDuration;
use serde::Deserialize;
use tokend_provider::Suggestion;

use crate::credential::{MAX_AGE, Source};

/// Where a declared secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// In a file or on the output of a command, which the daemon minds from then on.
    Source(Source),
    /// In a credential of the daemon's own unit, by systemd's name for it.
    Credential(String),
    /// In a variable of the environment.
    Env(String),
}

/// What is said to whoever writes a secret, and to whoever writes none of what can refer to one.
pub(super) const HOW: &str = "say where it is: { file = \"/..\" }, { credential = \"..\" } (of \
    systemd's), { env = \"..\" } or { command = [\"/..\", ..] }";

/// The keys of a reference, for suggestions.
const KEYS: [&str; 5] = ["file", "credential", "env", "command", "max_age"];

/// A reference as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    file: Option<PathBuf>,
    credential: Option<String>,
    env: Option<String>,
    command: Option<Vec<String>>,
    max_age: Option<String>,
}

impl Form {
    /// Returns what is wrong with a key that isn't one. A key is shown: nobody takes it for the
    /// place of a secret.
    pub(super) fn unknown(key: &str) -> String {
        format!("unknown key `{key}`{}", Suggestion::among(key, KEYS))
    }

    pub(super) fn knows(key: &str) -> bool {
        KEYS.contains(&key)
    }

    /// Returns what it refers to.
    pub(super) fn reference(self) -> Result<Reference, String> {
        let Self { file, credential, env, command, max_age } = self;
        if max_age.is_some() && command.is_none() {
            return Err("max_age goes with `command` alone".to_owned());
        }
        match (file, credential, env, command) {
            (Some(path), None, None, None) if path.is_absolute() => {
                Ok(Reference::Source(Source::File(path)))
            }
            (Some(path), None, None, None) => {
                Err(format!("the file {:?} isn't an absolute path", path.display().to_string()))
            }
            (None, Some(name), None, None) => {
                if name.is_empty() || name.contains('/') || name.starts_with('.') {
                    return Err(format!("{name:?} isn't the name of a credential of systemd's"));
                }
                Ok(Reference::Credential(name))
            }
            (None, None, Some(name), None) => {
                if name.is_empty() || name.contains(['=', '\0']) {
                    return Err(format!("{name:?} isn't the name of a variable"));
                }
                Ok(Reference::Env(name))
            }
            (None, None, None, Some(words)) => {
                if !words.first().is_some_and(|program| program.starts_with('/')) {
                    return Err("a command starts with the absolute path of a program".to_owned());
                }
                let max_age = max_age.as_deref().map_or(Some(MAX_AGE), age);
                let max_age = max_age.ok_or("max_age is a time such as \"5m\", 1s at least")?;
                Ok(Reference::Source(Source::Command { words, max_age }))
            }
            (None, None, None, None) => Err(HOW.to_owned()),
            _ => Err("a secret is in one place: leave the others out".to_owned()),
        }
    }
}

/// Parses a time as people write it; less than a second would be no pause.
fn age(text: &str) -> Option<Duration> {
    let age: SignedDuration = text.parse().ok()?;
    Duration::try_from(age).ok().filter(|age| *age >= Duration::from_secs(1))
}
