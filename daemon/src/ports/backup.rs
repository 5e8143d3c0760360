//! Copies of the store.

use std::{fs::File, io::Read};

use secrecy::SecretString;
use tokend_core::StoreFailure;
use tokio::sync::oneshot;

/// Makes copies of the store while it is in use.
pub trait Backups: Send + Sync {
    /// Has the store copied as it is once all that was submitted before is written. What comes of
    /// it is still to be checked; nothing comes if the store is closed before.
    fn copy(&self) -> oneshot::Receiver<Result<Unchecked, StoreFailure>>;
}

/// Checks a copy, which takes its time, and hands it over.
pub type Unchecked = Box<dyn FnOnce() -> Result<StoreCopy, StoreFailure> + Send>;

/// Puts backups in the place of the store that is in use.
pub trait Restores: Send + Sync {
    /// Reads a backup to its end and checks it; then the daemon starts anew on it. `source` says
    /// where the key is that is to open it, as in tokend.toml. It takes its time.
    ///
    /// # Errors
    ///
    /// Nothing has changed.
    fn restore(
        &self,
        backup: &mut dyn Read,
        source: &str,
        passphrase: Option<SecretString>,
    ) -> Result<Contents, RestoreFailure>;
}

/// Why the store is the one before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreFailure {
    /// It is no backup, isn't whole, or is of a newer tokend.
    #[error("{0}")]
    Unusable(String),
    /// The key isn't the one that opens it, or can't be read.
    #[error("{0}")]
    Misfit(String),
    /// Neither is the passphrase.
    #[error("{0}")]
    WrongPassphrase(String),
    /// It can't be written beside the store.
    #[error("{}", .0.message)]
    Store(StoreFailure),
    /// The daemon is about to end, or another backup was faster.
    #[error("tokend is about to end or to start anew: try again")]
    Stopping,
}

/// A copy of the store, sealed as the store is, whole and sound.
#[derive(Debug)]
pub struct StoreCopy {
    /// Its file, from the beginning. It has no name, so that nothing is left of it.
    pub file: File,
    /// How long it is, in bytes.
    pub size: u64,
    /// What is in it.
    pub contents: Contents,
}

/// What a store tells without its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The version of its schema.
    pub schema: i64,
    /// How many credentials it has.
    pub credentials: u64,
    /// What tells its key from others.
    pub key_id: String,
    /// Whether that key comes of a passphrase.
    pub is_derived: bool,
}
