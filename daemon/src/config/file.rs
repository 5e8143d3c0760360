//! The configuration file.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::SignedDuration;
use serde::Deserialize;

use super::{
    listener::{Listener, ListenerConflict},
    metrics::{Metrics, MetricsError},
};
use crate::store::KeySource;

/// The longest time that a unit's start can be made to wait: who waits for longer has a
/// provider that is down for good.
const LONGEST_UNIT_WAIT: Duration = Duration::from_secs(3_600);

/// `tokend.toml`. Every key can be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the fields are the file's keys")]
pub(super) struct File {
    pub(super) state_dir: Option<PathBuf>,
    pub(super) runtime_dir: Option<PathBuf>,
    pub(super) key_file: Option<PathBuf>,
    pub(super) key_source: Option<String>,
    pub(super) mark_file: Option<PathBuf>,
    pub(super) provider_dirs: Option<Vec<PathBuf>>,
    pub(super) socket_group: Option<String>,
    pub(super) log: Option<String>,
    pub(super) on_login_needed: Option<Vec<String>>,
    pub(super) revoke_on_shutdown: Option<bool>,
    pub(super) unit_wait: Option<String>,
    pub(super) metrics: Option<String>,
    #[serde(default, rename = "listener")]
    pub(super) listeners: Vec<Listener>,
}

/// The configuration can't be had.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("can't read the configuration {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file isn't right.
    #[error("{}: {}", path.display(), problem.to_string().trim_end())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        problem: Box<toml::de::Error>,
    },
    /// A path in the file isn't absolute.
    #[error("{}: {key} is {:?}; give an absolute path", path.display(), value.display())]
    Relative {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// Its value.
        value: PathBuf,
    },
    /// A directory of tokend's is the root directory.
    #[error("{}: {key} is \"/\"; give it a directory of its own", path.display())]
    Root {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
    },
    /// A hook names no program.
    #[error("{}: {key} names no program; write it with its arguments, as in \
             [\"notify-send\", \"tokend\", \"a login is needed\"]", path.display())]
    NoProgram {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
    },
    /// The source of the key can't be read.
    #[error(
        "{}: key_source is {value:?}; give \"file:\" and an absolute path, \"credential:\" and the \
         name of a credential of systemd's, or \"passphrase\"", path.display()
    )]
    NoSource {
        /// The file.
        path: PathBuf,
        /// Its value.
        value: String,
    },
    /// What stands on the command line is no source of a key.
    #[error("{value:?} is no source of a key; give file:/PATH, credential:NAME or passphrase")]
    UnknownSource {
        /// What stands there.
        value: String,
    },
    /// The key is said to be in two places.
    #[error("{}: key_file and key_source both say where the key is; leave one out", path.display())]
    TwoSources {
        /// The file.
        path: PathBuf,
    },
    /// Listeners get in each other's way.
    #[error("{}: {conflict}", path.display())]
    Listeners {
        /// The file.
        path: PathBuf,
        /// How.
        conflict: ListenerConflict,
    },
    /// A time can't be read, or it is too long.
    #[error("{}: {key} is {value:?}; give a time of at most 1h, such as \"60s\"", path.display())]
    NoTime {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
    },
    /// Metrics can't go there.
    #[error("{}: {problem}", path.display())]
    Metrics {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: MetricsError,
    },
    /// There is no home directory.
    #[error("there is no home directory: set HOME or {variable}, or name a file with --config")]
    NoHome {
        /// The variable that would do as well.
        variable: &'static str,
    },
    /// There is no runtime directory.
    #[error(
        "there is no runtime directory for user {uid}: set XDG_RUNTIME_DIR, or runtime_dir in \
         tokend.toml, to a directory of yours; clients then need TOKEND_SOCKET"
    )]
    NoRuntimeDir {
        /// The user.
        uid: u32,
    },
}

impl File {
    /// Reads a file that must be there.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let file: Self = toml::from_str(&text).map_err(|source| ConfigError::Malformed {
            path: path.to_owned(),
            problem: Box::new(source),
        })?;
        file.check(path)?;
        Ok(file)
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

    /// Returns how long a unit's start waits for its token, if the file says; `0s` is no time.
    pub(super) fn unit_wait(&self) -> Option<Duration> {
        self.unit_wait.as_deref().and_then(time)
    }

    /// Returns where metrics go, if the file says.
    pub(super) fn metrics(&self) -> Option<Metrics> {
        self.metrics.as_ref().and_then(|text| text.parse().ok())
    }

    /// Returns where the key is, if the file says; `credentials` is the directory with the
    /// unit's credentials.
    pub(super) fn key(&self, credentials: Option<&Path>) -> Option<KeySource> {
        let by_path = self.key_file.clone().map(KeySource::File);
        by_path.or_else(|| KeySource::parse(self.key_source.as_deref()?, credentials))
    }

    fn check(&self, path: &Path) -> Result<(), ConfigError> {
        if let Some(value) = self.unit_wait.clone().filter(|value| time(value).is_none()) {
            return Err(ConfigError::NoTime { path: path.to_owned(), key: "unit_wait", value });
        }
        if let Some(Err(problem)) = self.metrics.as_ref().map(|text| text.parse::<Metrics>()) {
            return Err(ConfigError::Metrics { path: path.to_owned(), problem });
        }
        if self.key_file.is_some() && self.key_source.is_some() {
            return Err(ConfigError::TwoSources { path: path.to_owned() });
        }
        let no_source = |text: &String| KeySource::parse(text, None).is_none();
        if let Some(value) = self.key_source.clone().filter(no_source) {
            return Err(ConfigError::NoSource { path: path.to_owned(), value });
        }
        let program = self.on_login_needed.as_ref().map(|command| command.first());
        if program.is_some_and(|program| program.is_none_or(String::is_empty)) {
            let path = path.to_owned();
            return Err(ConfigError::NoProgram { path, key: "on_login_needed" });
        }
        let dirs = self.provider_dirs.iter().flatten().map(|dir| ("provider_dirs", dir));
        let others = [
            ("state_dir", &self.state_dir),
            ("runtime_dir", &self.runtime_dir),
            ("key_file", &self.key_file),
            ("mark_file", &self.mark_file),
        ];
        let others = others.into_iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
        if let Some((key, _)) = others.clone().find(|(_, value)| value.as_path() == Path::new("/"))
        {
            return Err(ConfigError::Root { path: path.to_owned(), key });
        }
        match others.chain(dirs).find(|(_, value)| value.is_relative()) {
            None => Ok(()),
            Some((key, value)) => {
                Err(ConfigError::Relative { path: path.to_owned(), key, value: value.clone() })
            }
        }
    }
}

