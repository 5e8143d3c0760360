//! What a listener's socket grants to whoever gets to it.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use tokend_core::Name;

use super::{Door, Peer};

/// The first listener's account. Users have no such numbers: some programs take them for
/// negative, so none is given to anyone (<https://systemd.io/UIDS-GIDS>).
const FIRST_ACCOUNT: u32 = 1 << 31;

/// A socket directory that is mounted into containers, and the credentials that are there: no
/// others are, whoever asks.
#[derive(Debug, PartialEq, Eq)]
pub struct Grant {
    /// What log and status call it.
    pub name: String,
    /// The socket.
    pub socket: PathBuf,
    /// The credentials, whether they are there yet or not.
    pub credentials: Arc<BTreeSet<Name>>,
    /// Whether whoever can connect may read them, and not their readers only.
    pub anyone: bool,
    /// Whether whoever may read them here may also submit newer tokens.
    pub submit: bool,
    /// What place it has in the configuration, from 0.
    pub place: u32,
}

impl Peer {
    /// Returns for whom it counts what this one does, where there is only so much of it for each
    /// user. All who come by a listener count as one: in a container, anyone may have any user's
    /// number, and as many numbers as there are.
    pub(super) fn account(&self) -> u32 {
        match &self.door {
            Door::Callers | Door::Operators => self.uid,
            Door::Listener(grant) => FIRST_ACCOUNT.saturating_add(grant.place),
        }
    }
}
