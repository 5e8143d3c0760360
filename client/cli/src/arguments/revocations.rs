//! What `revocations` takes.

use clap::{Args, Subcommand};

use super::Form;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Revocations {
    #[command(subcommand)]
    pub(crate) command: Option<RevocationsCommand>,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RevocationsCommand {
    /// Give one up: it isn't tried any more, and the token may live on at the provider
    Drop {
        /// Its id, as `tokend-cli revocations` lists it
        id: String,
        /// Don't ask
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        form: Form,
    },
}
