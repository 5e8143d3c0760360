//! The flags that say where the daemon reads secrets, and how long they are good for; those
//! of `set-secret`.

use std::time::Duration;

use clap::Args;

use crate::{
    arguments::{Form, Secrets},
    expiry::{self, Expiry},
    input::Flag,
    source, span,
};

#[derive(Debug, Args)]
pub(crate) struct Supply {
    /// Have tokend itself read a secret from a file, now and whenever it changes
    #[arg(long, value_name = "INPUT=PATH")]
    source_file: Vec<String>,
    /// Have tokend itself read a secret from a program's output, without a shell
    #[arg(long, value_name = "INPUT=COMMAND")]
    source_command: Vec<String>,
    /// Run such a program before a token is asked for if the last run is older [default: 5m]
    #[arg(long, value_name = "SPAN", value_parser = span::parse, requires = "source_command")]
    source_max_age: Option<Duration>,
    /// Say when a secret ends, so that tokend warns: an RFC 3339 time, or a day (UTC)
    #[arg(long, value_name = "INPUT=DATE", value_parser = expiry::named)]
    pub(crate) secret_expires: Vec<Expiry>,
}

impl Supply {
    /// Takes the flags that give secrets by where the daemon reads them.
    pub(crate) fn take_flags(&mut self) -> Vec<Flag> {
        let max_age = self.source_max_age;
        let files = self.source_file.drain(..).map(|text| Flag::Source {
            flag: "--source-file",
            text,
            source: source::file,
            max_age: None,
        });
        let commands = self.source_command.drain(..).map(|text| Flag::Source {
            flag: "--source-command",
            text,
            source: source::command,
            max_age,
        });
        files.chain(commands).collect()
    }
}

#[derive(Debug, Args)]
pub(crate) struct SetSecret {
    /// The credential's name
    pub(crate) name: String,
    /// The secrets to ask for on the terminal; without one, a single secret is read from
    /// standard input
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<String>,
    #[command(flatten)]
    pub(crate) secrets: Secrets,
    #[command(flatten)]
    pub(crate) supply: Supply,
    /// Say when the secrets named as INPUT end, so that tokend warns: an RFC 3339 time, or a
    /// day (UTC)
    #[arg(long, value_name = "DATE", value_parser = expiry::parse, requires = "inputs")]
    pub(crate) expires: Option<prost_types::Timestamp>,
    /// Ask for a token at once, to try the new secrets; it may cost an issuance
    #[arg(long)]
    pub(crate) now: bool,
    #[command(flatten)]
    pub(crate) form: Form,
}
