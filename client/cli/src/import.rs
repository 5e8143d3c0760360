//! Credentials that other programs keep: what is in them, and which inputs it is.

mod env;
mod file;
mod json;
mod matching;

use std::{io, path::PathBuf};

use secrecy::SecretString;
use tokend_proto::v1::ProviderInput;

pub(crate) use crate::import::{
    env::{Variable, variables},
    file::File,
    json::{google, oidc_agent},
    matching::{Map, fit},
};

/// Something that was found in a source.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// What the source calls it.
    pub(crate) name: String,
    /// The input that it stands for, if it is known to stand for one.
    pub(crate) input: Option<String>,
    /// Its value; `None` if it can't be one of an input.
    pub(crate) value: Option<SecretString>,
}

/// What was found in a source.
#[derive(Debug)]
pub(crate) struct Found {
    /// The provider definition that is meant for it.
    pub(crate) provider: &'static str,
    pub(crate) fields: Vec<Field>,
}

/// Something that is taken.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) input: ProviderInput,
    /// What the source calls it.
    pub(crate) name: String,
    pub(crate) value: SecretString,
}

/// Parts what is found into what is taken and the names of what is left.
pub(crate) fn part(
    fields: Vec<Field>,
    inputs: &[ProviderInput],
    given: &[String],
) -> (Vec<Taken>, Vec<String>) {
    let (mut taken, mut left) = (Vec::<Taken>::new(), Vec::new());
    for Field { name, input, value } in fields {
        let input = input.and_then(|name| inputs.iter().find(|input| input.name == name));
        let is_free = |input: &&ProviderInput| {
            !given.contains(&input.name) && taken.iter().all(|it| it.input.name != input.name)
        };
        match (input.filter(is_free), value) {
            (Some(input), Some(value)) => taken.push(Taken { input: input.clone(), name, value }),
            _ => left.push(name),
        }
    }
    (taken, left)
}

/// Why a source can't be imported. What is in it is never part of it, but for names.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("can't read {}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("can't read standard input")]
    Stdin(#[source] io::Error),
    #[error("standard input is the terminal, where what is pasted would be seen")]
    Terminal,
    #[error("standard input can't be read twice: for {0} and for what is imported")]
    StdinTwice(String),
    #[error("the refresh token is read from standard input, not from the command line")]
    Exposed,
    #[error("{of} is larger than {} KiB, which is no credential", file::LARGEST / 1_024)]
    TooLarge { of: String },
    #[error("{of} isn't text in UTF-8")]
    NotText { of: String },
    #[error("{of} isn't JSON: line {line}, column {column}")]
    NotJson { of: String, line: usize, column: usize },
    #[error("{of} is no {kind}: {}", lacks(missing))]
    NotOne { of: String, kind: &'static str, missing: &'static [&'static str] },
    #[error("{of} is an encrypted account of oidc-agent, which only oidc-gen can read")]
    Encrypted { of: String, account: String },
    #[error("{of} is of the type {kind:?}, which can't be imported")]
    Unsupported { of: String, kind: String },
    #[error("{of}, line {line}: {what}")]
    Line { of: String, line: usize, what: &'static str },
    #[error("--map takes VARIABLE=INPUT")]
    MapNoEquals,
    #[error("{of} has no variable {name:?}")]
    MapNoVariable { of: String, name: String },
    #[error("{provider} has no input {name:?}")]
    MapNoInput { provider: String, name: String, known: Vec<String> },
    #[error("{input} is mapped twice")]
    MapTwice { input: String },
    #[error("{input} could be {}", variables.join(" or "))]
    Ambiguous { input: String, variables: Vec<String> },
    #[error("{provider} has no use for anything in {of}")]
    Nothing { of: String, provider: String, known: Vec<String>, map: bool },
}

fn lacks(missing: &[&str]) -> String {
    format!("it has no {}", missing.join(" and no "))
}

impl Problem {
    /// Returns what to do about it.
    pub(crate) fn remedy(&self, credential: &str) -> Option<String> {
        Some(match self {
            Self::Terminal => "name a file, or pipe it in".to_owned(),
            Self::StdinTwice(input) => {
                format!("give {input} by --secret-file, --secret-env or --secret-command")
            }
            Self::Exposed => format!(
                "`.. | tokend-cli import {credential} --provider PROVIDER --refresh-token`; if it \
                 is in your shell's history now, it should be replaced"
            ),
            Self::Encrypted { account, .. } => format!(
                "oidc-gen --print {account} | tokend-cli import {credential} --oidc-agent -"
            ),
            Self::Unsupported { .. } => "what can be: service_account, the key of a service \
                account, and authorized_user, the file of `gcloud auth application-default login`"
                .to_owned(),
            Self::MapNoInput { known, .. } => format!("it has {}", known.join(", ")),
            Self::Ambiguous { input, variables } => {
                let ways: Vec<_> =
                    variables.iter().map(|name| format!("--map {name}={input}")).collect();
                format!("say which: {}", ways.join(" or "))
            }
            Self::Nothing { provider, known, map, .. } => {
                let known = known.join(", ");
                if *map {
                    format!("its inputs are {known}; say which is which by --map VARIABLE=INPUT")
                } else {
                    format!("its inputs are {known}; another provider may be meant: {provider} was")
                }
            }
            Self::File { .. }
            | Self::Stdin(_)
            | Self::TooLarge { .. }
            | Self::NotText { .. }
            | Self::NotJson { .. }
            | Self::NotOne { .. }
            | Self::Line { .. }
            | Self::MapNoEquals
            | Self::MapNoVariable { .. }
            | Self::MapTwice { .. } => return None,
        })
    }

    /// Tells whether the command line is to blame.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Terminal
                | Self::StdinTwice(_)
                | Self::Exposed
                | Self::MapNoEquals
                | Self::MapNoVariable { .. }
                | Self::MapNoInput { .. }
                | Self::MapTwice { .. }
                | Self::Ambiguous { .. }
                | Self::Nothing { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, input: Option<&str>, value: Option<&str>) -> Field {
        Field {
            name: name.to_owned(),
            input: input.map(str::to_owned),
            value: value.map(Into::into),
        }
    }

    #[test]
    fn what_has_no_place_or_is_given_otherwise_is_left() {
        let inputs = ["client_id", "scope", "issuer"]
            .map(|name| ProviderInput { name: name.to_owned(), ..ProviderInput::default() });
        let fields = vec![
            field("issuer_url", Some("issuer"), Some("https://a.example")),
            field("issuer", Some("issuer"), Some("https://b.example")),
            field("scope", Some("scope"), Some("openid")),
            field("client_id", Some("client_id"), None),
            field("cert_path", None, Some("/x")),
            field("secret", Some("client_secret"), Some("s3cret")),
        ];
        let (taken, left) = part(fields, &inputs, &["scope".to_owned()]);
        let taken: Vec<_> =
            taken.iter().map(|it| (it.input.name.as_str(), it.name.as_str())).collect();
        assert_eq!(taken, [("issuer", "issuer_url")]);
        assert_eq!(left, ["issuer", "scope", "client_id", "cert_path", "secret"]);
    }
}
