//! What serves the sockets, from a locked store to the daemon's end.

use std::{
    fmt::{Debug, Formatter},
    panic,
};

use tokio::{
    sync::{oneshot, watch},
    task::JoinSet,
};

use crate::rpc::{Door, Phase, Services, Unopened};

/// What serves callers and operators, and outlasts the time in which the store is locked.
pub(super) struct Serving {
    /// Ends all.
    pub(super) stop: watch::Sender<bool>,
    pub(super) tasks: JoinSet<()>,
    /// What answers as long as the store is locked.
    pub(super) gates: Vec<(Door, Services)>,
    /// Who is to hear when it isn't any more.
    pub(super) unlocked: Option<Unlocked>,
}

/// Who is to hear that the store isn't locked any more.
pub(super) struct Unlocked {
    /// Who gave the passphrase.
    pub(super) reply: oneshot::Sender<Result<(), Unopened>>,
    /// Who waited.
    pub(super) over: watch::Sender<Phase>,
}

impl Default for Serving {
    fn default() -> Self {
        let tasks = JoinSet::new();
        Self { stop: watch::channel(false).0, tasks, gates: Vec::new(), unlocked: None }
    }
}

impl Debug for Serving {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serving").field("gates", &self.gates).finish_non_exhaustive()
    }
}

/// Waits until all have ended. A fault in one is the daemon's.
pub(super) async fn join(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(problem) = ended
            && problem.is_panic()
        {
            panic::resume_unwind(problem.into_panic());
        }
    }
}
