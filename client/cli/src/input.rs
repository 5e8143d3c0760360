//! Fits what flags give to what a provider definition, or an operation of its, needs.

use std::time::Duration;

use tokend_proto::v1::{Provider, ProviderInput, RemoteOperation, SecretSource, secret_source};

use crate::secret::Place;

/// One flag that gives an input, its text still whole: a malformed one may hold a secret,
/// so that it must not be repeated in an error.
#[derive(Debug)]
pub(crate) enum Flag {
    Var(String),
    Argument(String),
    Secret {
        flag: &'static str,
        text: String,
        place: fn(String) -> Place,
    },
    SecretStdin(String),
    Source {
        flag: &'static str,
        text: String,
        source: fn(&str) -> Result<SecretSource, String>,
        max_age: Option<Duration>,
    },
}

/// Where the value of an input comes from.
#[derive(Debug, PartialEq)]
pub(crate) enum Origin {
    CommandLine(String),
    Secret(Place),
    /// The daemon reads it.
    Source(SecretSource),
}

/// What is given, and what a person is still to be asked for, in the order of the
/// definition.
#[derive(Debug, Default)]
pub(crate) struct Plan<'a> {
    pub(crate) given: Vec<(&'a ProviderInput, Origin)>,
    pub(crate) asked: Vec<&'a ProviderInput>,
}

/// Why the flags don't fit.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    #[error("{flag} takes INPUT={value}")]
    NoEquals { flag: &'static str, value: &'static str },
    #[error("{provider} has no input {name:?}")]
    Unknown { provider: String, name: String, known: Vec<String> },
    #[error("{name} is given twice")]
    Twice { name: String },
    #[error(
        "{name} is a secret and can't be given on the command line, where other users can read it"
    )]
    Exposed { name: String },
    #[error("standard input holds one secret, and another than {name} is read from it")]
    StdinTwice { name: String },
    #[error("{name} isn't a secret")]
    NotSecret { name: String },
    #[error("{name} can only be one of {}", choices.join(", "))]
    NotAChoice { name: String, choices: Vec<String> },
    #[error("{name} can't be read like that: {problem}")]
    NoSource { name: String, problem: String },
    #[error("{provider} needs more, and there is no terminal to ask on: {}", names(missing))]
    Missing { provider: String, flag: &'static str, missing: Vec<ProviderInput> },
}

impl Problem {
    pub(crate) fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Unknown { known, .. } if known.is_empty() => return None,
            Self::Unknown { known, .. } => format!("it has {}", known.join(", ")),
            Self::Exposed { name } => format!("give it as {}", secret_flags(name)),
            Self::NotSecret { name } => format!("give it as --var {name}=VALUE"),
            Self::Missing { flag, missing, .. } => {
                let lines: Vec<_> = missing.iter().map(|input| how_to_give(input, flag)).collect();
                format!("give\n{}", lines.join("\n"))
            }
            Self::NoEquals { .. }
            | Self::Twice { .. }
            | Self::StdinTwice { .. }
            | Self::NotAChoice { .. }
            | Self::NoSource { .. } => return None,
        })
    }
}

/// Fits the flags to the definition's inputs.
///
/// If something is missing and a person is there, everything that isn't given is
/// asked for; a command that is complete asks nothing.
pub(crate) fn plan(
    provider: &Provider,
    flags: Vec<Flag>,
    person: bool,
) -> Result<Plan<'_>, Problem> {
    fit(&provider.name, &provider.inputs, "--var", flags, person)
}

/// Fits the texts of `--arg` to what an operation needs, as [`plan`] does.
pub(crate) fn arguments(
    operation: &RemoteOperation,
    texts: Vec<String>,
    person: bool,
) -> Result<Plan<'_>, Problem> {
    let flags = texts.into_iter().map(Flag::Argument).collect();
    fit(&operation.name, &operation.arguments, "--arg", flags, person)
}

/// Fits flags that give secrets to those that a definition has. Nothing else is asked for
/// but the secrets of these names, if a person is there; else one is read from standard
/// input.
pub(crate) fn secrets(
    provider: &Provider,
    mut flags: Vec<Flag>,
    names: Vec<String>,
    person: bool,
) -> Result<Plan<'_>, Problem> {
    if !person {
        flags.extend(names.into_iter().map(Flag::SecretStdin));
        return given(&provider.name, &provider.inputs, flags);
    }
    // As flags they are checked like any other.
    let asked = given(
        &provider.name,
        &provider.inputs,
        names.into_iter().map(Flag::SecretStdin).collect(),
    )?;
    let mut plan = given(&provider.name, &provider.inputs, flags)?;
    for (input, _) in asked.given {
        if plan.given.iter().any(|(given, _)| given.name == input.name) {
            return Err(Problem::Twice { name: input.name.clone() });
        }
        plan.asked.push(input);
    }
    Ok(plan)
}

