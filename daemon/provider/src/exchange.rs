//! A token dance in progress: requests out, answers in, an outcome at the end.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use minijinja::Value;

use self::reading::Refusal;
use crate::ambient::Ambient;
use crate::answer::Answer;
use crate::definition::Definition;
use crate::expression::context;
use crate::input::AcceptedInputs;
use crate::mask::Mask;
use crate::outcome::{Outcome, Verdict};
use crate::program::{Ended, Program};
use crate::purpose::Purpose;
use crate::recipe::{Recipe, Work};
use crate::renewal::{Held, Operation};
use crate::request::{Request, RequestError};
use crate::signature::SignatureError;

mod exec;
mod masking;
mod reading;
mod transcript;

/// A token dance in progress. It waits for the answer to the request that came
/// with it.
pub struct Exchange {
    definition: Arc<Definition>,
    inputs: Arc<AcceptedInputs>,
    purpose: Purpose,
    /// Which way is gone, of those that the definition has.
    way: usize,
    /// Which step of it waits for an answer.
    step: usize,
    held: Option<Held>,
    /// Whether what is held is still good if the answer doesn't bring it anew.
    keeps: bool,
    /// When the last request was made, and chance.
    ambient: Ambient,
    /// The answers so far, by the names of their steps.
    steps: BTreeMap<String, Value>,
    mask: Mask,
}

/// What is to be done next.
#[derive(Debug)]
pub enum Step {
    /// Send the request, then hand its answer to the exchange.
    Send(Box<Exchange>, Request),
    /// Run the program, then tell the exchange how it ended.
    Run(Box<Exchange>, Program),
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
        ambient: Ambient,
    ) -> Result<Step, RequestError> {
        let (way, keeps) = definition.open(operation, inputs, held)?;
        let purpose = Purpose::Operation(operation);
        Self::begin(definition, inputs, purpose, (way, keeps), held, ambient)
    }

    /// Starts an operation on the far side, one of [`Definition::remotes`], with its
    /// arguments.
    ///
    /// # Errors
    /// If the definition has no such operation, if the arguments don't fit, or if
    /// it needs what isn't held.
    pub fn remote(
        definition: &Arc<Definition>,
        inputs: &Arc<AcceptedInputs>,
        name: &str,
        arguments: BTreeMap<String, String>,
        held: Option<&Held>,
        ambient: Ambient,
    ) -> Result<Step, RequestError> {
        let (way, arguments) = definition.call(name, inputs, arguments, held)?;
        let purpose = Purpose::Remote { name: name.to_owned(), arguments };
        Self::begin(definition, inputs, purpose, (way, true), held, ambient)
    }

    fn begin(
        definition: &Arc<Definition>,
        inputs: &Arc<AcceptedInputs>,
        purpose: Purpose,
        (way, keeps): (usize, bool),
        held: Option<&Held>,
        ambient: Ambient,
    ) -> Result<Step, RequestError> {
        let mut exchange = Self {
            definition: Arc::clone(definition),
            inputs: Arc::clone(inputs),
            purpose,
            way,
            step: 0,
            held: held.cloned(),
            keeps,
            ambient,
            steps: BTreeMap::new(),
            mask: masking::conceal(inputs, held),
        };
        match &exchange.recipe().work {
            Work::Local => exchange.local().map(Step::Done),
            Work::Exec { .. } => {
                let program = exchange.program();
                Ok(Step::Run(Box::new(exchange), program))
            }
            Work::Steps(_) => match exchange.next(0)? {
                Some(request) => Ok(Step::Send(Box::new(exchange), request)),
                None => Err(RequestError::NoStep),
            },
        }
    }

    /// Takes the answer to the request that was sent; `now` is the time by the clock
    /// that [`Ambient::now`] was read from.
    pub fn answer(mut self, answer: &Answer, now: Timestamp) -> Step {
        let (document, context) = match self.judge(answer) {
            Ok(read) => read,
            Err(refusal) => return Step::Done(self.failed(answer, refusal)),
        };
        self.remember(answer, &document);
        let started_at = std::mem::replace(&mut self.ambient.now, now);
        match self.next(self.step + 1) {
            Ok(Some(request)) => Step::Send(Box::new(self), request),
            Ok(None) => {
                self.ambient.now = started_at;
                // The output can name the last step as well.
                let context = context::after(context, &self.steps);
                Step::Done(self.finish(answer, context))
            }
            Err(problem) => {
                let verdict = match problem {
                    // It would lead there each time, and the first requests would go out
                    // each time.
                    RequestError::OutOfReach { .. } => Verdict::Denied,
                    // What a later request needs, the answers so far haven't brought.
                    _ => Verdict::Transient,
                };
                let refusal = Refusal::new(verdict, problem.to_string());
                Step::Done(self.failed(answer, refusal))
            }
        }
    }

    /// Takes the end of the program that was run.
    pub fn ended(self, ended: &Ended) -> Step {
        Step::Done(self.read_program(ended))
    }

    fn recipe(&self) -> &Recipe {
        &self.definition.ways(&self.purpose)[self.way]
    }

    fn sign<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
        base: Value,
    ) -> Result<Value, RequestError> {
        let made = self.definition.signatures.make(names, &base);
        let made = made.map_err(|(name, reason): (String, SignatureError)| {
            RequestError::Signature { name, reason }
        })?;
        Ok(context::signed(base, made))
    }

    /// The values of the request of this number, without signatures.
    fn base(&self, number: usize) -> Value {
        let base = context::at(self.inputs.context(), &self.ambient, number);
        let base = context::after(base, &self.steps);
        match (&self.purpose, &self.held) {
            (Purpose::Operation(Operation::Issue), held) => context::issue(base, held.as_ref()),
            (Purpose::Operation(_), None) => base,
            (Purpose::Operation(_), Some(held)) => context::renewal(base, held),
            (Purpose::Remote { arguments, .. }, held) => {
                let base = context::called(base, arguments);
                held.as_ref().map_or(base.clone(), |held| context::renewal(base, held))
            }
        }
    }

    /// Makes the next request from this step on, if one is to be sent.
    fn next(&mut self, from: usize) -> Result<Option<Request>, RequestError> {
        let definition = Arc::clone(&self.definition);
        let Work::Steps(steps) = &definition.ways(&self.purpose)[self.way].work else {
            return Ok(None);
        };
        for (number, step) in steps.iter().enumerate().skip(from) {
            let base = self.base(number);
            if !step.applies(&base)? {
                continue;
            }
            let context = self.sign(step.signs(), base)?;
            let request = step.call.render(&context, self.inputs.reach())?;
            self.step = number;
            self.hide(&request, step, &context);
            return Ok(Some(request));
        }
        Ok(None)
    }

    /// Ends a dance in which nothing is sent.
    fn local(&self) -> Result<Outcome, RequestError> {
        let output = self.output();
        let context = self.sign(output.signs(), self.base(0))?;
        let context = context::answer(context, Value::UNDEFINED, self.held.as_ref());
        let default = self.inputs.life();
        let issued = output.read(&context, self.kept(), self.ambient.now, None, default);
        let issued = issued.map_err(|error| RequestError::Local(error.to_string()))?;
        self.present(&issued).map_err(|error| RequestError::Local(error.to_string()))?;
        Ok(Outcome::Issued(issued))
    }

    fn kept(&self) -> Option<&Held> {
        self.held.as_ref().filter(|_| self.keeps)
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("definition", &self.definition.name())
            .field("purpose", &self.purpose)
            .field("step", &self.step)
            .field("ambient", &self.ambient)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
