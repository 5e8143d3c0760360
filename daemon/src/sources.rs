//! Reads secrets from files and commands of this machine, on a runtime of its own: a file
//! system that hangs and a slow command never hold up a caller.

mod minder;
mod reading;
#[cfg(test)]
mod tests;
mod watch;

use std::{collections::BTreeMap, io, sync::Arc, thread};

use tokend_core::Name;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use self::minder::Minder;
use crate::{
    apart,
    credential::Source,
    ports::{Clock, Look, Reading, Sources, Supplied},
};

/// Something that the sources' thread is to do.
#[derive(Debug)]
enum Task {
    Mind(Name, BTreeMap<String, Source>),
    Look(Name, Look),
    Read(Source, oneshot::Sender<Reading>),
    End,
}

/// Files and commands of this machine.
#[derive(Debug)]
pub struct LocalSources {
    tasks: mpsc::UnboundedSender<Task>,
}

/// What it takes to end the sources' thread.
#[derive(Debug)]
pub struct Ending {
    sources: Arc<LocalSources>,
    thread: thread::JoinHandle<()>,
}

impl LocalSources {
    /// Starts the thread that reads them. `deliver` gets what they yield.
    pub fn spawn<C, F>(clock: C, deliver: F) -> io::Result<(Arc<Self>, Ending)>
    where
        C: Clock + Send + 'static,
        F: Fn(Supplied) + Send + 'static,
    {
        let (tasks, queue) = mpsc::unbounded_channel();
        let thread = apart::spawn("sources", move || Minder::new(clock, deliver).run(queue))?;
        let sources = Arc::new(Self { tasks });
        Ok((Arc::clone(&sources), Ending { sources, thread }))
    }

    fn queue(&self, task: Task) {
        if self.tasks.send(task).is_err() {
            error!("the sources' thread is gone");
        }
    }
}

impl Ending {
    /// Ends the thread; commands that are under way are killed.
    pub fn finish(self) {
        self.sources.queue(Task::End);
        if self.thread.join().is_err() {
            error!("the sources' thread has panicked");
        }
    }
}

impl Sources for LocalSources {
    fn mind(&self, name: &Name, sources: &BTreeMap<String, Source>) {
        self.queue(Task::Mind(name.clone(), sources.clone()));
    }

    fn look(&self, name: &Name, look: Look) {
        self.queue(Task::Look(name.clone(), look));
    }

    fn read(&self, source: Source) -> oneshot::Receiver<Reading> {
        let (reply, reading) = oneshot::channel();
        self.queue(Task::Read(source, reply));
        reading
    }
}
