//! What must not be shown of a dance.

use std::iter;

use minijinja::Value;
use secrecy::ExposeSecret;

use super::Exchange;
use crate::expression::Expression;
use crate::input::AcceptedInputs;
use crate::mask::Mask;
use crate::recipe;
use crate::renewal::Held;
use crate::request::Request;
use crate::template::Template;

/// What is shorter is no secret that could be hidden: masking it would tell more
/// than it hides.
const SHORTEST: usize = 4;

/// Hides the secrets of the inputs and the tokens that are held.
pub(super) fn conceal(inputs: &AcceptedInputs, held: Option<&Held>) -> Mask {
    let mut mask = Mask::default();
    let tokens = held.map(|held| {
        let tokens = iter::once(&held.value).chain(&held.refresh_token);
        tokens.chain(held.extras.values().filter(|extra| extra.expose_secret().len() >= SHORTEST))
    });
    for secret in inputs.secrets().values().chain(tokens.into_iter().flatten()) {
        mask.hide(secret.expose_secret());
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
        let templates = step.call.templates();
        let expressions = templates.into_iter().flat_map(Template::expressions);
        for expression in expressions.filter(|expression| Expression::mentions_secret(expression)) {
            let Ok(Some(value)) = expression.find(context) else { continue };
            if let Some(text) = value.as_str().filter(|text| text.len() >= SHORTEST) {
                self.mask.hide(text);
            }
        }
    }
}
