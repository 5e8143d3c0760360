//! Why the engine doesn't do what it is asked.

use std::time::Duration;

use tokend_core::{Name, Refusal, StoreFailure};
use tokend_provider::{InputError, RotationError};

/// Why the engine doesn't do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No token can be had.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such credential.
    #[error("there is no credential {0}")]
    NotFound(Name),
    /// There is one already.
    #[error("there is a credential {0} already; remove it first or choose another name")]
    Exists(Name),
    /// Its rows can't be opened.
    #[error("the credential {name} is damaged: {message}; remove it and add it again")]
    Damaged {
        /// The credential.
        name: Name,
        /// What is wrong with its rows.
        message: String,
    },
    /// There is no such provider definition.
    #[error("there is no provider definition {name:?}{}", did_you_mean(.suggestion.as_deref()))]
    ProviderNotFound {
        /// The name that was given.
        name: String,
        /// A name that may have been meant.
        suggestion: Option<String>,
    },
    /// The definition doesn't take what it was given.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The definition doesn't take a newer token, or not this one.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// Another token has taken the place of the one before already.
    #[error("another token of {0} has taken that one's place already; get it")]
    Superseded(Name),
    /// A user hands over too many newer tokens.
    #[error("this user hands over newer tokens of {name} faster than they are written")]
    TooManyRotations {
        /// The credential.
        name: Name,
        /// When it can be handed over again.
        retry_after: Duration,
    },
    /// The credential has changed meanwhile.
    #[error("the credential {0} has changed since its etag was read; read it again")]
    EtagMismatch(Name),
    /// Access can't be taken away from someone who has none.
    #[error("{reader} isn't among the readers of {name}")]
    ReaderNotFound {
        /// The credential.
        name: Name,
        /// Who isn't there.
        reader: String,
    },
    /// The store couldn't write; nothing has changed.
    #[error("the store can't be written: {}", .0.message)]
    Store(StoreFailure),
    /// The daemon is about to end.
    #[error("tokend is shutting down")]
    Stopping,
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |name| format!("; did you mean {name:?}?"))
}
