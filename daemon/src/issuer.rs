//! Runs providers' dances over HTTP, on a runtime of its own: a slow provider
//! and a large answer never hold up a caller.

mod address;
mod client;
mod dance;
mod identity;
mod login;
mod pem;
mod resolver;
mod transfer;
mod trust;

use std::{io, sync::Arc, thread};

use tokio::{runtime, sync::mpsc, task::JoinSet};
use tracing::error;

use self::client::Clients;
use crate::ports::{Clock, Ended, Errand, Issuer, Job};

/// Something that the issuer's thread is to do.
#[derive(Debug)]
enum Task {
    Issue(Box<Job>),
    Run(Box<Errand>),
}

/// Runs dances over HTTP.
#[derive(Debug)]
pub struct HttpIssuer {
    tasks: mpsc::UnboundedSender<Task>,
    thread: thread::JoinHandle<()>,
}

impl HttpIssuer {
    /// Starts the thread that dances run on. `deliver` gets each one's end.
    pub fn spawn<C, F>(clock: C, deliver: F) -> io::Result<Self>
    where
        C: Clock + Clone + Send + Sync + 'static,
        F: Fn(Ended) + Clone + Send + Sync + 'static,
    {
        // ring is the crypto library of TLS too. An error means that it has been
        // said before in this process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (tasks, queue) = mpsc::unbounded_channel();
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new().name("issuer".to_owned()).spawn(move || {
            runtime.block_on(serve(queue, clock, deliver));
            // A name server that doesn't answer must not hold the daemon's end.
            runtime.shutdown_background();
        })?;
        Ok(Self { tasks, thread })
    }

    /// Ends the thread; dances that are under way are given up.
    pub fn finish(self) {
        drop(self.tasks);
        if self.thread.join().is_err() {
            error!("the issuer's thread has panicked");
        }
    }

    fn queue(&self, task: Task) {
        if self.tasks.send(task).is_err() {
            error!("the issuer's thread is gone");
        }
    }
}

impl Issuer for HttpIssuer {
    fn issue(&mut self, job: Job) {
        self.queue(Task::Issue(Box::new(job)));
    }

    fn run(&mut self, errand: Errand) {
        self.queue(Task::Run(Box::new(errand)));
    }
}

async fn serve<C, F>(mut tasks: mpsc::UnboundedReceiver<Task>, clock: C, deliver: F)
where
    C: Clock + Clone + Send + Sync + 'static,
    F: Fn(Ended) + Clone + Send + Sync + 'static,
{
    let clients = Arc::new(Clients::default());
    let mut dances = JoinSet::new();
    loop {
        tokio::select! {
            task = tasks.recv() => match task {
                Some(task) => {
                    let (clients, clock) = (Arc::clone(&clients), clock.clone());
                    let deliver = deliver.clone();
                    dances.spawn(async move {
                        deliver(match task {
                            Task::Issue(job) => {
                                Ended::Issuance(dance::issue(*job, &clients, &clock).await)
                            }
                            Task::Run(errand) => {
                                Ended::Errand(dance::run(*errand, &clients, &clock).await)
                            }
                        });
                    });
                }
                None => return,
            },
            Some(ended) = dances.join_next() => {
                if let Err(problem) = ended {
                    error!("delivering a dance's end failed: {problem}");
                }
            }
        }
    }
}