fn fit<'a>(
    of: &str,
    inputs: &'a [ProviderInput],
    flag: &'static str,
    flags: Vec<Flag>,
    person: bool,
) -> Result<Plan<'a>, Problem> {
    let mut plan = given(of, inputs, flags)?;
    let not_given: Vec<_> = inputs
        .iter()
        .filter(|input| plan.given.iter().all(|(given, _)| given.name != input.name))
        .collect();
    let needed = |input: &&ProviderInput| input.required && input.default_value.is_empty();
    if not_given.iter().any(needed) {
        if !person {
            let missing = not_given.into_iter().filter(needed).cloned().collect();
            return Err(Problem::Missing { provider: of.to_owned(), flag, missing });
        }
        plan.asked = not_given;
    }
    Ok(plan)
}

/// Fits what is given to the inputs that there are.
fn given<'a>(of: &str, inputs: &'a [ProviderInput], flags: Vec<Flag>) -> Result<Plan<'a>, Problem> {
    let mut plan = Plan::default();
    let mut reads_stdin = false;
    for given in flags {
        let (name, origin) = given.split()?;
        let input = inputs.iter().find(|input| input.name == name);
        let input = input.ok_or_else(|| Problem::Unknown {
            provider: of.to_owned(),
            name: name.clone(),
            known: inputs.iter().map(|input| input.name.clone()).collect(),
        })?;
        if plan.given.iter().any(|(given, _)| given.name == name) {
            return Err(Problem::Twice { name });
        }
        match (&origin, input.secret) {
            (Origin::CommandLine(_), true) => return Err(Problem::Exposed { name }),
            (Origin::Secret(_) | Origin::Source(_), false) => {
                return Err(Problem::NotSecret { name });
            }
            // There is one standard input.
            (Origin::Secret(Place::Stdin), true) if std::mem::replace(&mut reads_stdin, true) => {
                return Err(Problem::StdinTwice { name });
            }
            (Origin::CommandLine(value), false)
                if !input.choices.is_empty() && !input.choices.contains(value) =>
            {
                return Err(Problem::NotAChoice { name, choices: input.choices.clone() });
            }
            _ => plan.given.push((input, origin)),
        }
    }
    Ok(plan)
}

impl Flag {
    /// Returns the name of the input that it gives, if it names one.
    pub(crate) fn input(&self) -> Option<&str> {
        match self {
            Self::Var(text)
            | Self::Argument(text)
            | Self::Secret { text, .. }
            | Self::Source { text, .. } => text.split_once('=').map(|(name, _)| name),
            Self::SecretStdin(name) => Some(name),
        }
    }

    fn split(self) -> Result<(String, Origin), Problem> {
        let (flag, value, text) = match &self {
            Self::Var(text) => ("--var", "VALUE", text),
            Self::Argument(text) => ("--arg", "VALUE", text),
            Self::Secret { flag, text, .. } | Self::Source { flag, text, .. } => {
                (*flag, "..", text)
            }
            Self::SecretStdin(text) => {
                return match text.split_once('=') {
                    // What follows is the secret, by someone who takes it for a variable.
                    Some((name, _)) => Err(Problem::Exposed { name: name.to_owned() }),
                    None => Ok((text.clone(), Origin::Secret(Place::Stdin))),
                };
            }
        };
        let (name, given) = text
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or(Problem::NoEquals { flag, value })?;
        let given = given.to_owned();
        let origin = match &self {
            Self::Secret { place, .. } => Origin::Secret(place(given)),
            Self::Source { source, max_age, .. } => {
                let no_source = |problem| Problem::NoSource { name: name.to_owned(), problem };
                Origin::Source(with_max_age(source(&given).map_err(no_source)?, *max_age))
            }
            Self::Var(_) | Self::Argument(_) | Self::SecretStdin(_) => Origin::CommandLine(given),
        };
        Ok((name.to_owned(), origin))
    }
}

fn with_max_age(mut source: SecretSource, max_age: Option<Duration>) -> SecretSource {
    if let Some(secret_source::Source::Command(command)) = &mut source.source {
        command.max_age = max_age.and_then(|age| age.try_into().ok());
    }
    source
}

/// Returns the flag for an input and what the input is.
fn how_to_give(input: &ProviderInput, variable: &str) -> String {
    let flag = if input.secret {
        secret_flags(&input.name)
    } else {
        format!("{variable} {}=VALUE", input.name)
    };
    if input.description.is_empty() { flag } else { format!("{flag}: {}", input.description) }
}

fn secret_flags(name: &str) -> String {
    format!(
        "--secret-file {name}=PATH, --secret-env {name}=VARIABLE, --secret-stdin {name} or \
         --secret-command {name}=COMMAND"
    )
}

fn names(inputs: &[ProviderInput]) -> String {
    inputs.iter().map(|input| input.name.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
