//! Runs a row's definition against answers made of the row.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use secrecy::ExposeSecret;
use serde_json::json;
use tokend_provider::{
    AcceptedInputs, Ambient, Answer, Definition, Exchange, Held, Issued, Operation, Outcome,
    Request, Step,
};

use super::asking::Asking;
use super::dimension::{Dimension, Mark};
use super::expiry::Expiry;
use super::limit::Limits;
use super::place::Place;
use super::presentation::Presentation;
use super::rejection::Rejection;
use super::renewal::Renewal;
use super::row::Row;
use super::sample::{self, Sample};
use super::sketch::Sketch;
use super::token::{Origin, Token};

/// What came out for each thing that was tried.
pub(crate) type Marks = BTreeMap<Dimension, Mark>;

/// A definition that was accepted, with inputs.
pub(crate) struct Trial {
    pub(crate) definition: Arc<Definition>,
    pub(crate) inputs: Arc<AcceptedInputs>,
}

/// A request that was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) kind: String,
    pub(crate) body: String,
    url: String,
    headers: String,
}

/// Writes a row's definition.
pub(crate) struct Written {
    pub(crate) sketch: Sketch,
    pub(crate) token: Token,
    pub(crate) asking: Asking,
    pub(crate) expiry: Expiry,
    renewal: Renewal,
    presentation: Presentation,
    rejection: Rejection,
    limits: Limits,
}

impl Written {
    pub(crate) fn of(row: &Row) -> Self {
        let mut sketch = Sketch::new(&row.id);
        let token = Token::read(row);
        let asking = Asking::write(row, &token, &mut sketch);
        token.write(&mut sketch);
        let expiry = Expiry::write(row, &token, &mut sketch);
        let renewal = Renewal::write(row, &token, &asking, &mut sketch);
        let presentation = Presentation::write(row, &token, &mut sketch);
        let rejection = Rejection::write(row, &mut sketch);
        let limits = Limits::write(row, &mut sketch);
        Self { sketch, token, asking, expiry, renewal, presentation, rejection, limits }
    }

    /// Tries all of it out.
    pub(crate) fn judge(&self) -> Marks {
        let mut marks = Marks::new();
        let trial = match self.sketch.finish() {
            Ok((definition, inputs)) => Trial { definition, inputs },
            Err(error) => {
                let line = error.lines().next().unwrap_or_default();
                marks.insert(Dimension::Asking, Mark::No(format!("no definition: {line}")));
                return marks;
            }
        };
        marks.insert(Dimension::Rejection, self.rejection.check(&trial));
        marks.insert(Dimension::Limits, self.limits.check(&trial, self));
        let (sent, outcome) = match trial.run(Operation::Issue, None, &self.answers(1, 0, 0)) {
            Ok(run) => run,
            Err(error) => {
                marks.insert(Dimension::Asking, Mark::No(error));
                return marks;
            }
        };
        marks.insert(Dimension::Asking, self.asking.check(&sent));
        let issued = match outcome {
            Outcome::Issued(issued) => issued,
            other => {
                marks.insert(Dimension::Extracting, Mark::No(format!("{other:?}")));
                return marks;
            }
        };
        marks.insert(Dimension::Extracting, self.extracting(&trial));
        marks.insert(Dimension::Expiry, self.expiry.check(&trial, self));
        marks.insert(Dimension::Refresh, self.renewal.check(&trial, self, &issued));
        marks.insert(Dimension::Presentation, self.presentation.check(&trial, &issued));
        marks
    }

    /// The answers to the requests for the token of this number: one of the ways in which
    /// it can come, and one of those in which its end can be told.
    pub(crate) fn answers(&self, number: u32, way: usize, end: usize) -> Vec<Answer> {
        if matches!(self.token.origin, Origin::Local | Origin::Static) {
            return Vec::new();
        }
        let before = (1..self.asking.steps).map(|step| {
            let mut sample = Sample::new();
            let value = json!(format!("told-by-{step}"));
            sample.put(&Place::Json(vec!["value".to_owned()]), &value);
            let url = json!("https://told.example.com/api");
            sample.put(&Place::Json(vec!["told_url".to_owned()]), &url);
            if self.asking.redirects {
                sample.put(&Place::Redirect("code".to_owned()), &value);
            }
            sample.answer()
        });
        before.chain([self.sample(number, way, end).answer()]).collect()
    }

