//! What `completions` and `man` take.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

pub(super) const HELP: &str = "\
The names of credentials are completed, too: tokend is asked for them.

  bash   source <(tokend-cli completions bash)    in ~/.bashrc
  zsh    source <(tokend-cli completions zsh)     in ~/.zshrc, below compinit
  fish   tokend-cli completions fish | source     in ~/.config/fish/config.fish";

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}

/// A shell whose completions can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The directory to write them to, `/usr/local/share/man/man1` say
    pub(crate) directory: PathBuf,
}
