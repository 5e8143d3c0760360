//! What a listener's socket grants to whoever gets to it.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use tokend_core::Name;

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
}
