//! What a dance is for, and what is held when it begins.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::SecretString;

use crate::definition::Definition;
use crate::expression::context;
use crate::input::AcceptedInputs;
use crate::purpose::Purpose;
use crate::recipe::{Recipe, Work};
use crate::request::RequestError;

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
    /// End what is held on the far side: `[revoke]`.
    Revoke,
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

impl Definition {
    /// Tells whether this can be done with these inputs and what is held: whether
    /// the definition has a way for it that applies.
    pub fn can(&self, operation: Operation, inputs: &AcceptedInputs, held: Option<&Held>) -> bool {
        self.open(operation, inputs, held).is_ok()
    }

    /// Tells whether a token can be asked for only with what a person's login left
    /// behind, a refresh token: if that is refused, a person has to log in again.
    pub fn needs_login(&self, inputs: &AcceptedInputs) -> bool {
        let way = self.open(Operation::Issue, inputs, None);
        way.is_ok_and(|(way, _)| self.recipes.of(Operation::Issue)[way].uses_refresh_token())
    }

    /// Tells whether the token is one of the inputs: asking again brings no other.
    pub fn is_static(&self, inputs: &AcceptedInputs) -> bool {
        let Ok((way, _)) = self.open(Operation::Issue, inputs, None) else { return false };
        let recipe = &self.recipes.of(Operation::Issue)[way];
        let output = recipe.output.as_ref().unwrap_or(&self.output);
        matches!(recipe.work, Work::Local) && !output.is_passing()
    }

    /// The ways to do something.
    pub(crate) fn ways(&self, purpose: &Purpose) -> &[Recipe] {
        match purpose {
            Purpose::Operation(operation) => self.recipes.of(*operation),
            Purpose::Remote { name, .. } => {
                self.remote(name).map_or(&[], |remote| remote.ways.as_slice())
            }
        }
    }

    /// Chooses a way, and tells whether what is held is still good if the answer
    /// doesn't bring it anew.
    pub(crate) fn open(
        &self,
        operation: Operation,
        inputs: &AcceptedInputs,
        held: Option<&Held>,
    ) -> Result<(usize, bool), RequestError> {
        let recipes = self.recipes.of(operation);
        if operation == Operation::Issue {
            let context = context::issue(inputs.context(), held);
            let way = Recipe::choose(recipes, &context)?;
            // Whoever sends a refresh token keeps it unless a new one comes
            // (RFC 6749 §6).
            return Ok((way, recipes[way].uses_refresh_token()));
        }
        let held = held.ok_or(RequestError::NothingHeld { operation })?;
        let context = context::renewal(inputs.context(), held);
        let way = Recipe::for_held(recipes, &context, Some(held))?;
        Ok((way.ok_or(RequestError::NothingHeld { operation })?, true))
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
            Self::Revoke => "revoke",
        })
    }
}

#[cfg(test)]
mod tests;
