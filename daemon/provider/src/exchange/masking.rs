//! What must not be shown of a dance.

use std::iter;

use minijinja::Value;
use minijinja::value::ValueKind;
use secrecy::ExposeSecret;

use super::Exchange;
use crate::answer::{Answer, Document};
use crate::expression::{Expression, context};
use crate::input::AcceptedInputs;
use crate::mask::Mask;
use crate::recipe::{self, Work};
use crate::renewal::Held;
use crate::request::Request;
use crate::template::Template;
use crate::text;

/// What is shorter is no secret that could be hidden: masking it would tell more
/// than it hides.
const SHORTEST: usize = 4;

/// Hides the secrets of the inputs and the tokens that are held.
pub(super) fn conceal(inputs: &AcceptedInputs, held: Option<&Held>) -> Mask {
    let mut mask = Mask::default();
    for secret in inputs.secrets().values() {
        mask.hide(secret.expose_secret());
    }
    if let Some(held) = held {
        for token in iter::once(&held.value).chain(&held.refresh_token) {
            mask.hide(token.expose_secret());
        }
        for extra in held.extras.values() {
            hide_text(&mut mask, extra.expose_secret());
        }
    }
    mask
}

impl Exchange {
    /// Hides what a request makes of secrets: signatures, digests, one-time codes,
    /// what earlier answers brought.
    pub(super) fn hide(&mut self, request: &Request, step: &recipe::Step, context: &Value) {
        for value in request.headers.values().filter(|value| value.is_sensitive()) {
            let Ok(value) = value.to_str() else { continue };
            self.mask.hide(value.split_once(' ').map_or(value, |(_, credentials)| credentials));
        }
        for expression in expressions(step).filter(|it| it.mentions_secret()) {
            if let Ok(Some(value)) = expression.find(context) {
                hide_all(&mut self.mask, &value);
            }
        }
    }

    /// Hides what can be taken out of an answer that is no success.
    pub(super) fn hide_failure(&mut self, document: &Document, context: &Value) {
        self.hide_output(context);
        if let Document::Json(value) | Document::Xml(value) = document {
            // The rest is what people are to read.
            hide_leaves(&mut self.mask, "", value, &|key, text| {
                text::is_secret_key(key) && !text.contains(' ') && !text::is_harmless("", text)
            });
        }
    }

    /// Hides all in an answer that may be a secret: errors of later steps can tell of it.
    pub(super) fn hide_success(&mut self, document: &Document, context: &Value) {
        self.hide_output(context);
        if let Document::Json(value) | Document::Xml(value) = document {
            hide_leaves(&mut self.mask, "", value, &|key, text| !text::is_harmless(key, text));
        }
    }

    fn hide_output(&mut self, context: &Value) {
        for secret in self.output().secrets(context) {
            hide_text(&mut self.mask, secret.expose_secret());
        }
    }

    /// Returns a mask that also hides what this answer brings, wherever it is used.
    pub(super) fn mask_with(&self, answer: &Answer) -> Mask {
        let mut mask = self.mask.clone();
        let Work::Steps(steps) = &self.recipe().work else { return mask };
        let document = Document::read(answer, steps[self.step].format);
        let reply = context::reply(answer.status, &answer.headers, document.value());
        let mut answers = self.steps.clone();
        if let Some(name) = &steps[self.step].name {
            answers.insert(name.clone(), reply.clone());
        }
        let base = context::after(self.base(self.step), &answers);
        let context = context::answer(base, reply, self.held());
        for secret in self.output().secrets(&context) {
            hide_text(&mut mask, secret.expose_secret());
        }
        let later = steps.iter().skip(self.step + 1).flat_map(expressions);
        for expression in later.filter(|it| it.mentions_secret()) {
            if let Ok(Some(value)) = expression.find(&context) {
                hide_all(&mut mask, &value);
            }
        }
        mask
    }
}

fn expressions(step: &recipe::Step) -> impl Iterator<Item = &Expression> {
    step.call.templates().into_iter().flat_map(Template::expressions)
}

fn hide_text(mask: &mut Mask, text: &str) {
    if text.len() >= SHORTEST {
        mask.hide(text);
    }
}

/// Hides a value with all that is in it.
fn hide_all(mask: &mut Mask, value: &Value) {
    match value.kind() {
        ValueKind::String | ValueKind::Number => hide_text(mask, &value.to_string()),
        ValueKind::Map => {
            for key in value.try_iter().into_iter().flatten() {
                if let Ok(item) = value.get_item(&key) {
                    hide_all(mask, &item);
                }
            }
        }
        ValueKind::Seq | ValueKind::Iterable => {
            for item in value.try_iter().into_iter().flatten() {
                hide_all(mask, &item);
            }
        }
        _ => {}
    }
}

/// Hides those texts and numbers in an answer that are secrets by their names and by
/// themselves.
fn hide_leaves(
    mask: &mut Mask,
    key: &str,
    value: &serde_json::Value,
    is_secret: &dyn Fn(&str, &str) -> bool,
) {
    match value {
        serde_json::Value::String(text) if is_secret(key, text) => hide_text(mask, text),
        serde_json::Value::Number(number) if is_secret(key, &number.to_string()) => {
            hide_text(mask, &number.to_string());
        }
        serde_json::Value::Array(items) => {
            for item in items {
                hide_leaves(mask, key, item, is_secret);
            }
        }
        serde_json::Value::Object(fields) => {
            for (name, field) in fields {
                hide_leaves(mask, &text::below(key, name), field, is_secret);
            }
        }
        _ => {}
    }
}
