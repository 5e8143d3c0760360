//! What `key` takes.

use clap::Subcommand;

use super::Form;

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Have another key open the store: of another file or credential, and a new one if that
    /// file isn't there
    ///
    /// The data key is wrapped anew; nothing else in the store changes. If it is interrupted, do
    /// it again.
    #[command(after_help = "tokend makes the file itself, as the user that it runs as. \
        tokend.toml isn't changed: write into it what\nthis says, before tokend starts again.")]
    ChangeSource {
        /// Where the new key is: `file:/PATH` or `credential:NAME`, as in tokend.toml
        #[arg(long, value_name = "SOURCE")]
        to: String,
        #[command(flatten)]
        form: Form,
    },
    /// Draw a new data key and seal everything in the store with it
    ///
    /// The key of tokend.toml stays as it is. It is done wholly or not at all.
    Rotate {
        #[command(flatten)]
        form: Form,
    },
}
