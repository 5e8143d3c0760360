//! Checks inputs against what a definition declares.

use std::collections::BTreeMap;

use minijinja::Value;
use secrecy::{ExposeSecret, SecretString};

use super::{AcceptedInputs, Input, InputError, Inputs, Kind};
use crate::account::Account;
use crate::address;
use crate::definition::Definition;
use crate::expression::context;
use crate::recipe::Recipe;
use crate::renewal::Operation;
use crate::suggestion::Suggestion;
use crate::transport::Transport;
use crate::{Expiry, Limit, host, limit};

/// What a definition says of the tokens of its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// How many are issued in what time.
    pub limits: Vec<Limit>,
    /// How long one lives whose answer doesn't tell.
    pub life: Expiry,
}

impl Definition {
    /// Checks inputs, fills in the defaults, and works out what follows from
    /// them, so that nothing can be wrong with them later.
    ///
    /// # Errors
    /// Names the first input that is missing, unknown or unfit.
    pub fn accept(&self, inputs: Inputs) -> Result<AcceptedInputs, InputError> {
        self.recognise(&inputs)?;
        let Inputs { mut variables, mut secrets } = inputs;
        variables.retain(|_, value| !value.is_empty());
        secrets.retain(|_, secret| !secret.expose_secret().is_empty());
        for input in self.inputs() {
            let given = match variables.get(&input.name) {
                Some(value) => {
                    check(input, value)?;
                    true
                }
                None => secrets.contains_key(&input.name),
            };
            match &input.default {
                _ if given => {}
                Some(default) => {
                    variables.insert(input.name.clone(), default.clone());
                }
                None if input.required => {
                    return Err(InputError::Missing {
                        input: input.name.clone(),
                        description: input.description.clone(),
                    });
                }
                None => {}
            }
        }
        self.complete(variables, secrets)
    }

    /// Tells what limits and what life this definition speaks of, before anything is
    /// known of its secrets. Limits whose variables are missing are left out.
    ///
    /// # Errors
    /// Names the first variable that is unknown or unfit.
    pub fn outline(&self, mut variables: BTreeMap<String, String>) -> Result<Outline, InputError> {
        self.recognise(&Inputs { variables: variables.clone(), secrets: BTreeMap::new() })?;
        variables.retain(|_, value| !value.is_empty());
        for input in self.inputs() {
            match (variables.get(&input.name), &input.default) {
                (Some(value), _) => check(input, value)?,
                (None, Some(default)) => {
                    variables.insert(input.name.clone(), default.clone());
                }
                (None, None) => {}
            }
        }
        let public = context::public(&self.typed(&variables));
        Ok(Outline { limits: limit::render(&self.limits, &public)?, life: self.output.default() })
    }

    fn recognise(&self, inputs: &Inputs) -> Result<(), InputError> {
        let variables = inputs.variables.keys().map(|name| (name, false));
        for (name, secret) in variables.chain(inputs.secrets.keys().map(|name| (name, true))) {
            let input = name.clone();
            match self.inputs().iter().find(|declared| declared.name == *name) {
                Some(declared) if declared.secret == secret => {}
                Some(_) if secret => return Err(InputError::NotASecret { input }),
                Some(_) => return Err(InputError::NotAVariable { input }),
                None => {
                    let known = self.inputs().iter().map(|input| input.name.as_str());
                    let suggestion = Suggestion::among(name, known);
                    return Err(InputError::Unknown { input, suggestion });
                }
            }
        }
        Ok(())
    }

    fn complete(
        &self,
        variables: BTreeMap<String, String>,
        secrets: BTreeMap<String, SecretString>,
    ) -> Result<AcceptedInputs, InputError> {
        let typed = self.typed(&variables);
        let context = context::request(&typed, &secrets);
        let request =
            Recipe::choose(self.recipes.of(Operation::Issue), &context)?.render(&context)?;
        // What is wrong with a renewal would come out hours later.
        let rehearsal = context::rehearsal(context);
        for operation in [Operation::Refresh, Operation::KeepAlive] {
            Recipe::rehearse(self.recipes.of(operation), &rehearsal)
                .map_err(|reason| InputError::Renewal { operation, reason })?;
        }
        // What is shown to people or tells where to go is made without secrets.
        let public = context::public(&typed);
        let account = Account::of(&request.url, self.account.as_ref(), &public)?;
        let hosts = host::render(&self.hosts, &public)?;
        let limits = limit::render(&self.limits, &public)?;
        let transport = Transport::render(self.ca_file.as_ref(), &public)?;
        Ok(AcceptedInputs { variables, secrets, typed, account, hosts, limits, transport })
    }

    fn typed(&self, variables: &BTreeMap<String, String>) -> Value {
        let typed = self.inputs().iter().filter_map(|input| {
            let text = variables.get(&input.name)?;
            let value = match (input.kind, text.parse::<i64>()) {
                (Kind::Integer, Ok(number)) => Value::from(number),
                _ => Value::from(text),
            };
            Some((input.name.as_str(), value))
        });
        Value::from_pairs(typed)
    }
}

/// Checks the value of a variable.
pub(crate) fn check(declared: &Input, value: &str) -> Result<(), InputError> {
    let input = declared.name.clone();
    if value.contains(char::is_control) {
        return Err(InputError::ControlCharacter { input });
    }
    if !declared.choices.is_empty() && !declared.choices.iter().any(|choice| choice == value) {
        return Err(InputError::NotAChoice { input, choices: declared.choices.join("`, `") });
    }
    match declared.kind {
        Kind::Text => Ok(()),
        Kind::Url => match address::parse(value) {
            Ok(_) => Ok(()),
            Err(reason) => Err(InputError::Url { input, reason }),
        },
        Kind::Integer => match value.parse::<i64>() {
            Ok(_) => Ok(()),
            Err(_) => Err(InputError::NotANumber { input }),
        },
    }
}
