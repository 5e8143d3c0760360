//! A token dance in progress: requests out, answers in, an outcome at the end.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use minijinja::Value;
use secrecy::ExposeSecret;

use self::login::Course;
use self::reading::Refusal;
use crate::ambient::Ambient;
use crate::answer::Answer;
use crate::definition::Definition;
use crate::expression::context;
use crate::input::AcceptedInputs;
use crate::input::declaration::REFRESH_TOKEN;
use crate::login::Stage;
use crate::mask::Mask;
use crate::outcome::{Issued, Outcome, Verdict};
use crate::program::{Ended, Program};
use crate::purpose::Purpose;
use crate::recipe::{Recipe, Work};
use crate::renewal::{Held, Holding, Operation};
use crate::request::{Request, RequestError};
use crate::signature::SignatureError;

pub use self::login::{Authorization, Poll};
pub use self::redirect::RedirectError;

mod exec;
mod login;
mod masking;
mod reading;
mod redirect;
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
    holding: Holding,
    /// Whether a step before it was more than a look at what anyone may see.
    committed: bool,
    /// Whether what is held is still good if the answer doesn't bring it anew.
    keeps: bool,
    /// When the last request was made, and chance.
    ambient: Ambient,
    /// The answers so far, by the names of their steps.
    steps: BTreeMap<String, Value>,
    mask: Mask,
    /// How many requests earlier stages of a login have drawn for.
    drawn: usize,
    login: Option<Box<Course>>,
}

/// What is to be done next.
#[derive(Debug)]
pub enum Step {
    /// Send the request, then hand its answer to the exchange.
    Send(Box<Exchange>, Request),
    /// Run the program, then tell the exchange how it ended.
    Run(Box<Exchange>, Program),
    /// Have a person open the page, then hand the exchange what the browser was led back
    /// with.
    Ask(Box<Exchange>, Authorization),
    /// Show the person the prompt, if there is one; wait, then have the exchange ask.
    Poll(Box<Exchange>, Poll),
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
            committed: false,
            holding: definition.holding(inputs, held),
            keeps,
            ambient,
            steps: BTreeMap::new(),
            mask: masking::conceal(inputs, held),
            drawn: 0,
            login: None,
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
        if let Some(typed) = self.typed(answer) {
            return self.poll_on(typed, now);
        }
        let (document, context) = match self.judge(answer) {
            Ok(read) => read,
            Err(refusal) if self.outlasts(&refusal) => return self.unanswered(now),
            Err(refusal) => return Step::Done(self.failed(answer, refusal)),
        };
        self.remember(answer, &document);
        let started_at = std::mem::replace(&mut self.ambient.now, now);
        self.committed |= self.commits();
        match self.next(self.step + 1) {
            Ok(Some(request)) => Step::Send(Box::new(self), request),
            Ok(None) => {
                self.ambient.now = started_at;
                // The output can name the last step as well.
                let context = context::after(context, &self.steps);
                match self.purpose {
                    Purpose::Login(Stage::Opening) => self.proceed(answer, now),
                    Purpose::Login(Stage::Device) => self.prompt(answer, &context),
                    _ => Step::Done(self.finish(answer, context)),
                }
            }
            Err(problem) => Step::Done(self.stuck(answer, &problem)),
        }
    }

    /// Ends a dance whose next request can't be made.
    fn stuck(&self, answer: &Answer, problem: &RequestError) -> Outcome {
        let verdict = match problem {
            // It would lead there each time, and the first requests would go out
            // each time.
            RequestError::OutOfReach { .. } => Verdict::Denied,
            // What a later request needs, the answers so far haven't brought.
            _ => Verdict::Transient,
        };
        self.failed(answer, Refusal::new(verdict, problem.to_string()))
    }

    /// Takes the end of the program that was run.
    pub fn ended(self, ended: &Ended) -> Step {
        Step::Done(self.read_program(ended))
    }

    /// Tells whether the request that waits for its answer is more than a look at what anyone
    /// may see, such as an issuer's metadata: if its answer is lost, what it sent may be spent.
    pub fn commits(&self) -> bool {
        match &self.recipe().work {
            Work::Steps(steps) => steps[self.step].call.commits(),
            Work::Local | Work::Exec { .. } => true,
        }
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
        let base = context::at(self.inputs.context(), &self.ambient, self.drawn + number);
        let base = context::after(base, &self.steps);
        match (&self.purpose, &self.login) {
            (Purpose::Operation(Operation::Issue), _) => {
                context::issue(base, self.holding.refresh_token.as_ref())
            }
            (Purpose::Operation(_), _) => self.holding.context(base),
            (Purpose::Login(_), Some(login)) => context::login(base, &login.known),
            (Purpose::Login(_), None) => base,
            (Purpose::Remote { arguments, .. }, _) => {
                self.holding.context(context::called(base, arguments))
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
        let context = context::answer(context, Value::UNDEFINED, self.held());
        let default = self.inputs.life();
        let issued = output.read(&context, self.kept(), self.ambient.now, None, default);
        let issued = issued.map_err(|error| RequestError::Local(error.to_string()))?;
        self.present(&issued).map_err(|error| RequestError::Local(error.to_string()))?;
        Ok(Outcome::Issued(self.settle(issued)))
    }

    /// Puts the refresh token where it lives: where a token can be had only by it, it is
    /// the secret of that name.
    fn settle(&self, mut issued: Issued) -> Issued {
        if !self.definition.needs_login(&self.inputs) {
            return issued;
        }
        let Some(token) = issued.refresh_token.take() else { return issued };
        let before = self.inputs.secrets().get(REFRESH_TOKEN);
        if before.is_none_or(|before| before.expose_secret() != token.expose_secret()) {
            issued.secrets.entry(REFRESH_TOKEN.to_owned()).or_insert(token);
        }
        issued
    }

    fn held(&self) -> Option<&Held> {
        self.holding.held.as_ref()
    }

    fn kept(&self) -> Option<&Held> {
        self.held().filter(|_| self.keeps)
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
