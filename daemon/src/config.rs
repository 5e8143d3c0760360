//! Where the daemon keeps its things and whom it lets connect.

mod error;
mod file;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod listener;
mod metrics;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use self::file::File;
pub use self::{
    error::ConfigError,
    listener::Listener,
    metrics::{Metrics, MetricsError},
};
use crate::store::KeySource;

/// The daemon's configuration, complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Holds the store and its key; the daemon's alone.
    pub state_dir: PathBuf,
    /// Holds the sockets.
    pub runtime_dir: PathBuf,
    /// Where the key of the store is kept.
    pub key: KeySource,
    /// The file outside of the state directory that says how far the store has come;
    /// `None` for none.
    pub mark_file: Option<PathBuf>,
    /// Directories with provider definitions, the later before the earlier.
    pub provider_dirs: Vec<PathBuf>,
    /// Directories with declared credentials.
    pub credential_dirs: Vec<PathBuf>,
    /// The group whose members may connect to the callers' socket; `None` for
    /// the daemon's own user only.
    pub socket_group: Option<String>,
    /// Sockets for containers.
    pub listeners: Vec<Listener>,
    /// What is logged, as `tracing_subscriber::EnvFilter` takes it.
    pub log: String,
    /// The program that tells people that a login is needed, with its arguments.
    pub on_login_needed: Option<Vec<String>>,
    /// Whether tokens are ended at their providers when the daemon ends.
    pub revoke_on_shutdown: bool,
    /// How long the start of a unit waits for its token.
    pub unit_wait: Duration,
    /// Where metrics go, if they are wanted.
    pub metrics: Option<Metrics>,
    /// Whether this is the machine's daemon, and not a user's.
    pub is_system: bool,
}

/// The surroundings that defaults come from.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The environment.
    pub env: BTreeMap<OsString, OsString>,
    /// The user that the process runs as.
    pub uid: u32,
    /// Whether `/run/user/UID` is there.
    pub has_run_user: bool,
}

/// Where a system-wide daemon keeps its things, when systemd doesn't say.
const SYSTEM: [(Place, &str); 4] = [
    (Place::Config, "/etc/tokend"),
    (Place::State, "/var/lib/tokend"),
    (Place::Cache, "/var/cache/tokend"),
    (Place::Runtime, "/run/tokend"),
];

/// How long the start of a unit waits for its token, if the configuration doesn't say: less
/// than the 90 seconds after which systemd gives up on a start (`DefaultTimeoutStartSec=`,
/// systemd-system.conf(5)).
pub const UNIT_WAIT: Duration = Duration::from_secs(60);

/// The group that a system-wide daemon lets connect.
pub const CLIENTS_GROUP: &str = "tokend-clients";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Config,
    State,
    Cache,
    Runtime,
}

impl Surroundings {
    /// Looks at the surroundings of this process.
    pub fn here() -> Self {
        let uid = rustix::process::geteuid().as_raw();
        Self {
            env: std::env::vars_os().collect(),
            uid,
            has_run_user: Path::new(&format!("/run/user/{uid}")).is_dir(),
        }
    }

    /// Returns the place that systemd made for the daemon, if it runs the daemon
    /// (`StateDirectory=` and so on, systemd.exec(5)), else root's, else the
    /// user's (XDG base directory specification).
    fn place(&self, place: Place) -> Result<PathBuf, ConfigError> {
        let (by_systemd, by_xdg, below_home) = match place {
            Place::Config => ("CONFIGURATION_DIRECTORY", "XDG_CONFIG_HOME", ".config"),
            Place::State => ("STATE_DIRECTORY", "XDG_STATE_HOME", ".local/state"),
            Place::Cache => ("CACHE_DIRECTORY", "XDG_CACHE_HOME", ".cache"),
            Place::Runtime => ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR", ""),
        };
        if let Some(path) = self.path(by_systemd) {
            return Ok(path);
        }
        if self.is_system() {
            let path = SYSTEM.iter().find(|(of, _)| *of == place).map_or("/", |(_, path)| *path);
            return Ok(path.into());
        }
        if let Some(base) = self.path(by_xdg) {
            return Ok(base.join("tokend"));
        }
        match (place, self.path("HOME")) {
            (Place::Runtime, _) if self.has_run_user => {
                Ok(format!("/run/user/{}/tokend", self.uid).into())
            }
            (Place::Runtime, _) => Err(ConfigError::NoRuntimeDir { uid: self.uid }),
            (_, Some(home)) => Ok(home.join(below_home).join("tokend")),
            (_, None) => Err(ConfigError::NoHome { variable: by_xdg }),
        }
    }

