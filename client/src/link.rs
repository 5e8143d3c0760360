//! The channel of a client and the task that keeps its cache current, and the runtime and the
//! process that both belong to.

use std::{
    process,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{runtime::Handle, task::AbortHandle};

use crate::{cache::Cache, channel::Dial, clock::Clock, line::Line, stream::Keeper};

/// What a client needs to ask the daemon; made when it is first needed, and again in another
/// runtime or process if the one before is gone.
#[derive(Debug, Default)]
pub(crate) struct Link(Mutex<Option<Made>>);

#[derive(Debug)]
struct Made {
    line: Line,
    /// Ends when its runtime does.
    keeper: AbortHandle,
    /// A process that forks leaves its runtime's threads behind.
    process: u32,
}

impl Link {
    /// Returns the line to the daemon; `None` if there is none and this is no place to make
    /// one, outside a tokio runtime.
    pub(crate) fn line(&self, dial: &Dial, cache: &Arc<Cache>, clock: &Clock) -> Option<Line> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = made.as_ref().filter(|made| made.is_alive()) {
            return Some(made.line.clone());
        }
        let runtime = Handle::try_current().ok()?;
        let line = Line { channel: dial.channel(), clock: clock.clone(), runtime };
        let keeper = Keeper::new(Arc::clone(cache), line.clone());
        let keeper = line.runtime.spawn(keeper.run()).abort_handle();
        *made = Some(Made { line: line.clone(), keeper, process: process::id() });
        Some(line)
    }

    /// Ends the task.
    pub(crate) fn cut(&self) {
        if let Some(made) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            made.keeper.abort();
        }
    }
}

impl Made {
    fn is_alive(&self) -> bool {
        !self.keeper.is_finished() && self.process == process::id()
    }
}
