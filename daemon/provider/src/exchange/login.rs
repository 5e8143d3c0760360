//! A login in progress: a page or a code for a person, then the exchange of what comes
//! of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use minijinja::Value;
use ring::digest;
use url::Url;
use zeroize::Zeroizing;

use super::reading::Refusal;
use super::{Exchange, Step, masking};
use crate::ambient::Ambient;
use crate::answer::{Answer, Document};
use crate::definition::Definition;
use crate::expression::{Expression, context};
use crate::input::AcceptedInputs;
use crate::login::device::{Codes, Device, LONGEST_INTERVAL, SLOWER, Typed};
use crate::login::page::Page;
use crate::login::{DevicePrompt, LoginMethod, Stage};
use crate::outcome::{Failure, LoginEnd, Outcome, Verdict};
use crate::purpose::Purpose;
use crate::recipe::Recipe;
use crate::renewal::Holding;
use crate::request::{Request, RequestError};
use crate::template::Template;

/// The page that a person is to open. Its query names the login, so `Debug` shows the
/// host only.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The page: https, or http to loopback.
    pub url: Url,
}

/// What to do until a person has typed the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// What to show them; `None` once it has been shown.
    pub prompt: Option<DevicePrompt>,
    /// How long to wait before [`Exchange::poll`]: 1 second to 5 minutes.
    pub after: Duration,
    /// Until when the code can be typed: an hour from now at most.
    pub until: Timestamp,
}

/// What is known of a login.
pub(super) struct Course {
    method: LoginMethod,
    /// What the page has to send back.
    pub(super) state: Zeroizing<String>,
    /// The values of expressions.
    pub(super) known: BTreeMap<&'static str, Value>,
    polling: Option<Polling>,
}

/// The wait for a person who types a code.
struct Polling {
    interval: Duration,
    until: Timestamp,
}

/// How a person is asked.
enum Asked {
    Page(Authorization),
    Device(Request),
}

impl Asked {
    fn with(self, exchange: Box<Exchange>) -> Step {
        match self {
            Self::Page(page) => Step::Ask(exchange, page),
            Self::Device(request) => Step::Send(exchange, request),
        }
    }
}

impl Exchange {
    /// Starts a login, one of [`Definition::logins`]. `redirect_uri` is where redirects
    /// come in: [`Definition::redirect`], with the port that is listened at.
    ///
    /// # Errors
    /// If people can't log in like this with these inputs, if redirects come in
    /// elsewhere than the definition says, or if no request can be made of the inputs.
    pub fn login(
        definition: &Arc<Definition>,
        inputs: &Arc<AcceptedInputs>,
        method: LoginMethod,
        redirect_uri: Option<&Url>,
        ambient: Ambient,
    ) -> Result<Step, RequestError> {
        let login = definition.login.as_ref().ok_or(RequestError::NoLogin)?;
        if !definition.logins(inputs).contains(&method) {
            return Err(RequestError::NoLogin);
        }
        let state = ambient.unguessable("state");
        let verifier = ambient.unguessable("code_verifier");
        let challenge = digest::digest(&digest::SHA256, verifier.as_bytes());
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(challenge);
        let mut known = BTreeMap::from([
            ("state", Value::from(state.as_str())),
            ("code_verifier", Value::from(verifier.as_str())),
            ("code_challenge", Value::from(challenge)),
            ("nonce", Value::from(ambient.nonce(0))),
        ]);
        if let Some(page) = &login.page {
            let (redirect, registered) = page.redirect(&context::public(inputs.typed()))?;
            let settled = redirect.settle(&registered, redirect_uri)?;
            known.insert("redirect_uri", Value::from(settled));
        }
        let mut mask = masking::conceal(inputs, None);
        mask.hide(&state);
        mask.hide(&verifier);
        let mut exchange = Box::new(Self {
            definition: Arc::clone(definition),
            inputs: Arc::clone(inputs),
            purpose: Purpose::Login(Stage::Opening),
            way: 0,
            step: 0,
            committed: false,
            holding: Holding::default(),
            keeps: false,
            ambient,
            steps: BTreeMap::new(),
            mask,
            drawn: 0,
            login: Some(Box::new(Course { method, state, known, polling: None })),
        });
        if !login.ways(Stage::Opening).is_empty()
            && let Some(request) = exchange.next(0)?
        {
            return Ok(Step::Send(exchange, request));
        }
        Ok(exchange.asked()?.with(exchange))
    }