    /// Tells whether this is the machine's daemon: root's, or one that systemd
    /// runs as a system service. A user's manager sets `XDG_RUNTIME_DIR`.
    fn is_system(&self) -> bool {
        let by_systemd = self.path("STATE_DIRECTORY").is_some();
        self.uid == 0 || by_systemd && self.path("XDG_RUNTIME_DIR").is_none()
    }

    /// Returns an absolute path from the environment. systemd separates several
    /// with colons; the first is meant. Relative ones are to be ignored (XDG).
    fn path(&self, variable: &str) -> Option<PathBuf> {
        let value = self.env.get(OsString::from(variable).as_os_str())?.to_str()?;
        let first = PathBuf::from(value.split(':').next()?);
        first.is_absolute().then_some(first)
    }
}

impl Config {
    /// Reads how a source of the key is written down.
    ///
    /// # Errors
    ///
    /// Fails if it is none.
    pub fn key_source(text: &str, here: &Surroundings) -> Result<KeySource, ConfigError> {
        KeySource::parse(text, here.path("CREDENTIALS_DIRECTORY").as_deref())
            .ok_or_else(|| ConfigError::UnknownSource { value: text.to_owned() })
    }

    /// Returns the configuration file in the usual place, if there is one.
    pub fn usual_file(here: &Surroundings) -> Option<PathBuf> {
        let path = here.place(Place::Config).ok()?.join("tokend.toml");
        path.exists().then_some(path)
    }

