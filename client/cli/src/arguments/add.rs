//! The flags of `add`.

use std::path::PathBuf;

use clap::Args;

use crate::{
    arguments::{Policy, terms::WHEN},
    input::Flag,
    secret::Place,
};

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// What to call it: lower-case letters, digits, - and _
    pub(crate) name: String,
    /// The provider definition, one of `tokend-cli providers`
    #[arg(long, short)]
    pub(crate) provider: String,
    /// Give an input that isn't a secret
    #[arg(long, value_name = "INPUT=VALUE")]
    var: Vec<String>,
    /// Read a secret from a file
    #[arg(long, value_name = "INPUT=PATH")]
    secret_file: Vec<String>,
    /// Read a secret from an environment variable
    #[arg(long, value_name = "INPUT=VARIABLE")]
    secret_env: Vec<String>,
    /// Read a secret from standard input
    #[arg(long, value_name = "INPUT")]
    secret_stdin: Option<String>,
    /// Read a secret from a shell command, such as `pass show acme`
    #[arg(long, value_name = "INPUT=COMMAND")]
    secret_command: Vec<String>,
    /// Let a user or group read the tokens: user:NAME, group:NAME, uid:NUMBER or gid:NUMBER
    #[arg(long = "reader", short, value_name = "READER")]
    pub(crate) readers: Vec<String>,
    /// When to refresh tokens ahead of their end: always, the default; while someone has asked
    /// within a day; or never
    #[arg(long, value_name = WHEN, hide_possible_values = true)]
    pub(crate) refresh: Option<Policy>,
    /// Ask for at most so many tokens: 50/12h, 24/day, 1000/month@Europe/Berlin; several may hold
    #[arg(long = "limit", value_name = "LIMIT")]
    pub(crate) limits: Vec<String>,
}

/// Makes a place of the text after the `=`.
type PlaceOf = fn(String) -> Place;

impl Add {
    /// Takes the flags that give inputs.
    pub(crate) fn take_flags(&mut self) -> Vec<Flag> {
        let secrets: [(_, _, PlaceOf); 3] = [
            ("--secret-file", &mut self.secret_file, |path| Place::File(PathBuf::from(path))),
            ("--secret-env", &mut self.secret_env, Place::Variable),
            ("--secret-command", &mut self.secret_command, Place::Command),
        ];
        let mut flags: Vec<_> = self.var.drain(..).map(Flag::Var).collect();
        for (flag, texts, place) in secrets {
            flags.extend(texts.drain(..).map(|text| Flag::Secret { flag, text, place }));
        }
        flags.extend(self.secret_stdin.take().map(Flag::SecretStdin));
        flags
    }
}
