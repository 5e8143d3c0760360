//! The configuration file.

use std::{
    borrow::Cow,
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::SignedDuration;
use serde::{Deserialize, de::IntoDeserializer};
use tokend_provider::{Place, Suggestion, in_words};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};
use tracing_subscriber::EnvFilter;

use super::{error::ConfigError, listener::Listener, metrics::Metrics};
use crate::{ports::Mistake, store::KeySource};

/// The longest time that a unit's start can be made to wait: who waits for longer has a
/// provider that is down for good.
const LONGEST_UNIT_WAIT: Duration = Duration::from_secs(3_600);

/// All keys, for whoever misspells one.
const KEYS: [&str; 14] = [
    "state_dir",
    "runtime_dir",
    "key_file",
    "key_source",
    "mark_file",
    "provider_dirs",
    "credential_dirs",
    "socket_group",
    "log",
    "on_login_needed",
    "revoke_on_shutdown",
    "unit_wait",
    "metrics",
    "listener",
];

/// `tokend.toml`. Every key can be left out.
#[derive(Debug, Default)]
#[expect(clippy::struct_field_names, reason = "the fields are the file's keys")]
pub(super) struct File {
    pub(super) state_dir: Option<PathBuf>,
    pub(super) runtime_dir: Option<PathBuf>,
    pub(super) key_file: Option<PathBuf>,
    pub(super) key_source: Option<String>,
    pub(super) mark_file: Option<PathBuf>,
    pub(super) provider_dirs: Option<Vec<PathBuf>>,
    pub(super) credential_dirs: Option<Vec<PathBuf>>,
    pub(super) socket_group: Option<String>,
    pub(super) log: Option<String>,
    pub(super) on_login_needed: Option<Vec<String>>,
    pub(super) revoke_on_shutdown: Option<bool>,
    pub(super) unit_wait: Option<Duration>,
    pub(super) metrics: Option<Metrics>,
    /// Each with its place.
    pub(super) listeners: Vec<(Listener, Option<Place>)>,
}

/// Reads a text, and goes on at each mistake.
struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    mistakes: Vec<Mistake>,
}

type Value<'a> = Spanned<DeValue<'a>>;

impl File {
    /// Reads a file that must be there.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(path, &text).map_err(ConfigError::Mistaken)
    }

    /// Reads a file, or returns the defaults if it isn't there.
    pub(super) fn read_if_there(path: &Path) -> Result<Self, ConfigError> {
        match Self::read(path) {
            Err(ConfigError::Unreadable { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                Ok(Self::default())
            }
            result => result,
        }
    }

    /// Returns where the key is, if the file says; `credentials` is the directory with the
    /// unit's credentials.
    pub(super) fn key(&self, credentials: Option<&Path>) -> Option<KeySource> {
        let by_path = self.key_file.clone().map(KeySource::File);
        by_path.or_else(|| KeySource::parse(self.key_source.as_deref()?, credentials))
    }

    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, Vec<Mistake>> {
        let mut reader = Reader { path, text, mistakes: Vec::new() };
        let (table, faults) = DeTable::parse_recoverable(text);
        for fault in faults {
            reader.fault(&fault, 0..0);
        }
        let mut file = Self::default();
        if reader.mistakes.is_empty() {
            for (key, value) in table.into_inner() {
                reader.key(&mut file, &key, value);
            }
        }
        if reader.mistakes.is_empty() { Ok(file) } else { Err(reader.mistakes) }
    }
}

