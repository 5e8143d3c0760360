//! What the engine asks of the store's keys.

use tokend_core::StoreFailure;

use super::Ticket;

/// Another key for the store.
#[derive(Debug, Clone)]
pub enum Rekey {
    /// A new data key, with which everything is sealed anew.
    Rotate,
    /// Another key from outside wraps the data key.
    ChangeSource {
        /// Where it is, as in tokend.toml.
        to: String,
    },
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rekeyed {
    /// Everything is sealed with a new data key.
    Rotated {
        /// How many cells couldn't be opened before, and can't be now.
        damaged: usize,
    },
    /// The key of this source opens the store.
    Moved {
        /// Where the key was.
        from: String,
        /// Where it is.
        to: String,
        /// Whether that has changed anything.
        is_new: bool,
    },
}

/// Why the store has the keys that it had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RekeyFailure {
    /// A source is none, or its key can't be read or made: what is wrong.
    #[error("{0}")]
    Unusable(String),
    /// The store can't be written.
    #[error("{}", .0.message)]
    Store(StoreFailure),
}

/// The answer to a [`Rekey`].
#[derive(Debug)]
pub struct RekeyEnded {
    /// Its ticket.
    pub ticket: Ticket,
    /// What was done. After an error nothing has changed but for a new key file.
    pub result: Result<Rekeyed, RekeyFailure>,
}
