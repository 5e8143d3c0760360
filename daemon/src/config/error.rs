//! Why there is no configuration.

use std::{
    fmt::{Display, Formatter},
    io,
    path::PathBuf,
};

use crate::ports::Mistake;

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
    #[error("{}", Lines(.0))]
    Mistaken(Vec<Mistake>),
    /// What stands on the command line is no source of a key.
    #[error("{value:?} is no source of a key; give file:/PATH, credential:NAME or passphrase")]
    UnknownSource {
        /// What stands there.
        value: String,
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

/// Mistakes, one below the other.
struct Lines<'a>(&'a [Mistake]);

impl Display for Lines<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        for (at, mistake) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "\n" };
            write!(f, "{separator}{mistake}")?;
        }
        Ok(())
    }
}

impl From<ConfigError> for Vec<Mistake> {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Mistaken(mistakes) => mistakes,
            ConfigError::Unreadable { path, source } => {
                vec![Mistake::of(Some(path), format!("it can't be read: {source}"))]
            }
            other => vec![Mistake::of(None, other.to_string())],
        }
    }
}
