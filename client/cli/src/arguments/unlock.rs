//! The flags of `unlock`.

use clap::Args;

use super::{Form, PassphraseInput};

pub(super) const HELP: &str = "\
Only operators can: root, and the user that tokend runs as. Without --passphrase-stdin it asks on the
terminal.

  sudo tokend-cli unlock
  pass show tokend | tokend-cli unlock --passphrase-stdin

Exit status: 0 if the store is open, 5 if that isn't its passphrase.";

#[derive(Debug, Args)]
pub(crate) struct Unlock {
    #[command(flatten)]
    pub(crate) input: PassphraseInput,
    #[command(flatten)]
    pub(crate) form: Form,
}
