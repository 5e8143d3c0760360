//! The flags of `watch`.

use std::ffi::OsString;

use clap::Args;

pub(super) const HELP: &str = "\
First it tells how things are, then what changes, through restarts of tokend; tokens only if
--show-token asks for them. It asks for no token that nobody else asks for.

A program is run for each new token, first for the one that is there, and one at a time: of what
changes meanwhile, the latest counts. It reads the token from its standard input and has
TOKEND_NAME, TOKEND_TOKEN_ID and TOKEND_EXPIRE_TIME in its environment. If it fails, that is told,
and the watch goes on.

  tokend-cli watch github-app -- systemctl reload reports

SIGTERM and Ctrl-C end it; a program that is running gets the signal, too, and is waited for.";

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The credentials' names; without one, all that you may read
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Leave out how things are at first
    #[arg(long)]
    pub(crate) changes_only: bool,
    /// Print each change as a JSON object on a line of its own
    #[arg(long, conflicts_with = "program")]
    pub(crate) json: bool,
    /// Print the tokens, too
    #[arg(long, requires = "json")]
    pub(crate) show_token: bool,
    /// A program to run for each new token, and its arguments
    #[arg(last = true, value_names = ["PROGRAM", "ARGUMENT"])]
    pub(crate) program: Vec<OsString>,
}
