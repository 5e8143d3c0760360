//! Runs providers' dances over HTTP, on runtimes of their own: a slow provider
//! and a large answer never hold up a caller, nor another provider.

mod address;
mod client;
mod dance;
mod identity;
mod lanes;
mod login;
mod pem;
mod probe;
mod resolver;
mod transfer;
mod trust;

use std::{io, sync::Arc};

use tokend_provider::AcceptedInputs;

pub use self::probe::HttpProber;
use self::{client::Clients, lanes::Lanes};
use crate::ports::{Clock, Ended, Errand, Issuer, Job};

/// Runs dances over HTTP.
#[derive(Debug)]
pub struct HttpIssuer {
    lanes: Lanes<Task>,
}

/// Something that the issuer is to do.
#[derive(Debug)]
enum Task {
    Issue(Box<Job>),
    Run(Box<Errand>),
}

impl HttpIssuer {
    /// Starts a thread that dances can run on. `deliver` gets each one's end.
    pub fn spawn<C, F>(clock: C, deliver: F) -> io::Result<Self>
    where
        C: Clock + Clone + Send + Sync + 'static,
        F: Fn(Ended) + Clone + Send + Sync + 'static,
    {
        // ring is the crypto library of TLS too. An error means that it has been
        // said before in this process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let lanes = Lanes::new(move || {
            let clients = Arc::new(Clients::default());
            let (clock, deliver) = (clock.clone(), deliver.clone());
            Box::new(move |task| {
                let clients = Arc::clone(&clients);
                let (clock, deliver) = (clock.clone(), deliver.clone());
                Box::pin(async move {
                    deliver(match task {
                        Task::Issue(job) => {
                            Ended::Issuance(dance::issue(*job, &clients, &clock).await)
                        }
                        Task::Run(errand) => {
                            Ended::Errand(dance::run(*errand, &clients, &clock).await)
                        }
                    });
                })
            })
        })?;
        Ok(Self { lanes })
    }

    /// Ends the threads; dances that are under way are given up.
    pub fn finish(self) {
        self.lanes.finish();
    }
}

impl Issuer for HttpIssuer {
    fn issue(&mut self, job: Job) {
        let inputs = Arc::clone(&job.inputs);
        self.lanes.run(provider(&inputs), Task::Issue(Box::new(job)));
    }

    fn run(&mut self, errand: Errand) {
        let inputs = Arc::clone(&errand.inputs);
        self.lanes.run(provider(&inputs), Task::Run(Box::new(errand)));
    }
}

/// Who is asked.
fn provider(inputs: &AcceptedInputs) -> &str {
    inputs.account().host()
}
