//! What a dance is for, and what is held when it begins.

use std::collections::BTreeMap;
use std::fmt;

use minijinja::Value;
use secrecy::SecretString;

use crate::definition::Definition;
use crate::expression::context;
use crate::input::AcceptedInputs;
use crate::recipe::Recipe;
use crate::request::{Request, RequestError};

/// What a dance is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Ask for a token with the credentials that the user gave: `[issue]`.
    Issue,
    /// Exchange what is held for a new token: `[refresh]`. If it is denied, what is
    /// held is of no use any more, and the user's credentials may still be.
    Refresh,
    /// Use what is held, so that it doesn't end for lack of use: `[keepalive]`.
    KeepAlive,
}

/// What was issued before, as far as a dance can go on from it.
#[derive(Debug, Clone)]
pub struct Held {
    /// The token.
    pub value: SecretString,
    /// The token by which to get the next one, if there is one.
    pub refresh_token: Option<SecretString>,
    /// The other values, by the definition's names.
    pub extras: BTreeMap<String, SecretString>,
}

/// A request, and what its answer needn't repeat.
pub(crate) struct Opening<'a> {
    pub(crate) request: Request,
    /// What is still good if the answer doesn't bring it anew.
    pub(crate) kept: Option<&'a Held>,
}

impl Definition {
    /// Tells whether this can be done with these inputs and what is held: whether
    /// the definition has a request for it that applies.
    pub fn can(&self, operation: Operation, inputs: &AcceptedInputs, held: Option<&Held>) -> bool {
        self.choose(operation, inputs, held).is_ok()
    }

    /// Tells whether a token can be asked for only with what a person's login left
    /// behind, a refresh token: if that is refused, a person has to log in again.
    pub fn needs_login(&self, inputs: &AcceptedInputs) -> bool {
        let chosen = self.choose(Operation::Issue, inputs, None);
        chosen.is_ok_and(|(recipe, _)| recipe.uses_refresh_token())
    }

    /// Makes the first request of a dance.
    pub(crate) fn open<'a>(
        &self,
        operation: Operation,
        inputs: &AcceptedInputs,
        held: Option<&'a Held>,
    ) -> Result<Opening<'a>, RequestError> {
        let (recipe, context) = self.choose(operation, inputs, held)?;
        let request = recipe.render(&context)?;
        // Whoever sends a refresh token keeps it unless a new one comes (RFC 6749 §6).
        let goes_on = operation != Operation::Issue || recipe.uses_refresh_token();
        Ok(Opening { request, kept: held.filter(|_| goes_on) })
    }

    fn choose(
        &self,
        operation: Operation,
        inputs: &AcceptedInputs,
        held: Option<&Held>,
    ) -> Result<(&Recipe, Value), RequestError> {
        let recipes = self.recipes.of(operation);
        if operation == Operation::Issue {
            let context = context::issue(inputs.context(), held);
            return Ok((Recipe::choose(recipes, &context)?, context));
        }
        let held = held.ok_or(RequestError::NothingHeld { operation })?;
        let context = context::renewal(inputs.context(), held);
        let recipe = Recipe::for_held(recipes, &context, held)?;
        Ok((recipe.ok_or(RequestError::NothingHeld { operation })?, context))
    }
}

impl Held {
    /// Tells whether what an expression calls by this name is held.
    pub(crate) fn has(&self, name: &str) -> bool {
        match name.split('.').collect::<Vec<_>>().as_slice() {
            ["refresh_token", ..] => self.refresh_token.is_some(),
            ["extra", name, ..] => self.extras.contains_key(*name),
            _ => true,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Issue => "issue",
            Self::Refresh => "refresh",
            Self::KeepAlive => "keepalive",
        })
    }
}

#[cfg(test)]
mod tests;