    /// Asks whether the code has been typed, after the wait that [`Step::Poll`] told.
    pub fn poll(mut self, now: Timestamp) -> Step {
        match self.polling() {
            None => Step::Done(idle()),
            Some(polling) if now >= polling.until => Step::Done(expired()),
            Some(_) => {
                self.ambient.now = now;
                match self.enter(Stage::Poll) {
                    Ok(request) => Step::Send(Box::new(self), request),
                    Err(problem) => Step::Done(hopeless(&problem)),
                }
            }
        }
    }

    /// Takes it that a question whether the code has been typed got no answer: the next one
    /// waits twice as long (RFC 8628 §3.5). Any other request can't do without.
    pub fn unanswered(self, now: Timestamp) -> Step {
        let Some(polling) = self.polling() else {
            return Step::Done(Outcome::Failed(Failure::new(Verdict::Transient, "no answer came")));
        };
        let interval = (polling.interval * 2).min(LONGEST_INTERVAL);
        self.wait(interval, now)
    }

    /// Goes on once what comes first is done.
    pub(super) fn proceed(self, answer: &Answer, now: Timestamp) -> Step {
        let mut exchange = Box::new(self);
        exchange.ambient.now = now;
        match exchange.asked() {
            Ok(asked) => asked.with(exchange),
            Err(problem) => Step::Done(exchange.stuck(answer, &problem)),
        }
    }

    /// Finds out how to ask the person: by a page, or with a code that is asked for first.
    fn asked(&mut self) -> Result<Asked, RequestError> {
        match self.login.as_ref().map(|login| login.method) {
            Some(LoginMethod::DeviceCode) => self.enter(Stage::Device).map(Asked::Device),
            Some(LoginMethod::AuthorizationCode) | None => {
                let context = self.sign_page()?;
                let page = self.page().ok_or(RequestError::NoLogin)?;
                let url = page.url(&context, self.inputs.reach())?;
                self.drawn += self.length();
                self.purpose = Purpose::Login(Stage::Exchange);
                (self.way, self.step) = (0, 0);
                Ok(Asked::Page(Authorization { url }))
            }
        }
    }

    /// The values of the page's URL.
    fn sign_page(&self) -> Result<Value, RequestError> {
        let base = self.base(self.length());
        let signs: Vec<String> = self.page().map_or_else(Vec::new, |page| {
            let expressions = page.templates().into_iter().flat_map(Template::expressions);
            expressions.flat_map(Expression::signs).map(str::to_owned).collect()
        });
        self.sign(signs.iter().map(String::as_str), base)
    }

    /// Begins a stage with its first request.
    pub(super) fn enter(&mut self, stage: Stage) -> Result<Request, RequestError> {
        self.drawn += self.length();
        self.purpose = Purpose::Login(stage);
        self.step = 0;
        self.committed = false;
        let context = self.base(0);
        self.way = Recipe::choose(self.definition.ways(&self.purpose), &context)?;
        self.next(0)?.ok_or(RequestError::NoStep)
    }

    /// How many requests are drawn for at this stage.
    fn length(&self) -> usize {
        let recipe = self.definition.ways(&self.purpose).get(self.way);
        recipe.map_or(0, |recipe| recipe.steps().len()) + 1
    }

