//! The flags of `backup`.

use std::path::PathBuf;

use clap::Args;

use super::Form;

pub(super) const HELP: &str = "\
The copy is of one moment, sealed as the store is, and was read through before it is given a name. It
opens with the store's key and nothing else: keep a copy of that, in another place. `restore` puts a
copy in the place of the store, `tokend restore` does while tokend doesn't run.

  sudo tokend-cli backup /var/backups/tokend-$(date +%F).db
  sudo tokend-cli backup - | ssh host 'cat > tokend.db'";

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file to write, which its owner alone can read; `-` is standard output
    pub(crate) file: PathBuf,
    /// Replace the file, if it is there
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) form: Form,
}
