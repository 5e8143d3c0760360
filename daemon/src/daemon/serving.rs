//! What serves the sockets, from a locked store to the daemon's end.

use std::{
    collections::BTreeMap,
    fmt::{Debug, Formatter},
    panic,
};

use tokio::{
    sync::{oneshot, watch},
    task::JoinSet,
};
use tracing::info;

use super::{GRACE, StartError, chain};
use crate::rpc::{About, Door, Doorkeeper, Listener, Phase, Services, Unopened, serve};

/// What serves callers and operators, and outlasts the time in which the store is locked.
pub(super) struct Serving {
    /// Ends all but what is ended apart.
    pub(super) stop: watch::Sender<bool>,
    /// Ends what serves a listener, by its name.
    pub(super) apart: BTreeMap<String, watch::Sender<bool>>,
    pub(super) tasks: JoinSet<()>,
    /// What answers as long as the store is locked, or the engine is still to come.
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
        let (stop, apart) = (watch::channel(false).0, BTreeMap::new());
        Self { stop, apart, tasks, gates: Vec::new(), unlocked: None }
    }
}

impl Serving {
    /// Returns what tells whoever serves a door that it is to end.
    pub(super) fn stopping(&mut self, door: &Door) -> watch::Receiver<bool> {
        match door {
            Door::Callers | Door::Operators => self.stop.subscribe(),
            Door::Listener(grant) => {
                let stop = self.apart.entry(grant.name.clone());
                stop.or_insert_with(|| watch::channel(false).0).subscribe()
            }
        }
    }

    /// Serves a listener.
    pub(super) fn serve(&mut self, listener: Listener, services: Services, doorkeeper: Doorkeeper) {
        let stopping = self.stopping(&listener.door);
        self.tasks.spawn(serve(listener, services, doorkeeper, stopping, GRACE));
    }

    /// Serves a listener with services that are to give way to others.
    pub(super) fn serve_gate(
        &mut self,
        listener: Listener,
        gate: Services,
        doorkeeper: Doorkeeper,
    ) {
        self.gates.push((listener.door.clone(), gate.clone()));
        self.serve(listener, gate, doorkeeper);
    }

    /// Ends what serves: there is nothing to be served.
    pub(super) async fn fail(mut self, problem: &StartError) {
        if let Some(Unlocked { reply, over }) = self.unlocked.take() {
            let _ = reply.send(Err(Unopened::Failed(chain(problem))));
            over.send_replace(Phase::Ending);
        }
        self.end();
        join(&mut self.tasks).await;
    }

    /// Has all end.
    pub(super) fn end(&self) {
        for stop in self.apart.values().chain([&self.stop]) {
            stop.send_replace(true);
        }
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

/// Says where it serves.
pub(super) fn announce(about: &About) {
    info!(socket = %about.socket.display(), pid = std::process::id(), "serving");
    for grant in &about.standing.load().listeners {
        let socket = grant.socket.display();
        info!(listener = grant.name, %socket, anyone = grant.anyone(), "serving");
    }
}
