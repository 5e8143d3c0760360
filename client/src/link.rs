//! The channels of a client and the task that keeps its cache current, and the runtimes and the
//! process that they belong to.

use std::{
    future::pending,
    mem, process,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{runtime::Handle, task::AbortHandle};

use crate::{cache::Cache, channel::Dial, clock::Clock, line::Line, stream::Keeper, wire::Wire};

/// What a client needs to ask the daemon: a line in each runtime that asks, since nothing
/// comes over one whose runtime no one runs. Those of runtimes that have ended go.
#[derive(Debug, Default)]
pub(crate) struct Link(Mutex<Vec<Made>>);

#[derive(Debug)]
struct Made {
    line: Line,
    /// Ends when the runtime does; in one of them it keeps the cache current.
    task: AbortHandle,
    is_keeper: bool,
    /// A process that forks leaves its runtimes' threads behind.
    process: u32,
}

impl Link {
    /// Returns the line to the daemon in this runtime, made if need be; outside of one that of
    /// the runtime that keeps the cache current, if any does.
    pub(crate) fn line(&self, dial: &Dial, cache: &Arc<Cache>, clock: &Clock) -> Option<Line> {
        let mut all = self.all();
        all.retain(|made| !made.task.is_finished());
        let Ok(runtime) = Handle::try_current() else {
            return all.iter().find(|made| made.is_keeper).map(|made| made.line.clone());
        };
        let here = all.iter().position(|made| made.line.runtime.id() == runtime.id());
        let is_deaf = cache.is_deaf(clock.glance());
        // The task of a runtime that no one runs is of no use.
        let keeper = all.iter().position(|made| made.is_keeper);
        let keeper = keeper.filter(|keeper| here == Some(*keeper) || !is_deaf);
        let line = match here.map(|here| all[here].line.clone()) {
            Some(line) if keeper.is_some() => return Some(line),
            Some(line) => line,
            None => Line { wire: Wire::new(dial.clone()), clock: clock.clone(), runtime },
        };
        let is_keeper = keeper.is_none();
        let ends = |made: &Made| {
            is_keeper && (made.is_keeper || made.line.runtime.id() == line.runtime.id())
        };
        all.extract_if(.., |made| ends(made)).for_each(|made| made.task.abort());
        let task = if is_keeper {
            line.runtime.spawn(Keeper::new(Arc::clone(cache), line.clone()).run())
        } else {
            line.runtime.spawn(pending())
        };
        let (task, process) = (task.abort_handle(), process::id());
        all.push(Made { line: line.clone(), task, is_keeper, process });
        Some(line)
    }

    /// Ends the tasks.
    pub(crate) fn cut(&self) {
        self.all().drain(..).for_each(|made| made.task.abort());
    }

    /// Returns what belongs to this process.
    fn all(&self) -> MutexGuard<'_, Vec<Made>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What the others hold is the parent's, and may be locked for ever.
        all.extract_if(.., |made| made.process != process::id()).for_each(mem::forget);
        all
    }
}
