//! What the engine asks of the store's keys.

use std::time::Duration;

use secrecy::SecretString;
use tokend_core::StoreFailure;

use super::Ticket;

/// Another key for the store.
#[derive(Debug)]
pub enum Rekey {
    /// A new data key, with which everything is sealed anew.
    Rotate {
        /// The store's passphrase, if its key comes of one.
        passphrase: Option<SecretString>,
    },
    /// Another key from outside wraps the data key.
    ChangeSource {
        /// Where it is, as in tokend.toml.
        to: String,
        /// The store's passphrase, if its key comes of one.
        passphrase: Option<SecretString>,
        /// The one of which the new key is to come, if it is to come of one.
        new_passphrase: Option<SecretString>,
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
        /// What speaks against the new passphrase, if anything does.
        advice: Option<&'static str>,
    },
}

/// Why the store has the keys that it had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RekeyFailure {
    /// A source is none, or its key can't be read or made: what is wrong.
    #[error("{0}")]
    Unusable(String),
    /// That isn't the passphrase.
    #[error("{0}")]
    WrongPassphrase(String),
    /// None is tried for so long.
    #[error(
        "no passphrase is tried for {} s after the last one, which was wrong",
        .0.as_secs_f64().ceil()
    )]
    TooSoon(Duration),
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
