//! Copies of the store.

use std::fs::File;

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
