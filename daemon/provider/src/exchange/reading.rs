//! What an answer comes to.

use minijinja::Value;

use super::Exchange;
use crate::answer::{Answer, Document};
use crate::expression::context;
use crate::mask;
use crate::outcome::{Failure, Issued, Outcome, RetryAfter, Verdict};
use crate::output::Output;
use crate::placement::PlacementError;
use crate::purpose::Purpose;
use crate::recipe::Work;
use crate::renewal::Operation;
use crate::{quota, verdict};

/// An answer that brings no token, without what its headers say.
pub(super) struct Refusal {
    pub(super) verdict: Verdict,
    pub(super) message: String,
    /// When the definition says to ask again; by the header, if it doesn't.
    pub(super) retry_after: Option<RetryAfter>,
    /// Whether the answer is a success that can't be read.
    is_illegible: bool,
    /// Whether it says that the client isn't recognised.
    is_unrecognised: bool,
}

/// Statuses by which a gateway says that it has no answer of the server behind it
/// (RFC 9110 §15.6.3, §15.6.5, and those that a large one adds).
const GATEWAY: [u16; 7] = [502, 504, 520, 521, 522, 523, 524];

impl Refusal {
    pub(super) fn new(verdict: Verdict, message: String) -> Self {
        let (retry_after, is_illegible, is_unrecognised) = (None, false, false);
        Self { verdict, message, retry_after, is_illegible, is_unrecognised }
    }

    /// One for which the answer says when to ask again.
    pub(super) fn until(self, retry_after: Option<RetryAfter>) -> Self {
        Self { retry_after, ..self }
    }
}

impl Exchange {
    pub(super) fn output(&self) -> &Output {
        self.recipe().output.as_ref().unwrap_or(&self.definition.output)
    }

    /// Judges the answer to the step that waits for one, and returns what is known
    /// after it.
    pub(super) fn judge(&mut self, answer: &Answer) -> Result<(Document, Value), Refusal> {
        let definition = std::sync::Arc::clone(&self.definition);
        let Work::Steps(steps) = &definition.ways(&self.purpose)[self.way].work else {
            return Err(Refusal::new(Verdict::Transient, "no answer is due".to_owned()));
        };
        let step = &steps[self.step];
        let document = Document::read(answer, step.format);
        let reply = context::reply(answer.status, &answer.headers, document.value());
        let context = context::answer(self.base(self.step), reply, self.held());
        let judged = step.verdicts.judge(&document, &context);
        match judged.map_err(|error| self.broken(answer, &error))? {
            None => {
                self.hide_success(&document, &context);
                Ok((document, context))
            }
            Some(verdict) => {
                // What isn't a success can hold a token all the same.
                self.hide_failure(&document, &context);
                let message = definition.message.describe(answer, &document, &context, &self.mask);
                let retry_after = step.verdicts.retry_after(answer, &context, answer.date());
                let is_page = matches!(document, Document::Html | Document::Malformed(_));
                let is_illegible = is_page && answer.status.is_success();
                let refusal = Refusal::new(verdict, message).until(retry_after);
                let error = document.value().get_attr("error").unwrap_or_default();
                let is_unrecognised =
                    verdict == Verdict::Denied && error.as_str() == Some("invalid_client");
                Err(Refusal { is_illegible, is_unrecognised, ..refusal })
            }
        }
    }

    /// Keeps an answer for later steps.
    pub(super) fn remember(&mut self, answer: &Answer, document: &Document) {
        let Work::Steps(steps) = &self.recipe().work else { return };
        if let Some(name) = steps[self.step].name.clone() {
            let reply = context::reply(answer.status, &answer.headers, document.value());
            self.steps.insert(name, reply);
        }
    }

    /// Takes what the dance is for out of its last answer.
    pub(super) fn finish(self, answer: &Answer, context: Value) -> Outcome {
        let date = answer.date();
        match &self.purpose {
            Purpose::Operation(Operation::KeepAlive) => Outcome::KeptAlive { date },
            Purpose::Operation(Operation::Revoke) => Outcome::Revoked,
            Purpose::Remote { name, .. } => match self.definition.remote_result(name, &context) {
                Ok(result) => Outcome::Told(result),
                Err(error) => self.failed(answer, self.broken(answer, &error)),
            },
            Purpose::Operation(Operation::Issue | Operation::Refresh) | Purpose::Login(_) => {
                match self.issued(answer, context) {
                    Ok(issued) => {
                        let quotas = self.quotas(answer);
                        Outcome::Issued(Issued { quotas, ..issued })
                    }
                    Err(refusal) => self.failed(answer, refusal),
                }
            }
        }
    }

    /// Ends the dance without success.
    pub(super) fn failed(&self, answer: &Answer, refusal: Refusal) -> Outcome {
        let Refusal { verdict, message, retry_after, is_illegible, is_unrecognised } = refusal;
        let date = answer.date();
        let retry_after = retry_after.or_else(|| verdict::retry_after(answer, date));
        let quotas = self.quotas(answer);
        let is_gateways = GATEWAY.contains(&answer.status.as_u16());
        let is_unsure = is_illegible || is_gateways || self.committed;
        let login = None;
        Outcome::Failed(Failure {
            verdict,
            retry_after,
            message,
            date,
            quotas,
            is_unsure,
            is_unrecognised,
            login,
        })
    }

    fn quotas(&self, answer: &Answer) -> Vec<quota::Quota> {
        match self.purpose {
            Purpose::Operation(Operation::Issue | Operation::Refresh) | Purpose::Login(_) => {
                quota::read(&answer.headers, answer.date().unwrap_or(self.ambient.now))
            }
            // Who uses a token asks the API, whose quotas count other things.
            Purpose::Operation(_) | Purpose::Remote { .. } => Vec::new(),
        }
    }

    fn issued(&self, answer: &Answer, context: Value) -> Result<Issued, Refusal> {
        let output = self.output();
        let context =
            self.sign(output.signs(), context).map_err(|error| self.broken(answer, &error))?;
        let default = self.inputs.life();
        let issued = output.read(&context, self.kept(), self.ambient.now, answer.date(), default);
        let issued = issued.map_err(|error| self.broken(answer, &error))?;
        // A token that can't be presented must not replace one that can.
        self.present(&issued).map_err(|error| self.broken(answer, &error))?;
        Ok(self.settle(issued))
    }

    /// Checks that what was issued can be presented.
    pub(super) fn present(&self, issued: &Issued) -> Result<(), PlacementError> {
        let Self { definition, inputs, .. } = self;
        definition.placements(inputs, &issued.value, &issued.extras)?;
        definition.base_url(inputs, &issued.value, &issued.extras)?;
        Ok(())
    }

    /// What is wrong with an answer. These errors quote the definition, never the answer.
    pub(super) fn broken(&self, answer: &Answer, error: &dyn std::error::Error) -> Refusal {
        let whose = match self.recipe().work {
            Work::Exec { .. } => "what the program printed".to_owned(),
            Work::Steps(_) | Work::Local => format!("status {}", answer.status.as_u16()),
        };
        let message = mask::cut(&format!("{whose}: {error}"));
        let is_illegible = answer.status.is_success();
        Refusal { is_illegible, ..Refusal::new(Verdict::Transient, message) }
    }
}
