//! Programs that run a dance in the place of requests.

use std::collections::BTreeMap;

use http::{HeaderMap, StatusCode};
use secrecy::ExposeSecret;
use serde::Serialize;
use zeroize::Zeroizing;

use super::Exchange;
use super::reading::Refusal;
use crate::answer::{Answer, Document};
use crate::expression::context;
use crate::mask;
use crate::outcome::{Outcome, Verdict};
use crate::program::{Ended, Program};
use crate::purpose::Purpose;
use crate::recipe::Work;

/// The exit code of a program that the provider refused: a person has to act.
const DENIED: i32 = 10;

/// The exit code of a program that reached the provider's limit.
const LIMITED: i32 = 11;

/// What a program reads on its standard input.
#[derive(Serialize)]
struct Input<'a> {
    version: u32,
    operation: String,
    provider: &'a str,
    now: i64,
    variables: &'a BTreeMap<String, String>,
    secrets: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<HeldInput<'a>>,
}

#[derive(Serialize)]
struct HeldInput<'a> {
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    extras: BTreeMap<&'a str, &'a str>,
}

impl Exchange {
    /// Makes the program's input.
    pub(super) fn program(&self) -> Program {
        let Work::Exec { command, timeout, .. } = &self.recipe().work else {
            unreachable!("only a way that runs a program asks for its input")
        };
        let operation = match &self.purpose {
            Purpose::Operation(operation) => operation.to_string(),
            Purpose::Login(_) => unreachable!("no program runs in a login"),
            Purpose::Remote { name, .. } => name.clone(),
        };
        let held = self.held().map(|held| HeldInput {
            token: held.value.expose_secret(),
            refresh_token: held.refresh_token.as_ref().map(ExposeSecret::expose_secret),
            extras: exposed(&held.extras),
        });
        let input = Input {
            version: 1,
            operation,
            provider: self.definition.name(),
            now: self.ambient.now.as_second(),
            variables: self.inputs.variables(),
            secrets: exposed(self.inputs.secrets()),
            held,
        };
        let input = serde_json::to_vec(&input).expect("texts and numbers are JSON");
        Program { command: command.clone(), input: Zeroizing::new(input), timeout: *timeout }
    }

    /// Reads how a program ended: by its exit code, then by what it wrote, as an
    /// answer with status 200.
    pub(super) fn read_program(mut self, ended: &Ended) -> Outcome {
        let answer = Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: ended.output.clone(),
        };
        let document = Document::read(&answer, None);
        let reply = context::reply(answer.status, &answer.headers, document.value());
        let context = context::answer(self.base(0), reply, self.held());
        self.hide_failure(&document, &context);
        let verdict = match ended.code {
            Some(0) => return self.finish(&answer, context),
            Some(DENIED) => Verdict::Denied,
            Some(LIMITED) => Verdict::Limited,
            _ => Verdict::Transient,
        };
        let how = match ended.code {
            Some(code) => format!("the program ended with exit code {code}"),
            None => "the program was killed by a signal".to_owned(),
        };
        // What isn't a success can hold a token all the same.
        for secret in self.output().secrets(&context) {
            self.mask.hide(secret.expose_secret());
        }
        let picked = self.definition.message.pick(&context);
        let said = picked.unwrap_or_else(|| String::from_utf8_lossy(&ended.errors).into_owned());
        let said = self.mask.apply(&said);
        let message = if said.is_empty() { how } else { mask::cut(&format!("{how}: {said}")) };
        let retry_after = match &self.recipe().work {
            Work::Exec { verdicts, .. } => verdicts.retry_after(&answer, &context, None),
            Work::Steps(_) | Work::Local => None,
        };
        self.failed(&answer, Refusal::new(verdict, message).until(retry_after))
    }
}

fn exposed(secrets: &BTreeMap<String, secrecy::SecretString>) -> BTreeMap<&str, &str> {
    secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose_secret())).collect()
}
