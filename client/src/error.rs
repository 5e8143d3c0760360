//! What can go wrong, by what a caller can do about it.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use tokend_proto::reason;
use tonic::{Code, Status};

use crate::socket::{self, SERVER_VARIABLE};

/// Why there is no answer, or no token in it.
///
/// The texts are tokend's own, for people, and may change; programs go by the
/// variants and by [`Error::reason`].
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An environment variable names no socket.
    #[error(transparent)]
    Address(#[from] socket::Malformed),
    /// An environment variable names a user that there isn't.
    #[error(transparent)]
    ServerUser(#[from] socket::UnknownUser),
    /// The process that listens on the socket runs as a user whom there is no reason to
    /// believe; see [`socket`].
    #[error("not using {}: {}", path.display(), listener(*uid, *unmapped))]
    UntrustedServer {
        /// The socket.
        path: PathBuf,
        /// The user.
        uid: u32,
        /// Whether that number stands for all users of the host that aren't mapped into
        /// this container.
        unmapped: bool,
    },
    /// Other users could put a socket of theirs in the place of this one; see
    /// [`socket`].
    #[error("not using {}: {} {}", path.display(), directory.display(), exposed(*uid, *mode))]
    UntrustedSocket {
        /// The socket.
        path: PathBuf,
        /// The directory that holds it.
        directory: PathBuf,
        /// The user who owns the directory.
        uid: u32,
        /// The directory's permissions.
        mode: u32,
    },
    /// Nothing listens on the socket, or there is no socket.
    #[error("tokend isn't running: nothing answers on {}", path.display())]
    DaemonNotRunning {
        /// The socket.
        path: PathBuf,
    },
    /// The socket's permissions keep this user out.
    #[error("not permitted to use {}{}", path.display(), belongs_to(group.as_deref()))]
    SocketNotPermitted {
        /// The socket.
        path: PathBuf,
        /// The group that owns it, or the directory that can't be entered.
        group: Option<String>,
    },
    /// Another failure to connect.
    #[error("can't connect to {}", path.display())]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// The connection was lost before the answer was there.
    #[error("lost the connection to tokend")]
    Disconnected(#[source] Status),
    /// No answer came in time.
    #[error("tokend gave no answer in time")]
    TimedOut,
    /// The answer isn't one that this version understands.
    #[error("can't use tokend's answer: {0}")]
    BadAnswer(&'static str),
    /// The request is malformed: a name, a duration, an input.
    #[error("{message}")]
    InvalidRequest {
        /// One of the `INVALID_` reasons.
        reason: String,
        /// What is wrong with it.
        message: String,
    },
    /// There is no such credential, or this caller may not read it.
    #[error("{message}")]
    NotPermitted {
        /// What tokend says about it.
        message: String,
    },
    /// There is no such credential, provider, reader or user. Only operators are
    /// told.
    #[error("{message}")]
    NotFound {
        /// One of the `_NOT_FOUND` reasons, or `CREDENTIAL_REMOVED`.
        reason: String,
        /// What there isn't.
        message: String,
    },
    /// The limits on issuances allow none now, and no usable token is held.
    #[error("{message}")]
    BudgetExhausted {
        /// Which limit it is.
        message: String,
        /// When one is allowed again.
        retry_after: Option<Duration>,
    },
    /// The provider or the daemon can't serve now; it will try again by itself.
    #[error("{message}")]
    Unavailable {
        /// The reason.
        reason: String,
        /// What fails.
        message: String,
        /// When the next attempt is due.
        retry_after: Option<Duration>,
    },
    /// The daemon's store waits for its passphrase, which an operator gives
    /// (`tokend-cli unlock`). It is as if the daemon weren't there yet.
    #[error("{message}")]
    StoreLocked {
        /// What tokend says about it.
        message: String,
    },
    /// The daemon's disk is full.
    #[error("{message}")]
    StoreFull {
        /// Which disk it is.
        message: String,
        /// When tokend tries again to write.
        retry_after: Option<Duration>,
    },
    /// The provider refused the credential; a person has to act.
    #[error("{message}")]
    CredentialRejected {
        /// What the provider says.
        message: String,
    },
    /// What a person's login left behind isn't accepted any more; that person has
    /// to log in again.
    #[error("{message}")]
    LoginNeeded {
        /// What has run out.
        message: String,
    },
    /// What is stored for the credential can't be opened; a person has to act.
    #[error("{message}")]
    CredentialDamaged {
        /// What is damaged.
        message: String,
    },
    /// This provider's tokens never live as long as was asked for.
    #[error("{message}")]
    MinTtlUnsatisfiable {
        /// How long they live.
        message: String,
    },
    /// Any other refusal.
    #[error("{message}")]
    Refused {
        /// The gRPC code.
        code: Code,
        /// The reason, if tokend gave one.
        reason: Option<String>,
        /// What tokend says about it.
        message: String,
    },
}

impl Error {
    /// Tells whether the same call may succeed later without anyone's doing, but for starting and
    /// unlocking tokend.
    /// [`Self::retry_after`] says how much later, where that is known.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::DaemonNotRunning { .. }
            | Self::Disconnected(_)
            | Self::TimedOut
            | Self::BudgetExhausted { .. }
            | Self::StoreLocked { .. }
            | Self::StoreFull { .. }
            | Self::Unavailable { .. } => true,
            Self::Refused { code, .. } => *code == Code::Unavailable,
            // Too many others are connecting.
            Self::Unreachable { source, .. } => source.kind() == io::ErrorKind::WouldBlock,
            Self::Address(_)
            | Self::ServerUser(_)
            | Self::UntrustedServer { .. }
            | Self::UntrustedSocket { .. }
            | Self::SocketNotPermitted { .. }
            | Self::BadAnswer(_)
            | Self::InvalidRequest { .. }
            | Self::NotPermitted { .. }
            | Self::NotFound { .. }
            | Self::CredentialRejected { .. }
            | Self::LoginNeeded { .. }
            | Self::CredentialDamaged { .. }
            | Self::MinTtlUnsatisfiable { .. } => false,
        }
    }

    /// Returns how long to wait before asking again, if tokend says.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::BudgetExhausted { retry_after, .. }
            | Self::StoreFull { retry_after, .. }
            | Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Tells whether a person has to log in before there can be a token again.
    pub fn login_needed(&self) -> bool {
        matches!(self, Self::LoginNeeded { .. })
    }

    /// Tells whether the daemon couldn't be reached, didn't answer or can't read its store, so
    /// that nothing is known of the credential.
    pub(crate) fn is_silence(&self) -> bool {
        match self {
            Self::DaemonNotRunning { .. }
            | Self::SocketNotPermitted { .. }
            | Self::UntrustedServer { .. }
            | Self::UntrustedSocket { .. }
            | Self::Unreachable { .. }
            | Self::Disconnected(_)
            | Self::StoreLocked { .. }
            | Self::TimedOut => true,
            Self::Unavailable { reason, .. } => reason == reason::SHUTTING_DOWN,
            _ => false,
        }
    }

    /// Tells whether tokend would have returned a token that it held, and didn't: there is none
    /// for this caller, or none any more.
    pub(crate) fn ends_token(&self) -> bool {
        matches!(
            self,
            Self::NotPermitted { .. }
                | Self::NotFound { .. }
                | Self::CredentialRejected { .. }
                | Self::LoginNeeded { .. }
                | Self::CredentialDamaged { .. }
        )
    }

    /// Returns the reason that tokend gave, one of `tokend_proto::reason`; `None`
    /// if the error isn't an answer of tokend's.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::InvalidRequest { reason, .. }
            | Self::NotFound { reason, .. }
            | Self::Unavailable { reason, .. } => Some(reason),
            Self::Refused { reason, .. } => reason.as_deref(),
            Self::NotPermitted { .. } => Some(reason::CALLER_NOT_PERMITTED),
            Self::BudgetExhausted { .. } => Some(reason::ISSUANCE_BUDGET_EXHAUSTED),
            Self::StoreLocked { .. } => Some(reason::STORE_LOCKED),
            Self::StoreFull { .. } => Some(reason::STORE_FULL),
            Self::CredentialRejected { .. } => Some(reason::CREDENTIAL_REJECTED),
            Self::LoginNeeded { .. } => Some(reason::LOGIN_NEEDED),
            Self::CredentialDamaged { .. } => Some(reason::CREDENTIAL_DAMAGED),
            Self::MinTtlUnsatisfiable { .. } => Some(reason::MIN_TTL_UNSATISFIABLE),
            Self::Address(_)
            | Self::ServerUser(_)
            | Self::UntrustedServer { .. }
            | Self::UntrustedSocket { .. }
            | Self::DaemonNotRunning { .. }
            | Self::SocketNotPermitted { .. }
            | Self::Unreachable { .. }
            | Self::Disconnected(_)
            | Self::TimedOut
            | Self::BadAnswer(_) => None,
        }
    }
}

fn listener(uid: u32, unmapped: bool) -> String {
    if unmapped {
        format!(
            "its daemon runs as a user who isn't mapped into this container and shows as uid \
             {uid}; map that user, or set {SERVER_VARIABLE}={uid} to believe all who aren't mapped"
        )
    } else {
        format!(
            "its daemon runs as uid {uid}, neither root nor this user; if that is right, set \
             {SERVER_VARIABLE}={uid}"
        )
    }
}

fn exposed(uid: u32, mode: u32) -> String {
    if mode & 0o022 == 0 {
        format!(
            "belongs to uid {uid}, neither root nor this user, who could put another socket \
             there; if that user may be believed, set {SERVER_VARIABLE}={uid}"
        )
    } else {
        format!(
            "can be written by other users (its mode is {mode:o}), who could put another socket \
             there; use a directory that only root or this user can write"
        )
    }
}

fn belongs_to(group: Option<&str>) -> String {
    group.map_or_else(String::new, |group| format!(", which belongs to the group {group}"))
}