impl Reader<'_> {
    fn directories(&mut self, key: &'static str, value: Value<'_>) -> Option<Vec<PathBuf>> {
        let directories: Vec<Spanned<PathBuf>> = self.taken(value)?;
        for directory in &directories {
            if let Some(problem) = relative(key, directory.get_ref()) {
                self.note(&directory.span(), problem);
            }
        }
        Some(directories.into_iter().map(Spanned::into_inner).collect())
    }

    fn key(&mut self, file: &mut File, key: &Spanned<Cow<'_, str>>, value: Value<'_>) {
        match &**key.get_ref() {
            "state_dir" => file.state_dir = self.own("state_dir", value),
            "runtime_dir" => file.runtime_dir = self.own("runtime_dir", value),
            "mark_file" => file.mark_file = self.own("mark_file", value),
            "key_file" => {
                self.exclude(file.key_source.is_some(), key);
                file.key_file = self.own("key_file", value);
            }
            "key_source" => {
                self.exclude(file.key_file.is_some(), key);
                file.key_source = self.checked(value, |text: &String| {
                    KeySource::parse(text, None).is_none().then(|| {
                        format!(
                            "key_source is {text:?}; give \"file:\" and an absolute path, \
                             \"credential:\" and the name of a credential of systemd's, or \
                             \"passphrase\""
                        )
                    })
                });
            }
            "provider_dirs" => {
                file.provider_dirs = self.directories("provider_dirs", value);
            }
            "credential_dirs" => {
                file.credential_dirs = self.directories("credential_dirs", value);
            }
            "socket_group" => file.socket_group = self.taken(value),
            "log" => {
                file.log = self.checked(value, |log: &String| {
                    let problem = EnvFilter::try_new(log).err()?;
                    Some(format!("log is {log:?}, which isn't a filter: {problem}"))
                });
            }
            "on_login_needed" => {
                file.on_login_needed = self.checked(value, |command: &Vec<String>| {
                    command.first().is_none_or(String::is_empty).then(|| {
                        "on_login_needed names no program; write it with its arguments, as in \
                         [\"notify-send\", \"tokend\", \"a login is needed\"]"
                            .to_owned()
                    })
                });
            }
            "revoke_on_shutdown" => file.revoke_on_shutdown = self.taken(value),
            "unit_wait" => {
                let text = self.checked(value, |text: &String| {
                    let message = || {
                        format!("unit_wait is {text:?}; give a time of at most 1h, such as \"60s\"")
                    };
                    time(text).is_none().then(message)
                });
                file.unit_wait = text.as_deref().and_then(time);
            }
            "metrics" => {
                let text = self.checked(value, |text: &String| {
                    text.parse::<Metrics>().err().map(|problem| problem.to_string())
                });
                file.metrics = text.and_then(|text| text.parse().ok());
            }
            "listener" => self.listeners(file, value),
            unknown => {
                let message =
                    format!("unknown key `{unknown}`{}", Suggestion::among(unknown, KEYS));
                self.note(&key.span(), message);
            }
        }
    }

    fn listeners(&mut self, file: &mut File, value: Value<'_>) {
        let span = value.span();
        let DeValue::Array(listeners) = value.into_inner() else {
            return self.note(&span, "write a listener as a table, under [[listener]]".to_owned());
        };
        for listener in listeners {
            let place = Place::find(self.text, &listener.span());
            if let Some(listener) = self.taken(listener) {
                file.listeners.push((listener, place));
            }
        }
    }

    /// Takes the path of a file or a directory that is tokend's own.
    fn own(&mut self, key: &str, value: Value<'_>) -> Option<PathBuf> {
        self.checked(value, |path: &PathBuf| {
            if path == Path::new("/") {
                return Some(format!("{key} is \"/\"; give it a directory of its own"));
            }
            relative(key, path)
        })
    }

    fn exclude(&mut self, is_there: bool, key: &Spanned<Cow<'_, str>>) {
        if is_there {
            let message = "key_file and key_source both say where the key is; leave one out";
            self.note(&key.span(), message.to_owned());
        }
    }

    /// Takes a value; `problem` says what is wrong with one of the right type.
    fn checked<T: for<'de> Deserialize<'de>>(
        &mut self,
        value: Value<'_>,
        problem: impl FnOnce(&T) -> Option<String>,
    ) -> Option<T> {
        let span = value.span();
        let taken = self.taken(value)?;
        if let Some(problem) = problem(&taken) {
            self.note(&span, problem);
        }
        Some(taken)
    }

    fn taken<T: for<'de> Deserialize<'de>>(&mut self, value: Value<'_>) -> Option<T> {
        let span = value.span();
        let taken = T::deserialize(value.into_deserializer());
        taken.map_err(|fault| self.fault(&fault, span)).ok()
    }

    fn fault(&mut self, fault: &toml::de::Error, span: Range<usize>) {
        self.note(&fault.span().unwrap_or(span), in_words(fault.message()));
    }

    fn note(&mut self, span: &Range<usize>, message: String) {
        let place = Place::find(self.text, span);
        self.mistakes.push(Mistake { path: Some(self.path.to_owned()), place, message });
    }
}

fn relative(key: &str, path: &Path) -> Option<String> {
    let message = || format!("{key} is {:?}; give an absolute path", path.display());
    path.is_relative().then(message)
}

/// Parses a time as people write it, `90s` or `1m 30s`.
fn time(text: &str) -> Option<Duration> {
    let time: SignedDuration = text.parse().ok()?;
    Duration::try_from(time).ok().filter(|time| *time <= LONGEST_UNIT_WAIT)
}

#[cfg(test)]
mod tests;
