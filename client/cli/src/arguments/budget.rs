//! What `budget` takes.

use clap::{Args, Subcommand};

use super::Form;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Budget {
    #[command(subcommand)]
    pub(crate) command: Option<BudgetCommand>,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BudgetCommand {
    /// Say how many tokens were asked for that a restored backup doesn't know of
    #[command(after_help = ACCEPT_HELP)]
    Accept(Accept),
}

const ACCEPT_HELP: &str = "\
After the store was restored from a backup, nobody knows how many tokens were asked for since the
backup was made, so limits count as spent until their windows have passed. What the provider counts
itself tells, or the log of the time. If you can't tell which of them the backup knows, say all that
the provider counts: too many are safe, too few may get you locked out. Said again, it counts anew.";

#[derive(Debug, Args)]
#[group(id = "accounts", required = true, multiple = false, args = ["account", "credential", "all"])]
pub(crate) struct Accept {
    /// How many tokens were asked for between the backup and its restoration
    #[arg(long, value_name = "N")]
    pub(crate) used: u32,
    /// Of which account, as `tokend-cli budget` names it
    pub(crate) account: Option<String>,
    /// Of the account that this credential uses
    #[arg(long, value_name = "NAME")]
    pub(crate) credential: Option<String>,
    /// Of each account
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) form: Form,
}