    /// Reads the configuration: from `file` if one is named, else from the usual
    /// place if there is one, else all is by default.
    pub fn load(file: Option<&Path>, here: &Surroundings) -> Result<Self, ConfigError> {
        let config_dir = here.place(Place::Config);
        let usual = config_dir.as_ref().map(|dir| dir.join("tokend.toml")).unwrap_or_default();
        let path = file.map_or(usual, Path::to_owned);
        let file = match (file, &config_dir) {
            (Some(path), _) => File::read(path)?,
            (None, Ok(_)) => File::read_if_there(&path)?,
            (None, Err(_)) => File::default(),
        };
        let credentials = here.path("CREDENTIALS_DIRECTORY");
        let key = file.key(credentials.as_deref());
        let unit_wait = file.unit_wait.unwrap_or(UNIT_WAIT);
        let metrics = file.metrics.clone();
        let File { state_dir, runtime_dir, mark_file, listeners, .. } = file;
        let File {
            provider_dirs,
            credential_dirs,
            socket_group,
            log,
            on_login_needed,
            revoke_on_shutdown,
            ..
        } = file;
        // Whoever put the state directory somewhere says where the mark goes.
        let usual = || {
            let cache = here.place(Place::Cache).ok().filter(|_| state_dir.is_none())?;
            Some(cache.join("tokend.mark"))
        };
        let mark_file = mark_file.or_else(usual);
        let state_dir = state_dir.map_or_else(|| here.place(Place::State), Ok)?;
        let runtime_dir = runtime_dir.map_or_else(|| here.place(Place::Runtime), Ok)?;
        let conflicts = listener::conflicts(&path, &listeners, &runtime_dir);
        if !conflicts.is_empty() {
            return Err(ConfigError::Mistaken(conflicts));
        }
        let listeners = listeners.into_iter().map(|(listener, _)| listener).collect();
        let system = here.is_system();
        // A user's daemon isn't to ask for the machine's credentials, unlike its definitions.
        let usual = || config_dir.as_ref().ok().map(|own| own.join("credentials.d"));
        let credential_dirs = credential_dirs.unwrap_or_else(|| usual().into_iter().collect());
        let provider_dirs = match (provider_dirs, config_dir) {
            (Some(dirs), _) => dirs,
            (None, Ok(own)) => {
                let mut dirs = vec![PathBuf::from("/etc/tokend/providers.d")];
                dirs.push(own.join("providers.d"));
                dirs.dedup();
                dirs
            }
            (None, Err(_)) => Vec::new(),
        };
        Ok(Self {
            listeners,
            key: key
                .or_else(|| KeySource::by_name(credentials.as_deref()))
                .unwrap_or_else(|| KeySource::File(state_dir.join("key"))),
            mark_file,
            state_dir,
            runtime_dir,
            provider_dirs,
            credential_dirs,
            socket_group: socket_group.or_else(|| system.then(|| CLIENTS_GROUP.to_owned())),
            log: log.unwrap_or_else(|| "info".to_owned()),
            on_login_needed,
            revoke_on_shutdown: revoke_on_shutdown.unwrap_or_default(),
            unit_wait,
            metrics,
            is_system: system,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::CREDENTIAL;

    fn here(uid: u32, env: &[(&str, &str)], has_run_user: bool) -> Surroundings {
        let env = env.iter().map(|(k, v)| (k.into(), v.into())).collect();
        Surroundings { env, uid, has_run_user }
    }

    fn dirs(here: &Surroundings) -> Result<(PathBuf, PathBuf), String> {
        let config = Config::load(None, here).map_err(|error| error.to_string())?;
        assert_eq!(config.key, KeySource::File(config.state_dir.join("key")));
        Ok((config.state_dir, config.runtime_dir))
    }

    #[test]
    fn places_by_surroundings() {
        let home = ("HOME", "/nowhere/ann");
        for (here, state, runtime) in [
            (
                here(1_000, &[home, ("XDG_RUNTIME_DIR", "/run/user/1000")], true),
                "/nowhere/ann/.local/state/tokend",
                "/run/user/1000/tokend",
            ),
            // As under cron.
            (
                here(1_000, &[home], true),
                "/nowhere/ann/.local/state/tokend",
                "/run/user/1000/tokend",
            ),
            (
                here(1_000, &[home, ("XDG_STATE_HOME", "/s"), ("XDG_RUNTIME_DIR", "/r")], false),
                "/s/tokend",
                "/r/tokend",
            ),
            (
                here(
                    990,
                    &[
                        ("CONFIGURATION_DIRECTORY", "/nowhere"),
                        ("STATE_DIRECTORY", "/var/lib/x:/y"),
                        ("RUNTIME_DIRECTORY", "/run/x"),
                    ],
                    false,
                ),
                "/var/lib/x",
                "/run/x",
            ),
            // Behind socket units the runtime directory isn't the service's.
            (
                here(
                    990,
                    &[
                        ("CONFIGURATION_DIRECTORY", "/nowhere"),
                        ("STATE_DIRECTORY", "/var/lib/tokend"),
                    ],
                    false,
                ),
                "/var/lib/tokend",
                "/run/tokend",
            ),
            // A user's manager knows state directories too.
            (
                here(
                    1_000,
                    &[
                        ("HOME", "/nowhere/ann"),
                        ("STATE_DIRECTORY", "/s"),
                        ("XDG_RUNTIME_DIR", "/run/user/1000"),
                    ],
                    true,
                ),
                "/s",
                "/run/user/1000/tokend",
            ),
        ] {
            assert_eq!(dirs(&here), Ok((state.into(), runtime.into())));
        }
    }

    #[test]
    fn a_users_daemon_does_not_ask_for_the_machines_credentials() {
        let dirs = |here| Config::load(None, &here).unwrap().credential_dirs;
        let user = here(1_000, &[("HOME", "/nowhere/ann"), ("XDG_RUNTIME_DIR", "/r")], true);
        assert_eq!(dirs(user), [PathBuf::from("/nowhere/ann/.config/tokend/credentials.d")]);
        let system = [("CONFIGURATION_DIRECTORY", "/nowhere"), ("STATE_DIRECTORY", "/s")];
        assert_eq!(dirs(here(990, &system, false)), [PathBuf::from("/nowhere/credentials.d")]);
    }

    #[test]
    fn the_mark_lies_where_a_backup_of_the_state_directory_does_not_reach() {
        let mark = |here| Config::load(None, &here).unwrap().mark_file;
        let home = ("HOME", "/nowhere/ann");
        let user = here(1_000, &[home, ("XDG_RUNTIME_DIR", "/r")], true);
        assert_eq!(mark(user.clone()), Some("/nowhere/ann/.cache/tokend/tokend.mark".into()));
        let system = [
            ("CONFIGURATION_DIRECTORY", "/nowhere"),
            ("STATE_DIRECTORY", "/var/lib/tokend"),
            ("CACHE_DIRECTORY", "/var/cache/x"),
        ];
        assert_eq!(mark(here(990, &system, false)), Some("/var/cache/x/tokend.mark".into()));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokend.toml");
        for (text, expected) in
            [("state_dir = '/a'\n", None), ("mark_file = '/b'\n", Some(PathBuf::from("/b")))]
        {
            std::fs::write(&path, text).unwrap();
            assert_eq!(Config::load(Some(&path), &user).unwrap().mark_file, expected);
        }
    }

    #[test]
    fn the_key_is_a_credential_of_the_unit_if_there_is_one_and_the_file_says_nothing_else() {
        let credentials = tempfile::tempdir().unwrap();
        let dir = credentials.path();
        let env = [
            ("CONFIGURATION_DIRECTORY", "/nowhere"),
            ("STATE_DIRECTORY", "/s"),
            ("CREDENTIALS_DIRECTORY", dir.to_str().unwrap()),
        ];
        let key = |file| Config::load(file, &here(990, &env, false)).unwrap().key.to_string();
        assert_eq!(key(None), "file:/s/key");
        std::fs::write(dir.join(CREDENTIAL), "").unwrap();
        assert_eq!(key(None), "credential:tokend-key");
        let file = dir.join("tokend.toml");
        for (text, expected) in [
            ("key_file = '/k'", "file:/k"),
            ("key_source = 'file:/k'", "file:/k"),
            ("key_source = 'credential:another'", "credential:another"),
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(key(Some(&file)), expected);
        }
    }

    #[test]
    fn without_a_runtime_directory_the_way_out_is_said() {
        let error = dirs(&here(1_000, &[("HOME", "/nowhere/ann")], false)).unwrap_err();
        assert!(error.contains("runtime_dir"), "{error}");
        let relative = here(1_000, &[("HOME", "ann"), ("XDG_RUNTIME_DIR", "run")], false);
        assert!(dirs(&relative).is_err(), "relative paths don't count");
    }

    #[test]
    fn a_system_daemon_lets_its_clients_group_connect_and_a_users_daemon_no_one() {
        let system = [("CONFIGURATION_DIRECTORY", "/nowhere"), ("STATE_DIRECTORY", "/s")];
        let group = |here| Config::load(None, &here).unwrap().socket_group;
        assert_eq!(group(here(990, &system, false)).as_deref(), Some(CLIENTS_GROUP));
        let user = [("STATE_DIRECTORY", "/s"), ("XDG_RUNTIME_DIR", "/r")];
        assert_eq!(group(here(1_000, &user, true)), None);
        assert_eq!(group(here(1_000, &[("HOME", "/nowhere/ann")], true)), None);
    }

    #[test]
    fn a_file_overrides_the_defaults() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokend.toml");
        std::fs::write(
            &path,
            "state_dir = '/a'\nruntime_dir = '/b'\nlog = 'debug'\nrevoke_on_shutdown = true\n\
             unit_wait = '5s'\n",
        )
        .unwrap();
        let config = Config::load(Some(&path), &here(1_000, &[], false)).unwrap();
        assert_eq!(config.state_dir, Path::new("/a"));
        assert_eq!(config.key, KeySource::File("/a/key".into()));
        assert_eq!(config.log, "debug");
        assert!(config.revoke_on_shutdown);
        assert_eq!(config.unit_wait, Duration::from_secs(5));
        assert!(config.provider_dirs.is_empty());
    }
}
