//! Why a daemon can't start.

use std::io;

use super::ListenerError;
use crate::{
    clock::NoBootId,
    config::Metrics,
    definitions::Unreadable,
    socket::SocketError,
    store::{KeyError, OpenError},
};

/// The daemon can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The key of the store can't be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store can't be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// A socket can't be made.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// A listener can't be opened.
    #[error(transparent)]
    Listener(#[from] ListenerError),
    /// A directory with provider definitions can't be read.
    #[error(transparent)]
    Definitions(#[from] Unreadable),
    /// The group that may connect can't be looked up.
    #[error("can't look up group {group}")]
    Group {
        /// Its name.
        group: String,
        /// What the system says.
        source: nix::Error,
    },
    /// The daemon would let anyone in.
    #[error(
        "tokend can't run as user {0}: in containers that number stands for every user that \
         isn't known there; run it as another"
    )]
    Nobody(u32),
    /// Metrics can't be served.
    #[error("can't serve metrics at {0}; give `metrics` in tokend.toml an address that is free")]
    Metrics(Metrics, #[source] io::Error),
    /// This isn't a whole machine.
    #[error(transparent)]
    BootId(#[from] NoBootId),
    /// A thread or a socket can't be set up.
    #[error("can't set up {what}")]
    System {
        /// What.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
}
