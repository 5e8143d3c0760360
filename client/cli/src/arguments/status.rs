//! The arguments of `status`.

use clap::Args;

use super::Form;

/// What else there is to know.
pub(super) const HELP: &str = "\
docs/status.md says what the columns and the states mean, and what to do about each. On a terminal
those that need someone come first, and bars show the life that is left, with the point at which the
token is replaced, and what is left of the limits, with what is held back.

Exit status: 0; with --check 5 if a person must act: a login is needed, a secret was refused or ends,
tokend is locked, or something is wrong with what is stored.";

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The credential's name; without it, all of them
    pub(crate) name: Option<String>,
    /// End with 5 if a person must act
    #[arg(long)]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) form: Form,
}