    /// Reads the codes, and has them shown.
    pub(super) fn prompt(mut self, answer: &Answer, context: &Value) -> Step {
        let codes = self.device().map(|device| device.read(context, self.ambient.now));
        let codes = match codes {
            Some(Ok(codes)) => codes,
            Some(Err(error)) => {
                let refusal = self.broken(answer, &error);
                return Step::Done(self.failed(answer, refusal));
            }
            None => return Step::Done(idle()),
        };
        let Codes { device_code, prompt, interval, until } = codes;
        self.mask.hide(&device_code);
        if let Some(login) = &mut self.login {
            login.known.insert("device_code", Value::from(device_code.as_str()));
            login.known.insert("user_code", Value::from(prompt.user_code.as_str()));
            login.polling = Some(Polling { interval, until });
        }
        Step::Poll(Box::new(self), Poll { prompt: Some(prompt), after: interval, until })
    }

    /// Reads whether the code has been typed, if that was asked.
    pub(super) fn typed(&self, answer: &Answer) -> Option<Typed> {
        if !matches!(self.purpose, Purpose::Login(Stage::Poll)) {
            return None;
        }
        let format = self.recipe().steps().get(self.step)?.format;
        let document = Document::read(answer, format);
        let reply = context::reply(answer.status, &answer.headers, document.value());
        let context = context::answer(self.base(self.step), reply, None);
        // A rule that fails on this answer has nothing to say about it.
        self.device()?.typed(&context).ok()?
    }

    /// Goes on after an answer that isn't a token.
    pub(super) fn poll_on(self, typed: Typed, now: Timestamp) -> Step {
        let Some(interval) = self.polling().map(|polling| polling.interval) else {
            return Step::Done(idle());
        };
        match typed {
            Typed::NotYet => self.wait(interval, now),
            Typed::SlowDown => self.wait((interval + SLOWER).min(LONGEST_INTERVAL), now),
            Typed::Declined => Step::Done(declined("the login was declined")),
            Typed::Expired => Step::Done(expired()),
        }
    }

    /// Tells whether the wait for a person goes on in spite of an answer: what is out of
    /// order for a while or has a limit can be asked later.
    pub(super) fn outlasts(&self, refusal: &Refusal) -> bool {
        matches!(self.purpose, Purpose::Login(Stage::Poll)) && refusal.verdict != Verdict::Denied
    }

    fn wait(mut self, interval: Duration, now: Timestamp) -> Step {
        let Some(polling) = self.login.as_mut().and_then(|login| login.polling.as_mut()) else {
            return Step::Done(idle());
        };
        if now >= polling.until {
            return Step::Done(expired());
        }
        polling.interval = interval;
        let poll = Poll { prompt: None, after: interval, until: polling.until };
        Step::Poll(Box::new(self), poll)
    }

    /// Tells whether it is asked time and again whether a person has typed the code.
    pub fn is_polling(&self) -> bool {
        self.polling().is_some()
    }

    fn polling(&self) -> Option<&Polling> {
        self.login.as_ref()?.polling.as_ref()
    }

    fn device(&self) -> Option<&Device> {
        self.definition.login.as_ref()?.device.as_ref()
    }

    pub(super) fn page(&self) -> Option<&Page> {
        self.definition.login.as_ref()?.page.as_ref()
    }
}

/// A person said no.
pub(super) fn declined(message: &str) -> Outcome {
    let failure = Failure::new(Verdict::Denied, message);
    Outcome::Failed(Failure { login: Some(LoginEnd::Declined), ..failure })
}

fn expired() -> Outcome {
    let message = "the code has expired: nobody typed it in time";
    let failure = Failure::new(Verdict::Denied, message);
    Outcome::Failed(Failure { login: Some(LoginEnd::Expired), ..failure })
}

/// No request can be made of the inputs; only a person can mend that.
pub(super) fn hopeless(problem: &RequestError) -> Outcome {
    Outcome::Failed(Failure::new(Verdict::Denied, &problem.to_string()))
}

/// The shell asked for what isn't due.
pub(super) fn idle() -> Outcome {
    Outcome::Failed(Failure::new(Verdict::Transient, "nothing of the kind is due in this login"))
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("url", &self.url.origin().ascii_serialization())
            .finish()
    }
}
