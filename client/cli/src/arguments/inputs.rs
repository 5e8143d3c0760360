//! The flags that give a provider definition what it needs.

use std::path::PathBuf;

use clap::Args;

use crate::{input::Flag, secret::Place};

#[derive(Debug, Args)]
pub(crate) struct Inputs {
    /// Give an input that isn't a secret
    #[arg(long, value_name = "INPUT=VALUE")]
    var: Vec<String>,
    #[command(flatten)]
    secrets: Secrets,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_field_names, reason = "the fields are the flags' names")]
pub(crate) struct Secrets {
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
}

/// Makes a place of the text after the `=`.
type PlaceOf = fn(String) -> Place;

impl Inputs {
    /// Takes the flags that give inputs.
    pub(crate) fn take_flags(mut self) -> Vec<Flag> {
        let mut flags: Vec<_> = self.var.drain(..).map(Flag::Var).collect();
        flags.extend(self.secrets.take_flags());
        flags
    }
}

impl Secrets {
    /// Takes the flags that give secrets.
    pub(crate) fn take_flags(mut self) -> Vec<Flag> {
        let secrets: [(_, _, PlaceOf); 3] = [
            ("--secret-file", &mut self.secret_file, |path| Place::File(PathBuf::from(path))),
            ("--secret-env", &mut self.secret_env, Place::Variable),
            ("--secret-command", &mut self.secret_command, Place::Command),
        ];
        let mut flags = Vec::new();
        for (flag, texts, place) in secrets {
            flags.extend(texts.drain(..).map(|text| Flag::Secret { flag, text, place }));
        }
        flags.extend(self.secret_stdin.take().map(Flag::SecretStdin));
        flags
    }
}
