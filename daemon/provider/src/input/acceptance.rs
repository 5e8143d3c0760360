//! Checks inputs against what a definition declares.

use std::collections::BTreeMap;

use minijinja::Value;
use secrecy::{ExposeSecret, SecretString};

use super::{AcceptedInputs, Input, InputError, Inputs, Kind};
use crate::account::Account;
use crate::definition::Definition;
use crate::expression::context;
use crate::host::Reach;
use crate::suggestion::Suggestion;
use crate::{Expiry, Limit, address, date, host, limit};

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
        let missing = |input: &Input| InputError::Missing {
            input: input.name.clone(),
            description: input.description.clone(),
        };
        let (variable_inputs, secret_inputs): (Vec<_>, Vec<_>) =
            self.inputs().iter().cloned().partition(|input| !input.secret);
        fill(&variable_inputs, &mut variables)?;
        let absent = |input: &&Input| input.required && !secrets.contains_key(&input.name);
        if let Some(input) = secret_inputs.iter().find(absent) {
            return Err(missing(input));
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
        let public = context::public(&typed(self.inputs(), &variables));
        let lives = self.lifetime.render(&public)?;
        let mut limits = limit::render(&self.limits, &public)?;
        limits.extend(lives.limits);
        Ok(Outline { limits, life: lives.default })
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
        let typed = typed(self.inputs(), &variables);
        // What is shown to people or tells where to go is made without secrets.
        let public = context::public(&typed);
        let hosts = host::render(&self.hosts, &public)?;
        let allowed = host::render(&self.allow_hosts, &public)?;
        let own = self.inputs().iter().filter(|input| input.kind == Kind::Url);
        let own = own.filter_map(|input| address::parse(variables.get(&input.name)?).ok());
        let reach = Reach::new(hosts.iter().cloned().chain(allowed).collect(), own);
        let lives = self.lifetime.render(&public)?;
        let mut limits = limit::render(&self.limits, &public)?;
        limits.extend(lives.limits);
        let request = context::request(&typed, &secrets);
        let transport = self.transport.render(&public, &request)?;
        let accepted = AcceptedInputs {
            account: Account::default(),
            variables,
            secrets,
            typed,
            hosts,
            reach,
            limits,
            life: lives.default,
            lifetimes: lives.lifetimes,
            transport,
        };
        let asked = self.rehearse(&accepted)?;
        let account = Account::of(asked.as_ref(), self.name(), self.account.as_ref(), &public)?;
        Ok(AcceptedInputs { account, ..accepted })
    }
}

/// Gives the variables their types.
pub(crate) fn typed(inputs: &[Input], variables: &BTreeMap<String, String>) -> Value {
    let typed = inputs.iter().filter_map(|input| {
        let text = variables.get(&input.name)?;
        let value = match input.kind {
            Kind::Integer => text.parse::<i64>().ok().map(Value::from),
            Kind::Boolean => text.parse::<bool>().ok().map(Value::from),
            Kind::Duration => date::parse_delay(text).map(|span| Value::from(span.as_secs())),
            Kind::Text | Kind::Url => None,
        };
        Some((input.name.as_str(), value.unwrap_or_else(|| Value::from(text))))
    });
    Value::from_pairs(typed)
}

/// Checks variables, and gives those that are missing their defaults.
pub(crate) fn fill(
    inputs: &[Input],
    variables: &mut BTreeMap<String, String>,
) -> Result<(), InputError> {
    variables.retain(|_, value| !value.is_empty());
    if let Some(name) = variables.keys().find(|name| !inputs.iter().any(|it| it.name == **name)) {
        let known = inputs.iter().map(|input| input.name.as_str());
        let suggestion = Suggestion::among(name, known);
        return Err(InputError::Unknown { input: name.clone(), suggestion });
    }
    for input in inputs {
        match (variables.get(&input.name), &input.default) {
            (Some(value), _) => check(input, value)?,
            (None, Some(default)) => {
                variables.insert(input.name.clone(), default.clone());
            }
            (None, None) if input.required => {
                return Err(InputError::Missing {
                    input: input.name.clone(),
                    description: input.description.clone(),
                });
            }
            (None, None) => {}
        }
    }
    Ok(())
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
        Kind::Boolean if matches!(value, "true" | "false") => Ok(()),
        Kind::Boolean => Err(InputError::NotABoolean { input }),
        Kind::Duration if value == "never" || date::parse_delay(value).is_some() => Ok(()),
        Kind::Duration => Err(InputError::NotADuration { input }),
    }
}
