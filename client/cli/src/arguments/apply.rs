//! `apply`.

use std::path::PathBuf;

use clap::Args;

use super::Form;

pub(super) const HELP: &str = "\
The file is written as those in credentials.d: docs/credentials.md. No secret stands in it; what
refers to a variable of the environment means that of this command, and what nothing refers to is
asked for on the terminal. Files and commands are tokend's to read.

What the file doesn't name stays as it is. If something changes between the look and the change, it
ends with 1, nothing has changed, and it can be run again.

Exit status with --dry-run: 0 if nothing would change, 7 if something would.";

/// The arguments of `apply`.
#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The file that declares them; `-` reads standard input
    #[arg(long, short, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Show what would change, and change nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Don't ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) form: Form,
}
