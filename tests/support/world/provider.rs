//! The provider, and the issuer that asks it without a network.

use std::{
    fmt::{self, Display, Formatter},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use tokend::ports::{Issuance, Job, LONGEST_ISSUANCE};
use tokend_core::{BootTime, Cause, Fate, IssuanceId, Name, after};
use tokend_provider::{
    Ambient, Answer, Exchange, Failure, Operation, Outcome, Request, Step, Verdict,
};

use super::{Coming, World};

/// A request that the issuer has tried to send.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Counts the requests from 1.
    pub number: usize,
    /// The credential.
    pub name: Name,
    pub issuance: IssuanceId,
    pub operation: Operation,
    /// Why the engine wanted it.
    pub cause: Cause,
    /// The URL without its scheme.
    pub address: String,
    pub body: String,
    /// When it was sent, by true time ..
    pub sent_at: Timestamp,
    /// .. what the machine's wall clock was ahead then ..
    pub wrong_by: jiff::SignedDuration,
    /// .. when it reached the provider, if it did ..
    pub reached_at: Option<Timestamp>,
    /// .. when the issuer heard the end of it, or would have ..
    pub ended_at: Timestamp,
    /// .. and what that was; `None` until the provider has decided it.
    pub what: Option<What>,
    /// Whether the daemon has heard of it: it may have crashed meanwhile.
    pub heard: bool,
}

/// What becomes of a request.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub what: What,
    /// How long the request is on its way.
    pub reaches_after: Duration,
    /// How long it takes in all, its answer's way included.
    pub took: Duration,
}

/// What the issuer hears of a request.
#[derive(Debug, Clone)]
pub enum What {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// No connection comes about: nothing is sent.
    Refused,
    /// No answer, ever.
    Lost,
}

impl Display for What {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("no connection"),
            Self::Lost => f.write_str("no answer"),
            Self::Answer { status, headers, body } => {
                write!(f, "{status}")?;
                // What each answer has says nothing.
                for (name, value) in headers.iter().filter(|(name, _)| *name != "content-type") {
                    write!(f, " {name}: {value}")?;
                }
                write!(f, " {body}")
            }
        }
    }
}

/// A dance that waits for an answer.
pub(super) struct Dance {
    /// The place of its last request among the attempts.
    pub(super) attempt: usize,
    name: Name,
    issuance: IssuanceId,
    operation: Operation,
    started_at: BootTime,
    sent_at: Timestamp,
    fate: Fate,
    exchange: Box<Exchange>,
}