/// Parses a time as people write it, `90s` or `1m 30s`.
fn time(text: &str) -> Option<Duration> {
    let time: SignedDuration = text.parse().ok()?;
    Duration::try_from(time).ok().filter(|time| *time <= LONGEST_UNIT_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(text: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokend.toml");
        fs::write(&path, text).unwrap();
        let error = File::read(&path).unwrap_err().to_string();
        error.replace(&path.display().to_string(), "tokend.toml")
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = error_of("log = 'info'\nstate_dri = '/x'\n");
        assert!(error.starts_with("tokend.toml: TOML parse error at line 2, column 1"), "{error}");
        assert!(
            error.contains("unknown field `state_dri`, expected one of `state_dir`"),
            "{error}"
        );
    }

    #[test]
    fn relative_paths_are_refused() {
        let error = error_of("state_dir = 'x'");
        assert_eq!(error, r#"tokend.toml: state_dir is "x"; give an absolute path"#);
        assert!(error_of("provider_dirs = ['/a', 'b']").contains("provider_dirs"));
    }

    #[test]
    fn the_root_directory_is_no_place_for_tokends_files() {
        for key in ["state_dir", "runtime_dir"] {
            let error = error_of(&format!("{key} = '/'"));
            assert_eq!(
                error,
                format!("tokend.toml: {key} is \"/\"; give it a directory of its own")
            );
        }
    }

    #[test]
    fn a_listener_has_a_name_a_directory_and_credentials() {
        let listener = |lines: &str| format!("log = 'info'\n[[listener]]\n{lines}\n");
        let whole = "name = 'ci'\ndirectory = '/r/ci'\ncredentials = ['a', 'b']";
        for (text, line, complaint) in [
            (listener("name = 'ci'\ncredentials = ['a']"), 2, "missing field `directory`"),
            (listener("name = 'C I'\n"), 3, "\"C I\" isn't a listener's name: use"),
            (listener("name = 'ci'\ndirectory = 'x'"), 4, "\"x\" is no directory for a socket"),
            (listener("directory = '/'"), 3, "\"/\" is no directory for a socket"),
            (listener("credentials = []"), 3, "it lists no credentials"),
            (listener("credentials = ['a', 'B']"), 3, "\"B\" isn't a credential's name"),
            (listener(&format!("{whole}\nany = true")), 6, "unknown field `any`, expected one of"),
            (listener(&format!("{whole}\nanyone = 'yes'")), 6, "invalid type: string \"yes\""),
        ] {
            let error = error_of(&text);
            assert!(error.contains(&format!("at line {line},")), "{text}: {error}");
            assert!(error.contains(complaint), "{text}: {error}");
        }
    }

    #[test]
    fn the_key_has_one_source_that_is_known() {
        let error = error_of("key_file = '/k'\nkey_source = 'file:/k'");
        assert!(error.starts_with("tokend.toml: key_file and key_source both"), "{error}");
        for value in ["key", "file:key", "credential:a/b", "tpm:0"] {
            let error = error_of(&format!("key_source = '{value}'"));
            let expected = format!("tokend.toml: key_source is \"{value}\"; give \"file:\"");
            assert!(error.starts_with(&expected), "{error}");
        }
    }

    #[test]
    fn a_hook_names_a_program() {
        for text in ["on_login_needed = []", "on_login_needed = ['', 'x']"] {
            let error = error_of(text);
            assert!(error.starts_with("tokend.toml: on_login_needed names no program"), "{error}");
        }
    }

    #[test]
    fn times_are_written_with_their_units_and_have_a_bound() {
        for value in ["60", "-1s", "2h", "soon", ""] {
            let error = error_of(&format!("unit_wait = '{value}'"));
            let expected = format!(
                "tokend.toml: unit_wait is {value:?}; give a time of at most 1h, such as \"60s\""
            );
            assert_eq!(error, expected);
        }
        for (value, seconds) in [("0s", 0), ("90s", 90), ("1m 30s", 90), ("1h", 3_600)] {
            let file = File { unit_wait: Some(value.to_owned()), ..File::default() };
            assert_eq!(file.unit_wait(), Some(Duration::from_secs(seconds)));
        }
    }

    #[test]
    fn metrics_are_not_for_the_network() {
        let error = error_of("metrics = '0.0.0.0:9464'");
        assert!(error.starts_with("tokend.toml: metrics is \"0.0.0.0:9464\": everyone"), "{error}");
    }

    #[test]
    fn a_missing_file_is_an_error_only_if_it_was_named() {
        let path = Path::new("/nowhere/tokend.toml");
        assert!(File::read_if_there(path).is_ok());
        assert!(matches!(File::read(path), Err(ConfigError::Unreadable { .. })));
    }
}
