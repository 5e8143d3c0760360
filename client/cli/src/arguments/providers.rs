//! The subcommands of `providers`, and their flags.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::arguments::{Form, Inputs};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = HELP)]
pub(crate) struct Providers {
    #[command(subcommand)]
    pub(crate) command: Option<ProvidersCommand>,

    /// Without a subcommand: a provider definition's name, as for `show`
    #[arg(hide = true)]
    pub(crate) name: Option<String>,

    #[arg(long, hide = true, requires = "name", conflicts_with = "json")]
    pub(crate) definition: bool,

    #[command(flatten)]
    pub(crate) form: Form,
}

const HELP: &str = "\
Without a subcommand: list. Where a command takes NAME|FILE, a file is what has a / in its name or
ends in .toml; it needn't be installed.";

#[derive(Debug, Subcommand)]
pub(crate) enum ProvidersCommand {
    /// List the APIs that tokend knows
    List {
        #[command(flatten)]
        form: Form,
    },
    /// Show what an API needs
    Show(Shown),
    /// Say what is wrong with provider definitions, if anything is
    Check(Checked),
    /// Show what a provider definition will send; nothing is sent
    Explain(Explain),
    /// Issue a token once, show what goes to and fro, and throw the token away
    #[command(after_help = "It counts against the account's limits like any other issuance. \
        Secrets aren't shown.")]
    Try(Box<Try>),
    /// Print the form of provider definitions as a JSON Schema, for editors
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct Shown {
    /// A provider definition's name
    pub(crate) name: String,

    /// Print the definition itself, to write one of your own by
    #[arg(long, conflicts_with = "json")]
    pub(crate) definition: bool,

    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct Checked {
    /// Files with a definition each
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A provider definition's name, or a file with one
    #[arg(value_name = "NAME|FILE")]
    pub(crate) definition: String,

    /// Give a variable; those that aren't given have their names in their places
    #[arg(long = "var", value_name = "INPUT=VALUE")]
    pub(crate) variables: Vec<String>,

    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct Try {
    /// A provider definition's name, or a file with one
    #[arg(value_name = "NAME|FILE")]
    pub(crate) definition: String,

    #[command(flatten)]
    pub(crate) inputs: Inputs,

    /// Don't ask
    #[arg(long, short)]
    pub(crate) yes: bool,

    #[command(flatten)]
    pub(crate) form: Form,
}
