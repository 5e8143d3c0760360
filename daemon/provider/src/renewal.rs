//! What a dance is for, and what is held when it begins.

use std::collections::BTreeMap;
use std::fmt;

use minijinja::Value;
use secrecy::SecretString;

use crate::definition::Definition;
use crate::expression::context;
use crate::input::AcceptedInputs;
use crate::input::declaration::REFRESH_TOKEN;
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
    /// The refresh token is the secret `refresh_token` then.
    pub fn needs_login(&self, inputs: &AcceptedInputs) -> bool {
        let issue = self.recipes.of(Operation::Issue);
        let way = Recipe::choose(issue, &issue_context(inputs, None));
        way.is_ok_and(|way| issue[way].uses_refresh_token())
    }

    /// The refresh token that a dance can go on from: the one that is held, else, where a
    /// login left it behind, the secret. An older store holds one beside the token.
    pub(crate) fn refresh_token<'a>(
        &self,
        inputs: &'a AcceptedInputs,
        held: Option<&'a Held>,
    ) -> Option<&'a SecretString> {
        let own = held.and_then(|held| held.refresh_token.as_ref());
        let left = || inputs.secrets().get(REFRESH_TOKEN).filter(|_| self.needs_login(inputs));
        own.or_else(left)
    }

    /// Tells whether to revoke what is held ends a person's login: it ends the refresh
    /// token without which no other token can be asked for.
    pub fn ends_login(&self, inputs: &AcceptedInputs, held: Option<&Held>) -> bool {
        let way = self.open(Operation::Revoke, inputs, held);
        self.needs_login(inputs)
            && way
                .is_ok_and(|(way, _)| self.recipes.of(Operation::Revoke)[way].uses_refresh_token())
    }

    /// Tells whether the token is one of the inputs: asking again brings no other.
    pub fn is_static(&self, inputs: &AcceptedInputs) -> bool {
        let issue = self.recipes.of(Operation::Issue);
        let Ok(way) = Recipe::choose(issue, &issue_context(inputs, None)) else {
            return false;
        };
        let recipe = &issue[way];
        let output = recipe.output.as_ref().unwrap_or(&self.output);
        matches!(recipe.work, Work::Local) && !output.is_passing()
    }

    /// The ways to do something.
    pub(crate) fn ways(&self, purpose: &Purpose) -> &[Recipe] {
        match purpose {
            Purpose::Operation(operation) => self.recipes.of(*operation),
            Purpose::Login(stage) => self.login.as_ref().map_or(&[], |login| login.ways(*stage)),
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
            let way = Recipe::choose(recipes, &issue_context(inputs, held))?;
            // Whoever sends a refresh token keeps it unless a new one comes
            // (RFC 6749 §6).
            let keeps = recipes[way].uses_refresh_token();
            if keeps && self.refresh_token(inputs, held).is_none() {
                return Err(RequestError::LoginNeeded);
            }
            return Ok((way, keeps));
        }
        if held.is_none() && operation != Operation::Revoke {
            return Err(RequestError::NothingHeld { operation });
        }
        let holding = self.holding(inputs, held);
        let way = Recipe::for_held(recipes, &holding.context(inputs.context()), &holding)?;
        // Without a token there can be the end of a login only.
        let way = way.filter(|way| held.is_some() || recipes[*way].uses_refresh_token());
        Ok((way.ok_or(RequestError::NothingHeld { operation })?, true))
    }
}

/// The values by which a way to ask for a token is chosen.
fn issue_context(inputs: &AcceptedInputs, held: Option<&Held>) -> Value {
    let own = held.and_then(|held| held.refresh_token.as_ref());
    context::issue(inputs.context(), own.or_else(|| inputs.secrets().get(REFRESH_TOKEN)))
}

/// What a dance can go on from: what is held, and the refresh token wherever it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holding {
    pub(crate) held: Option<Held>,
    pub(crate) refresh_token: Option<SecretString>,
}

impl Definition {
    /// What a dance can go on from.
    pub(crate) fn holding(&self, inputs: &AcceptedInputs, held: Option<&Held>) -> Holding {
        let refresh_token = self.refresh_token(inputs, held).cloned();
        let held = held.cloned();
        let held = held.map(|held| Held { refresh_token: refresh_token.clone(), ..held });
        Holding { held, refresh_token }
    }
}

impl Holding {
    /// Tells whether what an expression calls by this name is held.
    pub(crate) fn has(&self, name: &str) -> bool {
        match (name.split('.').collect::<Vec<_>>().as_slice(), &self.held) {
            (["refresh_token", ..], _) => self.refresh_token.is_some(),
            (["extra", name, ..], Some(held)) => held.extras.contains_key(*name),
            (_, held) => held.is_some(),
        }
    }

    /// The values of a request that goes on from it.
    pub(crate) fn context(&self, request: Value) -> Value {
        match &self.held {
            Some(held) => context::renewal(request, held),
            None => context::issue(request, self.refresh_token.as_ref()),
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
