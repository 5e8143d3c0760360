//! The thread on which a client without async does its work.

use std::{
    future::Future,
    io, mem,
    path::Path,
    process,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::{self, JoinHandle},
};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};
use tonic::Status;

use crate::Error;

/// The thread, once there is one.
#[derive(Debug, Default)]
pub(super) struct Home(Mutex<Option<Worker>>);

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    /// Dropped, it ends the thread.
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
    /// Threads don't come along when a process forks.
    process: u32,
}

impl Home {
    /// Waits for what is done there.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        socket: &Path,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let runtime = self.runtime().map_err(|source| Error::Unreachable {
            path: socket.to_path_buf(),
            source: Arc::new(source),
        })?;
        let (sender, answer) = mpsc::sync_channel(1);
        runtime.spawn(async move { drop(sender.send(work.await)) });
        // tokio's own ways to wait panic inside of a runtime.
        let lost = || Error::Disconnected(Status::cancelled("the client's thread has ended"));
        answer.recv().unwrap_or_else(|_| Err(lost()))
    }

    fn runtime(&self) -> io::Result<Handle> {
        let mut worker = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match worker.take() {
            Some(found) if found.process == process::id() => *worker = Some(found),
            // What it holds is the parent's, and may be locked for ever.
            other => mem::forget(other),
        }
        if worker.is_none() {
            *worker = Some(Worker::start()?);
        }
        Ok(worker.as_ref().expect("it has just been started").runtime.clone())
    }
}

impl Worker {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("tokend-client".to_owned()).spawn(move || {
            // It only ever ends by being dropped.
            let _ = runtime.block_on(stopped);
        })?;
        Ok(Self { runtime: handle, stop, thread, process: process::id() })
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let worker = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        match worker {
            Some(Worker { stop, thread, process, .. }) if process == process::id() => {
                drop(stop);
                // That it panicked is no reason for the caller to do so.
                drop(thread.join());
            }
            other => mem::forget(other),
        }
    }
}
