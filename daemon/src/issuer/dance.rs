//! One dance over HTTP, from its first request to its end.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use jiff::Timestamp;
use tokend_core::{BootTime, Fate, IssuanceId, Name};
use tokend_provider::{
    AcceptedInputs, Ambient, Exchange, Failure, Outcome, Program, Step, Transport, Verdict,
};
use tokio::time::timeout;
use tracing::debug;
use url::Url;

use super::{
    address::{self, RefusedAddress},
    client::Clients,
    login, transfer,
};
use crate::{
    ports::{Clock, Errand, ErrandEnded, Issuance, Job, LONGEST_ISSUANCE, Person, Spoken, Watcher},
    program,
};

/// Runs the dance of an issuance to its end, whatever happens in it.
pub(super) async fn issue(job: Job, clients: &Arc<Clients>, clock: &impl Clock) -> Issuance {
    let Job { name, issuance, reserved_at, operation, held, entropy, definition, inputs } = job;
    let course = Course {
        credential: Some(&name),
        issuance: Some(issuance),
        begun_at: reserved_at,
        within: LONGEST_ISSUANCE,
        inputs: &inputs,
        watcher: None,
    };
    let first = || {
        let ambient = Ambient { now: clock.now().wall, entropy };
        let started = Exchange::start(&definition, &inputs, operation, held.as_ref(), ambient);
        started.unwrap_or_else(|problem| Step::Done(denied(&problem.to_string())))
    };
    let Run { sent_at, fate, took, outcome } = course.run(first, None, clients, clock).await;
    Issuance { name, issuance, sent_at, took, fate, outcome }
}

/// Runs an errand to its end, whatever happens in it.
pub(super) async fn run(errand: Errand, clients: &Arc<Clients>, clock: &impl Clock) -> ErrandEnded {
    let Errand { id, credential, begun_at, within, first, inputs, watcher, person } = errand;
    let course = Course {
        credential: credential.as_ref(),
        issuance: None,
        begun_at,
        within,
        inputs: &inputs,
        watcher: watcher.as_ref(),
    };
    let Run { sent_at, fate, took, outcome } = course.run(|| first, person, clients, clock).await;
    ErrandEnded { id, sent_at, took, fate, outcome }
}

/// What is said of a dance that takes a person where there is none.
const NOBODY: &str = "nobody is there to log in";

/// What goes with a dance all along.
struct Course<'a> {
    credential: Option<&'a Name>,
    issuance: Option<IssuanceId>,
    begun_at: BootTime,
    within: Duration,
    inputs: &'a Arc<AcceptedInputs>,
    watcher: Option<&'a Watcher>,
}

/// A dance that has ended.
struct Run {
    sent_at: Timestamp,
    fate: Fate,
    took: Duration,
    outcome: Outcome,
}

struct Progress {
    sent_at: Timestamp,
    fate: Fate,
    /// Whether an earlier request went through that was more than a look.
    is_committed: bool,
}

