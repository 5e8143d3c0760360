//! A token dance in progress: requests out, answers in, an outcome at the end.

use std::sync::Arc;
use std::{fmt, iter};

use jiff::Timestamp;
use secrecy::ExposeSecret;

use crate::answer::{Answer, Document};
use crate::definition::Definition;
use crate::expression::context;
use crate::input::AcceptedInputs;
use crate::mask::{self, Mask};
use crate::outcome::{Failure, Issued, Outcome, Verdict};
use crate::renewal::{Held, Opening, Operation};
use crate::request::{Request, RequestError};
use crate::{quota, verdict};

/// A token dance in progress. It waits for the answer to the request that came
/// with it.
pub struct Exchange {
    definition: Arc<Definition>,
    inputs: Arc<AcceptedInputs>,
    operation: Operation,
    /// What is still good if the answer doesn't bring it anew.
    kept: Option<Held>,
    started_at: Timestamp,
    mask: Mask,
}

/// What is to be done next.
#[derive(Debug)]
pub enum Step {
    /// Send the request, then hand its answer to the exchange.
    Send(Box<Exchange>, Request),
    /// The dance has ended.
    Done(Outcome),
}

impl Exchange {
    /// Starts a dance with inputs that this definition has accepted, and what was
    /// issued before, if anything was. To issue a token needs nothing that is held;
    /// only a definition whose `[issue]` sends a refresh token goes on from it.
    ///
    /// # Errors
    /// If no request can be made of the inputs, which only a person can mend, or
    /// if nothing is held that can be renewed, which [`Definition::can`] tells.
    pub fn start(
        definition: &Arc<Definition>,
        inputs: &Arc<AcceptedInputs>,
        operation: Operation,
        held: Option<&Held>,
        now: Timestamp,
    ) -> Result<Step, RequestError> {
        let Opening { request, kept } = definition.open(operation, inputs, held)?;
        let exchange = Self {
            definition: Arc::clone(definition),
            inputs: Arc::clone(inputs),
            operation,
            kept: kept.cloned(),
            started_at: now,
            mask: conceal(inputs, held, &request),
        };
        Ok(Step::Send(Box::new(exchange), request))
    }

    /// Takes the answer to the request that was sent.
    pub fn answer(self, answer: &Answer) -> Step {
        Step::Done(self.read(answer))
    }

    fn read(self, answer: &Answer) -> Outcome {
        let date = answer.date();
        let quotas = match self.operation {
            Operation::Issue | Operation::Refresh => {
                quota::read(&answer.headers, date.unwrap_or(self.started_at))
            }
            // Who keeps a token alive asks the API, whose quotas count other things.
            Operation::KeepAlive => Vec::new(),
        };
        match self.judged(answer, date) {
            Ok(Some(issued)) => Outcome::Issued(Issued { quotas, ..issued }),
            Ok(None) => Outcome::KeptAlive { date },
            Err(Refusal { verdict, message }) => {
                let retry_after = verdict::retry_after(answer, date);
                Outcome::Failed(Failure { verdict, retry_after, message, date, quotas })
            }
        }
    }

    /// Judges an answer and takes the token out of it, if it is to have one.
    fn judged(self, answer: &Answer, date: Option<Timestamp>) -> Result<Option<Issued>, Refusal> {
        let Self { definition, inputs, operation, kept, started_at, mut mask } = self;
        let document = Document::read(answer);
        let (status, headers) = (answer.status, &answer.headers);
        let context = context::answer(inputs.context(), status, headers, document.value());
        // These errors quote the definition, never the answer.
        let broken = |error: &dyn std::error::Error| Refusal {
            verdict: Verdict::Transient,
            message: mask::cut(&format!("status {}: {error}", status.as_u16())),
        };
        let judged = definition.verdicts.judge(&document, &context);
        if let Some(verdict) = judged.map_err(|error| broken(&error))? {
            // What isn't a success can hold a token all the same.
            for secret in definition.output.secrets(&context) {
                mask.hide(secret.expose_secret());
            }
            let message = definition.message.describe(answer, &document, &context, &mask);
            return Err(Refusal { verdict, message });
        }
        if operation == Operation::KeepAlive {
            return Ok(None);
        }
        let issued = definition.output.read(&context, kept.as_ref(), started_at, date);
        let issued = issued.map_err(|error| broken(&error))?;
        // A token that can't be presented must not replace one that can.
        let placements = definition.placements(&inputs, &issued.value, &issued.extras);
        placements.map_err(|error| broken(&error))?;
        Ok(Some(issued))
    }
}

/// An answer that brings no token, without what its headers say.
struct Refusal {
    verdict: Verdict,
    message: String,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("definition", &self.definition.name())
            .field("operation", &self.operation)
            .field("started_at", &self.started_at)
            .finish_non_exhaustive()
    }
}

/// Hides the secrets of the inputs, the tokens that are held and what the request
/// makes of both.
fn conceal(inputs: &AcceptedInputs, held: Option<&Held>, request: &Request) -> Mask {
    let mut mask = Mask::default();
    let tokens = held.map(|held| iter::once(&held.value).chain(&held.refresh_token));
    for secret in inputs.secrets().values().chain(tokens.into_iter().flatten()) {
        mask.hide(secret.expose_secret());
    }
    for value in request.headers.values().filter(|value| value.is_sensitive()) {
        let Ok(value) = value.to_str() else { continue };
        mask.hide(value.split_once(' ').map_or(value, |(_, credentials)| credentials));
    }
    mask
}

#[cfg(test)]
mod tests;
