//! Runs providers' dances over HTTP, on a runtime of its own: a slow provider
//! and a large answer never hold up a caller.

mod address;
mod client;
mod identity;
mod pem;
mod program;
mod resolver;
mod transfer;
mod trust;

use std::{io, panic::AssertUnwindSafe, sync::Arc, thread};

use futures_util::FutureExt;
use tokend_core::Fate;
use tokend_provider::{Ambient, Exchange, Failure, Outcome, Program, Step, Transport, Verdict};
use tokio::{runtime, sync::mpsc, task::JoinSet, time::timeout};
use tracing::{debug, error};
use url::Url;

use self::{address::RefusedAddress, client::Clients};
use crate::ports::{Clock, Issuance, Issuer, Job, LONGEST_ISSUANCE};

/// Runs dances over HTTP.
#[derive(Debug)]
pub struct HttpIssuer {
    jobs: mpsc::UnboundedSender<Job>,
    thread: thread::JoinHandle<()>,
}

impl HttpIssuer {
    /// Starts the thread that dances run on. `deliver` gets each one's end.
    pub fn spawn<C, F>(clock: C, deliver: F) -> io::Result<Self>
    where
        C: Clock + Clone + Send + Sync + 'static,
        F: Fn(Issuance) + Clone + Send + Sync + 'static,
    {
        // ring is the crypto library of TLS too. An error means that it has been
        // said before in this process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (jobs, queue) = mpsc::unbounded_channel();
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new().name("issuer".to_owned()).spawn(move || {
            runtime.block_on(serve(queue, clock, deliver));
            // A name server that doesn't answer must not hold the daemon's end.
            runtime.shutdown_background();
        })?;
        Ok(Self { jobs, thread })
    }

    /// Ends the thread; dances that are under way are given up.
    pub fn finish(self) {
        drop(self.jobs);
        if self.thread.join().is_err() {
            error!("the issuer's thread has panicked");
        }
    }
}

impl Issuer for HttpIssuer {
    fn issue(&mut self, job: Job) {
        if let Err(lost) = self.jobs.send(job) {
            error!(credential = %lost.0.name, "the issuer's thread is gone");
        }
    }
}

async fn serve<C, F>(mut jobs: mpsc::UnboundedReceiver<Job>, clock: C, deliver: F)
where
    C: Clock + Clone + Send + Sync + 'static,
    F: Fn(Issuance) + Clone + Send + Sync + 'static,
{
    let clients = Arc::new(Clients::default());
    let mut dances = JoinSet::new();
    loop {
        tokio::select! {
            job = jobs.recv() => match job {
                Some(job) => {
                    let dance = run(job, Arc::clone(&clients), clock.clone());
                    let deliver = deliver.clone();
                    dances.spawn(async move { deliver(dance.await) });
                }
                None => return,
            },
            Some(ended) = dances.join_next() => {
                if let Err(problem) = ended {
                    error!("delivering an issuance failed: {problem}");
                }
            }
        }
    }
}

/// Runs one dance to its end, whatever happens in it.
async fn run(job: Job, clients: Arc<Clients>, clock: impl Clock) -> Issuance {
    let started = clock.now();
    let mut progress = Progress { sent_at: started.wall, fate: Fate::Unsent };
    let dance = AssertUnwindSafe(dance(&job, &clients, &clock, &mut progress)).catch_unwind();
    let outcome = match timeout(LONGEST_ISSUANCE, dance).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => failed("tokend failed at the dance; see its log"),
        Err(_) => failed("the dance took too long"),
    };
    Issuance {
        name: job.name,
        issuance: job.issuance,
        sent_at: progress.sent_at,
        took: started.boot.until(clock.now().boot),
        fate: progress.fate,
        outcome,
    }
}

struct Progress {
    sent_at: jiff::Timestamp,
    fate: Fate,
}

async fn dance(
    job: &Job,
    clients: &Arc<Clients>,
    clock: &impl Clock,
    progress: &mut Progress,
) -> Outcome {
    let Job { definition, inputs, operation, held, .. } = job;
    let ambient = Ambient { now: clock.now().wall, entropy: job.entropy };
    let mut step = match Exchange::start(definition, inputs, *operation, held.as_ref(), ambient) {
        Ok(step) => step,
        Err(problem) => return denied(&problem.to_string()),
    };
    loop {
        let (exchange, request) = match step {
            Step::Send(exchange, request) => (exchange, request),
            Step::Run(exchange, program) => {
                return execute(job, *exchange, &program, clock, progress).await;
            }
            Step::Done(outcome) => return outcome,
        };
        let transport = inputs.transport();
        if let Err(refused) = permit(&request.url, transport) {
            return denied(&refused.to_string());
        }
        let client = match clients.find(&request.url, inputs).await {
            Ok(client) => client,
            Err(problem) => return failed(&problem.to_string()),
        };
        debug!(credential = %job.name, issuance = %job.issuance, method = %request.method,
            host = request.url.host_str(), "sending");
        let now = clock.now();
        if job.reserved_at.until(now.boot) > LONGEST_ISSUANCE {
            return failed("the machine slept before the request was sent");
        }
        progress.sent_at = now.wall;
        let before = std::mem::replace(&mut progress.fate, Fate::Lost);
        match transfer::transfer(&client, request, transport).await {
            Ok(answer) => {
                progress.fate = Fate::Answered;
                step = exchange.answer(&answer, clock.now().wall);
            }
            Err(problem) => {
                progress.fate = if problem.was_sent() { Fate::Lost } else { before };
                return failed(&problem.to_string());
            }
        }
    }
}

/// Runs a program in the place of requests.
async fn execute(
    job: &Job,
    exchange: Exchange,
    program: &Program,
    clock: &impl Clock,
    progress: &mut Progress,
) -> Outcome {
    let now = clock.now();
    if job.reserved_at.until(now.boot) > LONGEST_ISSUANCE {
        return failed("the machine slept before the program was run");
    }
    debug!(credential = %job.name, issuance = %job.issuance,
        program = program.command.first(), "running");
    progress.sent_at = now.wall;
    progress.fate = Fate::Lost;
    match program::run(program).await {
        Ok(ended) => {
            progress.fate = Fate::Answered;
            match exchange.ended(&ended) {
                Step::Done(outcome) => outcome,
                Step::Send(..) | Step::Run(..) => failed("the program asked for more"),
            }
        }
        Err(problem) => {
            if !problem.was_started() {
                progress.fate = Fate::Unsent;
            }
            failed(&problem.to_string())
        }
    }
}

/// Checks what nobody looks up: hosts that are addresses, and a proxy's.
fn permit(url: &Url, transport: &Transport) -> Result<(), RefusedAddress> {
    if transport.allow_link_local {
        return Ok(());
    }
    address::check(url)?;
    transport.proxy.as_ref().map_or(Ok(()), |proxy| address::check(&proxy.url))
}

/// No request can be made of the inputs; only a person can mend that.
fn denied(message: &str) -> Outcome {
    failure(Verdict::Denied, message)
}

fn failed(message: &str) -> Outcome {
    failure(Verdict::Transient, message)
}

fn failure(verdict: Verdict, message: &str) -> Outcome {
    Outcome::Failed(Failure {
        verdict,
        retry_after: None,
        message: message.to_owned(),
        date: None,
        quotas: Vec::new(),
    })
}