impl Arrival {
    /// An answer in JSON, a tenth of a second later.
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self::of(What::Answer { status, headers, body: body.into() })
    }

    /// A token that lives for so many seconds.
    pub fn token(value: impl AsRef<str>, life: u64) -> Self {
        let value = value.as_ref();
        Self::json(200, format!(r#"{{"access_token":"{value}","expires_in":{life}}}"#))
    }

    /// A failure with a status and without a word.
    pub fn status(status: u16) -> Self {
        Self::json(status, "{}")
    }

    /// A connection that doesn't come about.
    pub fn refused() -> Self {
        Self::of(What::Refused)
    }

    /// A request of which nothing is heard any more. It has reached the provider.
    pub fn lost() -> Self {
        Self::of(What::Lost).after(LONGEST_ISSUANCE)
    }

    fn of(what: What) -> Self {
        let took = Duration::from_millis(100);
        Self { what, reaches_after: took / 2, took }
    }

    /// Lets it take this long; half of the time is the request's way.
    #[must_use]
    pub fn after(self, took: Duration) -> Self {
        Self { reaches_after: took / 2, took, ..self }
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let What::Answer { headers, .. } = &mut self.what {
            headers.push((name, value.into()));
        }
        self
    }
}

impl World {
    /// Begins a dance, as the daemon's own issuer does.
    pub(super) fn begin(&mut self, job: Job) {
        let Job { name, issuance, reserved_at, operation, held, entropy, definition, inputs } = job;
        let now = self.now();
        let ambient = Ambient { now: now.wall, entropy };
        if reserved_at.until(now.boot) > LONGEST_ISSUANCE {
            self.end_at_once(name, issuance, failed("the machine slept"));
            return;
        }
        match Exchange::start(&definition, &inputs, operation, held.as_ref(), ambient) {
            Ok(Step::Send(exchange, request)) => {
                let (started_at, sent_at, fate) = (now.boot, now.wall, Fate::Unsent);
                let dance = Dance {
                    attempt: 0,
                    name,
                    issuance,
                    operation,
                    started_at,
                    sent_at,
                    fate,
                    exchange,
                };
                self.send(dance, &request);
            }
            Ok(Step::Run(..)) => {
                self.end_at_once(name, issuance, failed("no programs here"));
            }
            Ok(Step::Ask(..) | Step::Poll(..)) => {
                self.end_at_once(name, issuance, failed("nobody is here"));
            }
            Ok(Step::Done(outcome)) => self.end_at_once(name, issuance, outcome),
            Err(problem) => {
                let outcome = failure(Verdict::Denied, &problem.to_string());
                self.end_at_once(name, issuance, outcome);
            }
        }
    }

    fn end_at_once(&mut self, name: Name, issuance: IssuanceId, outcome: Outcome) {
        let (sent_at, took, fate) = (self.now().wall, Duration::ZERO, Fate::Unsent);
        let ended = Issuance { name, issuance, sent_at, took, fate, outcome };
        self.expect(took, Coming::Issued(Box::new(ended)));
    }

    fn send(&mut self, dance: Dance, request: &Request) {
        let sent_at = self.truth();
        let mut attempt = Attempt {
            number: self.attempts.len() + 1,
            name: dance.name.clone(),
            issuance: dance.issuance,
            operation: dance.operation,
            cause: self.causes[&dance.issuance],
            address: request.url.as_str().trim_start_matches("https://").to_owned(),
            body: request.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default().into(),
            sent_at,
            wrong_by: self.machine.wrong_by(),
            reached_at: None,
            ended_at: sent_at,
            what: None,
            heard: false,
        };
        let Arrival { mut what, reaches_after, mut took } = (self.provider)(&attempt);
        if took >= LONGEST_ISSUANCE {
            // The issuer gives up.
            took = LONGEST_ISSUANCE;
            what = What::Lost;
        }
        if !matches!(what, What::Refused) {
            attempt.reached_at = Some(after(sent_at, reaches_after.min(took)));
        }
        attempt.ended_at = after(sent_at, took);
        attempt.what = Some(what);
        let dance = Dance { attempt: self.attempts.len(), sent_at: self.now().wall, ..dance };
        self.attempts.push(attempt);
        self.expect(took, Coming::Ended(Box::new(dance)));
    }

    /// A request has ended, and the dance with it unless it goes on.
    pub(super) fn end(&mut self, dance: Dance) {
        let Dance { attempt, name, issuance, operation, started_at, sent_at, fate, exchange } =
            dance;
        let now = self.truth();
        let record = &mut self.attempts[attempt];
        record.ended_at = now;
        record.heard = true;
        let what = record.what.clone().expect("the provider has decided it");
        let took = started_at.until(self.now().boot);
        let (fate, outcome) = match what {
            What::Refused => (fate, failed("can't connect")),
            What::Lost => (Fate::Lost, failed("the dance took too long")),
            What::Answer { status, headers, body } => {
                match exchange.answer(&answer(status, &headers, body), self.now().wall) {
                    Step::Run(..) => (Fate::Answered, failed("no programs here")),
                    Step::Ask(..) | Step::Poll(..) => (Fate::Answered, failed("nobody is here")),
                    Step::Done(outcome) if outcome.is_unsure() => (Fate::Unsure, outcome),
                    Step::Done(outcome) if outcome.is_unrecognised() => {
                        (Fate::Unrecognised, outcome)
                    }
                    Step::Done(outcome) => (Fate::Answered, outcome),
                    Step::Send(exchange, request) => {
                        let fate = Fate::Answered;
                        let dance = Dance {
                            attempt,
                            name,
                            issuance,
                            operation,
                            started_at,
                            sent_at,
                            fate,
                            exchange,
                        };
                        return self.send(dance, &request);
                    }
                }
            }
        };
        let ended = Issuance { name, issuance, sent_at, took, fate, outcome };
        self.daemon().engine.issued(ended);
    }
}

pub(super) fn answer(status: u16, fields: &[(&'static str, String)], body: String) -> Answer {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: body.into() }
}

pub(super) fn failed(message: &str) -> Outcome {
    failure(Verdict::Transient, message)
}

fn failure(verdict: Verdict, message: &str) -> Outcome {
    Outcome::Failed(Failure::new(verdict, message))
}
