//! The flags of `restore`.

use std::path::PathBuf;

use clap::Args;

use super::{Form, PassphraseInput};

pub(super) const HELP: &str = "\
The backup is checked before anything changes, and opens with the key that opens the present store.
Then tokend ends what is under way and starts anew on it, in the same process and on the same sockets.
The store before is kept beside. No refresh token of the backup is sent, and what its limits lack
counts as used: see `tokend-cli budget accept --help`. While tokend doesn't run, or doesn't start, `tokend
restore` does the same.

  sudo tokend-cli restore /var/backups/tokend-2026-01-31.db
  ssh host 'cat tokend.db' | sudo tokend-cli restore --yes -";

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// What `tokend-cli backup` has written; `-` is standard input
    pub(crate) file: PathBuf,
    /// Don't ask whether it is meant
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) input: PassphraseInput,
    #[command(flatten)]
    pub(crate) form: Form,
}
