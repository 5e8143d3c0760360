//! Reads the inputs that a definition declares.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::Input;
use super::acceptance::check;
use crate::definition::error::{Fault, Located};
use crate::definition::file::{self, File, Requests, Text};
use crate::expression::Names;
use crate::input::Kind;
use crate::login;

/// Reads `[variables]`, then `[secrets]`, each in the order of the file.
pub(crate) fn declare(file: &File) -> Result<Vec<Input>, Located> {
    let mut inputs = Vec::with_capacity(file.variables.len() + file.secrets.len());
    let mut names = BTreeSet::new();
    for (name, variable) in &file.variables {
        names.insert(valid(name)?);
        inputs.push(declare_variable(name, variable)?);
    }
    for (name, secret) in &file.secrets {
        if !names.insert(valid(name)?) {
            return Err(Fault::DeclaredTwice(name.get_ref().clone()).at(name.span()));
        }
        inputs.push(Input {
            name: name.get_ref().clone(),
            description: secret.description.clone(),
            kind: Kind::Text,
            secret: true,
            required: !secret.optional,
            default: None,
            choices: Vec::new(),
        });
    }
    Ok(inputs)
}

/// Reads variables, such as the arguments of an operation.
pub(crate) fn variables(variables: &IndexMap<Text, file::Variable>) -> Result<Vec<Input>, Located> {
    let inputs = variables.iter().map(|(name, variable)| {
        valid(name)?;
        declare_variable(name, variable)
    });
    inputs.collect()
}

/// The secret that a login leaves behind: the refresh token.
pub(crate) const REFRESH_TOKEN: &str = "refresh_token";

/// Declares what a login leaves behind. Nobody has to give that where people can log in.
pub(crate) fn leave_behind(inputs: &mut Vec<Input>, can_log_in: bool) {
    match inputs.iter_mut().find(|input| input.name == REFRESH_TOKEN) {
        Some(own) if own.secret => own.required &= !can_log_in,
        // A variable of this name is the author's own affair.
        Some(_) => {}
        None => inputs.push(Input {
            name: REFRESH_TOKEN.to_owned(),
            description: "What a login leaves behind".to_owned(),
            kind: Kind::Text,
            secret: true,
            required: false,
            default: None,
            choices: Vec::new(),
        }),
    }
}

/// Whether some answer brings a refresh token.
pub(crate) fn holds_refresh_token(file: &File) -> bool {
    let has = |output: &file::Output| output.refresh_token.is_some();
    has(&file.output) || outputs(file).any(has)
}

/// What requests say of their own outputs.
fn outputs(file: &File) -> impl Iterator<Item = &file::Output> {
    let requests = [&file.issue, &file.refresh].into_iter().flatten();
    let login = file.login.iter().flat_map(|login| login::requests(login.get_ref()));
    requests
        .chain(login)
        .flat_map(Requests::iter)
        .filter_map(|(_, request)| request.output.as_ref())
}

/// The names that expressions may use.
pub(crate) fn names(inputs: &[Input], file: &File) -> Names {
    let of = |secret| {
        let inputs = inputs.iter().filter(|input| input.secret == secret);
        inputs.map(|input| input.name.clone()).collect()
    };
    Names {
        variables: of(false),
        secrets: of(true),
        extras: outputs(file)
            .chain([&file.output])
            .flat_map(|output| output.extras.keys().chain(output.optional_extras.keys()))
            .map(|name| name.get_ref().clone())
            .collect(),
        optional_extras: outputs(file)
            .chain([&file.output])
            .flat_map(|output| output.optional_extras.keys())
            .map(|name| name.get_ref().clone())
            .collect(),
        signs: file.sign.keys().map(|name| name.get_ref().clone()).collect(),
        ..Names::default()
    }
}

fn declare_variable(name: &Text, variable: &file::Variable) -> Result<Input, Located> {
    let input = Input {
        name: name.get_ref().clone(),
        description: variable.description.clone(),
        kind: variable.kind.into(),
        secret: false,
        required: !variable.optional && variable.default.is_none(),
        default: variable.default.as_ref().map(|default| default.get_ref().clone()),
        choices: variable.choices.clone(),
    };
    if let Some(default) = &variable.default {
        check(&input, default.get_ref())
            .map_err(|error| Fault::Default(error.to_string()).at(default.span()))?;
    }
    Ok(input)
}

/// Checks a name that expressions can use after a dot.
pub(crate) fn valid(name: &Text) -> Result<&str, Located> {
    let text = name.get_ref().as_str();
    let is_name = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if is_name { Ok(text) } else { Err(Fault::InputName(text.to_owned()).at(name.span())) }
}

impl From<file::Kind> for Kind {
    fn from(kind: file::Kind) -> Self {
        match kind {
            file::Kind::Text => Self::Text,
            file::Kind::Url => Self::Url,
            file::Kind::Integer => Self::Integer,
            file::Kind::Boolean => Self::Boolean,
            file::Kind::Duration => Self::Duration,
        }
    }
}