impl Course<'_> {
    async fn run(
        &self,
        first: impl FnOnce() -> Step,
        person: Option<Person>,
        clients: &Arc<Clients>,
        clock: &impl Clock,
    ) -> Run {
        let started = clock.now();
        let mut progress =
            Progress { sent_at: started.wall, fate: Fate::Unsent, is_committed: false };
        let dance = async { self.dance(first(), person, clients, clock, &mut progress).await };
        let dance = AssertUnwindSafe(dance).catch_unwind();
        let outcome = match timeout(self.within, dance).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => failed("tokend failed at the dance; see its log"),
            Err(_) => failed("the dance took too long"),
        };
        let Progress { sent_at, mut fate, is_committed } = progress;
        let is_unsure =
            outcome.is_unsure() || is_committed && matches!(outcome, Outcome::Failed(_));
        if fate == Fate::Answered && is_unsure {
            fate = Fate::Unsure;
        } else if fate == Fate::Answered && outcome.is_unrecognised() {
            fate = Fate::Unrecognised;
        }
        Run { sent_at, fate, took: started.boot.until(clock.now().boot), outcome }
    }

    async fn dance(
        &self,
        mut step: Step,
        mut person: Option<Person>,
        clients: &Arc<Clients>,
        clock: &impl Clock,
        progress: &mut Progress,
    ) -> Outcome {
        loop {
            let (exchange, request) = match step {
                Step::Send(exchange, request) => (exchange, request),
                Step::Run(exchange, program) => {
                    return self.execute(*exchange, &program, clock, progress).await;
                }
                Step::Ask(exchange, page) => {
                    let Some(person) = &mut person else { return failed(NOBODY) };
                    step = login::visit(exchange, page, person, clock).await;
                    continue;
                }
                Step::Poll(exchange, poll) => {
                    let Some(person) = &mut person else { return failed(NOBODY) };
                    step = login::wait(exchange, poll, person, clock).await;
                    continue;
                }
                Step::Done(outcome) => return outcome,
            };
            let transport = self.inputs.transport();
            if let Err(refused) = permit(&request.url, transport) {
                return denied(&refused.to_string());
            }
            let client = match clients.find(&request.url, self.inputs).await {
                Ok(client) => client,
                Err(problem) => return unable(problem.is_local(), &problem.to_string()),
            };
            debug!(credential = self.credential.map(display), issuance = self.issuance.map(display),
                method = %request.method, host = request.url.host_str(), "sending");
            let now = clock.now();
            if self.begun_at.until(now.boot) > self.within {
                return failed("the machine slept before the request was sent");
            }
            self.tell(|| Spoken::Request(exchange.show_request(&request)));
            progress.sent_at = now.wall;
            let before = progress.fate;
            let lost = if exchange.commits() { Fate::Lost } else { before };
            progress.fate = lost;
            match transfer::transfer(&client, request, transport).await {
                Ok(answer) => {
                    progress.fate = Fate::Answered;
                    self.tell(|| Spoken::Answer(exchange.show_answer(&answer)));
                    let commits = exchange.commits();
                    step = exchange.answer(&answer, clock.now().wall);
                    progress.is_committed |= commits && matches!(step, Step::Send(..));
                }
                Err(_) if exchange.is_polling() => {
                    step = exchange.unanswered(clock.now().wall);
                }
                Err(problem) => {
                    progress.fate = if problem.was_sent() { lost } else { before };
                    return unable(problem.is_local(), &problem.to_string());
                }
            }
        }
    }

    /// Runs a program in the place of requests.
    async fn execute(
        &self,
        exchange: Exchange,
        program: &Program,
        clock: &impl Clock,
        progress: &mut Progress,
    ) -> Outcome {
        let now = clock.now();
        if self.begun_at.until(now.boot) > self.within {
            return failed("the machine slept before the program was run");
        }
        let path = program.command.first();
        debug!(
            credential = self.credential.map(display),
            issuance = self.issuance.map(display),
            program = path,
            "running"
        );
        // Its arguments and what it prints can be secret.
        let path = path.map_or("", String::as_str);
        self.tell(|| Spoken::Request(format!("the program {path} is run\n")));
        progress.sent_at = now.wall;
        progress.fate = Fate::Lost;
        match program::run(program).await {
            Ok(ended) => {
                progress.fate = Fate::Answered;
                let size = ended.output.len();
                self.tell(|| match ended.code {
                    Some(code) => {
                        Spoken::Answer(format!("it ended with {code} and printed {size} bytes\n"))
                    }
                    None => Spoken::Answer("a signal ended it\n".to_owned()),
                });
                match exchange.ended(&ended) {
                    Step::Done(outcome) => outcome,
                    Step::Send(..) | Step::Run(..) | Step::Ask(..) | Step::Poll(..) => {
                        failed("the program asked for more")
                    }
                }
            }
            Err(problem) => {
                if !problem.was_started() {
                    progress.fate = Fate::Unsent;
                }
                unable(problem.is_local(), &problem.to_string())
            }
        }
    }

    /// Tells the one who looks on, if someone still does.
    fn tell(&self, spoken: impl FnOnce() -> Spoken) {
        if let Some(watcher) = self.watcher {
            let _ = watcher.send(spoken());
        }
    }
}

/// Checks what nobody looks up: hosts that are addresses, and a proxy's.
pub(super) fn permit(url: &Url, transport: &Transport) -> Result<(), RefusedAddress> {
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

/// Something couldn't be asked, or wasn't answered; for want of something here if it `is_local`.
fn unable(is_local: bool, message: &str) -> Outcome {
    failure(if is_local { Verdict::Local } else { Verdict::Transient }, message)
}

fn failed(message: &str) -> Outcome {
    failure(Verdict::Transient, message)
}

fn failure(verdict: Verdict, message: &str) -> Outcome {
    Outcome::Failed(Failure::new(verdict, message))
}