    /// The answer that has the token.
    pub(crate) fn sample(&self, number: u32, way: usize, end: usize) -> Sample {
        let mut sample = Sample::new();
        let prefix = self.token.prefix.clone().unwrap_or_default();
        let token = prefix + &sample::token(number, self.expiry.told_by_token(end));
        if self.token.origin == Origin::Answered {
            let [place, beside @ ..] = &self.token.ways[way][..] else { return sample };
            sample.put(place, &json!(token));
            for (index, place) in beside.iter().enumerate() {
                sample.put(place, &json!(format!("made-up-extra-{index}")));
            }
        }
        self.expiry.fill(&mut sample, end);
        self.renewal.fill(&mut sample, number);
        let shows_cookies = self.sketch.get(&["output", "optional_extras", "cookies"]).is_some();
        if shows_cookies && !sample.has_cookie() {
            sample.put(&Place::Cookies, &json!("made-up-session"));
        }
        sample
    }

    /// The value that a token has which was found.
    pub(crate) fn expected(&self, number: u32, end: usize) -> Option<String> {
        let is_answered = self.token.origin == Origin::Answered;
        is_answered.then(|| sample::token(number, self.expiry.told_by_token(end)))
    }

    fn extracting(&self, trial: &Trial) -> Mark {
        for way in 0..self.token.ways.len() {
            let issued = match trial.issue(None, &self.answers(1, way, 0)) {
                Ok(issued) => issued,
                Err(reason) => return Mark::No(reason),
            };
            let value = issued.value.expose_secret();
            if self.expected(1, 0).is_some_and(|expected| !value.ends_with(&expected)) {
                return Mark::No("another token was found".to_owned());
            }
            let beside = &self.token.ways[way][1..];
            if issued.extras.len() < beside.len() {
                return Mark::No("what comes with the token wasn't found".to_owned());
            }
        }
        Mark::of(self.token.is_said)
    }
}

impl Trial {
    /// Runs a dance to its end.
    pub(crate) fn run(
        &self,
        operation: Operation,
        held: Option<&Held>,
        answers: &[Answer],
    ) -> Result<(Vec<Sent>, Outcome), String> {
        let ambient = Ambient { now: sample::now(), entropy: [7; 32] };
        let step = Exchange::start(&self.definition, &self.inputs, operation, held, ambient);
        let mut step = step.map_err(|error| format!("{operation}: {error}"))?;
        let mut sent = Vec::new();
        loop {
            match step {
                Step::Send(exchange, request) => {
                    let answer = answers.get(sent.len()).ok_or("more was sent than expected")?;
                    sent.push(Sent::of(&request));
                    step = exchange.answer(answer, sample::now());
                }
                Step::Done(outcome) => return Ok((sent, outcome)),
                Step::Run(..) => return Err("a program was run".to_owned()),
                Step::Ask(..) | Step::Poll(..) => return Err("a person was asked".to_owned()),
            }
        }
    }

    /// Asks for a token.
    pub(crate) fn issue(&self, held: Option<&Held>, answers: &[Answer]) -> Result<Issued, String> {
        match self.run(Operation::Issue, held, answers)?.1 {
            Outcome::Issued(issued) => Ok(issued),
            Outcome::Failed(failure) => Err(failure.message),
            _ => Err("no token was issued".to_owned()),
        }
    }
}

impl Sent {
    fn of(request: &Request) -> Self {
        let text = |name| request.headers.get(name).and_then(|value| value.to_str().ok());
        let mut headers = String::new();
        for (name, value) in &request.headers {
            let _ = writeln!(headers, "{name}: {}", value.to_str().unwrap_or_default());
        }
        let basic = text(AUTHORIZATION).and_then(|value| value.strip_prefix("Basic "));
        let decoded = basic.and_then(|basic| BASE64_STANDARD.decode(basic).ok());
        headers.push_str(&String::from_utf8_lossy(&decoded.unwrap_or_default()));
        let body = request.body.as_deref().unwrap_or_default();
        Self {
            method: request.method.to_string(),
            kind: text(CONTENT_TYPE).unwrap_or_default().to_owned(),
            body: String::from_utf8_lossy(body).into_owned(),
            url: request.url.to_string(),
            headers,
        }
    }

    /// Whether a value was sent anywhere, as it is or in a form.
    pub(crate) fn has(&self, value: &str) -> bool {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        let encoded = form.append_key_only(value).finish();
        let all = [&self.url, &self.headers, &self.body];
        all.iter().any(|text| text.contains(value) || text.contains(&encoded))
    }
}
