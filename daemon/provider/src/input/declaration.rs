//! Reads the inputs that a definition declares.

use std::collections::BTreeSet;

use super::Input;
use super::acceptance::check;
use crate::definition::error::{Fault, Located};
use crate::definition::file::{self, File, Text};
use crate::expression::Names;
use crate::input::Kind;

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

/// The names that expressions may use.
pub(crate) fn names(inputs: &[Input], output: &file::Output) -> Names {
    let of = |secret| {
        let inputs = inputs.iter().filter(|input| input.secret == secret);
        inputs.map(|input| input.name.clone()).collect()
    };
    Names {
        variables: of(false),
        secrets: of(true),
        extras: output.extras.keys().map(|name| name.get_ref().clone()).collect(),
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
        }
    }
}
