//! What can be done on the far side besides tokens, as `[remote]` says.

use std::collections::BTreeMap;

use minijinja::Value;

use crate::definition::Definition;
use crate::definition::error::Located;
use crate::definition::file::{self, Text};
use crate::expression::{EvaluationError, Expression, Names, context};
use crate::input::{AcceptedInputs, Input, declaration, fill, typed};
use crate::recipe::Recipe;
use crate::renewal::Held;
use crate::request::RequestError;

/// An operation on the far side.
#[derive(Debug)]
pub struct Remote {
    name: String,
    description: String,
    arguments: Vec<Input>,
    pub(crate) ways: Vec<Recipe>,
    result: Expression,
}

impl Remote {
    pub(crate) fn new(
        name: &Text,
        file: &file::Remote,
        names: &Names,
        ways: Vec<Recipe>,
    ) -> Result<Self, Located> {
        let scope = names.judgement();
        let result = match &file.result {
            Some(text) => Expression::compile(text, &scope)?,
            None => Expression::preset("body"),
        };
        Ok(Self {
            name: declaration::valid(name)?.to_owned(),
            description: file.description.clone(),
            arguments: declaration::variables(&file.arguments)?,
            ways,
            result,
        })
    }

    /// By which name it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it does.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// What its user has to give.
    pub fn arguments(&self) -> &[Input] {
        &self.arguments
    }
}

impl Definition {
    /// What can be done on the far side, in the order of the file.
    pub fn remotes(&self) -> &[Remote] {
        &self.remotes
    }

    pub(crate) fn remote(&self, name: &str) -> Option<&Remote> {
        self.remotes.iter().find(|remote| remote.name == name)
    }

    /// Chooses the way of an operation, and checks its arguments.
    pub(crate) fn call(
        &self,
        name: &str,
        inputs: &AcceptedInputs,
        mut arguments: BTreeMap<String, String>,
        held: Option<&Held>,
    ) -> Result<(usize, Value), RequestError> {
        let remote = self.remote(name).ok_or_else(|| RequestError::NoOperation {
            name: name.to_owned(),
            known: self.remotes.iter().map(|remote| remote.name.clone()).collect(),
        })?;
        let fits = fill(&remote.arguments, &mut arguments);
        fits.map_err(|error| RequestError::Argument(error.to_string()))?;
        let arguments = typed(&remote.arguments, &arguments);
        let base = context::called(inputs.context(), &arguments);
        let holding = self.holding(inputs, held);
        let way = Recipe::for_held(&remote.ways, &holding.context(base), &holding)?;
        let way = way.ok_or(RequestError::NothingHeldFor { name: name.to_owned() })?;
        Ok((way, arguments))
    }

    /// Picks what to show of an operation's answer.
    pub(crate) fn remote_result(
        &self,
        name: &str,
        context: &Value,
    ) -> Result<serde_json::Value, EvaluationError> {
        let Some(remote) = self.remote(name) else { return Ok(serde_json::Value::Null) };
        let value = remote.result.evaluate(context)?;
        Ok(serde_json::to_value(&value).unwrap_or_default())
    }
}
