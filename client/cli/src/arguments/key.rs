//! What `key` takes.

use clap::{Args, Subcommand};

use super::Form;
use crate::passphrase::Prompt;

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Have another key open the store: of another file or credential, or of a passphrase, and a
    /// new one if that file isn't there
    ///
    /// The data key is wrapped anew; nothing else in the store changes. If it is interrupted, do
    /// it again.
    #[command(after_help = "tokend makes the file itself, as the user that it runs as. \
        tokend.toml isn't changed: write into it what\nthis says, before tokend starts again.")]
    ChangeSource {
        /// Where the new key is: `file:/PATH`, `credential:NAME` or `passphrase`, as in tokend.toml
        #[arg(long, value_name = "SOURCE")]
        to: String,
        #[command(flatten)]
        input: PassphraseInput,
        #[command(flatten)]
        form: Form,
    },
    /// Draw a new data key and seal everything in the store with it
    ///
    /// The key of tokend.toml stays as it is. It is done wholly or not at all.
    Rotate {
        #[command(flatten)]
        input: PassphraseInput,
        #[command(flatten)]
        form: Form,
    },
}

/// How passphrases come, where the store's key comes of one.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct PassphraseInput {
    /// Read the passphrase from standard input and not at the terminal; one that there is comes
    /// first, a new one in the next line
    #[arg(long)]
    passphrase_stdin: bool,
}

impl PassphraseInput {
    pub(crate) fn prompt(self) -> Prompt {
        if self.passphrase_stdin { Prompt::Input } else { Prompt::Terminal }
    }
}
