//! `tokend key`: other keys for the store.

use std::{error::Error, fmt::Display, io::Write, path::Path};

use clap::Subcommand;
use tokend::{
    config::{Config, Surroundings},
    init::{Changed, InitError, change_source, rotate},
    store::{KeySource, OpenError},
};

use super::PassphraseInput;

/// What is done with the key.
#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Have another key open the store: of another file or credential, or of a passphrase, and a
    /// new one if that file isn't there
    ///
    /// The data key is wrapped anew; nothing else in the store changes. If it is interrupted, do
    /// it again.
    ChangeSource {
        /// Where the new key is: `file:/PATH`, `credential:NAME` or `passphrase`, as in tokend.toml
        #[arg(long, value_name = "SOURCE")]
        to: String,
        /// Where the key is that opens the store now [default: as tokend.toml says]
        #[arg(long, value_name = "SOURCE")]
        from: Option<String>,
        #[command(flatten)]
        input: PassphraseInput,
    },
    /// Draw a new data key and seal everything in the store with it
    ///
    /// The key of tokend.toml stays as it is. It is done wholly or not at all.
    Rotate {
        #[command(flatten)]
        input: PassphraseInput,
    },
}

impl KeyCommand {
    /// Does it, and says what is to be done next.
    pub(super) fn run(self, file: Option<&Path>) -> Result<(), Box<dyn Error>> {
        let here = Surroundings::here();
        let config = Config::load(file, &here)?;
        let mut out = std::io::stdout();
        match self {
            Self::Rotate { input } => {
                let broken =
                    rotate(&config, input.prompt()).map_err(|error| refused(error, "rotate"))?;
                let state = config.state_dir.display();
                writeln!(out, "all in the store in {state} is sealed with a new data key")?;
                if broken > 0 {
                    writeln!(
                        out,
                        "{broken} damaged entries couldn't be opened before and stay so: \
                         the log of tokend's next start tells which"
                    )?;
                }
            }
            Self::ChangeSource { to, from, input } => {
                let to = Config::key_source(&to, &here)?;
                let from = from.map(|from| Config::key_source(&from, &here)).transpose()?;
                let from = from.unwrap_or_else(|| config.key.clone());
                let state = config.state_dir.display();
                let done = change_source(&config, &from, &to, input.prompt());
                match done.map_err(|error| refused(error, "change-source"))? {
                    Changed::New => writeln!(out, "{}", changed(&state, &from, &to))?,
                    Changed::Already => {
                        let to = named(&to);
                        writeln!(
                            out,
                            "the key of the store in {state} is {to} already; nothing changed"
                        )?;
                    }
                }
                if to != config.key {
                    writeln!(out, "next: key_source = \"{to}\" in tokend.toml, then start tokend")?;
                }
            }
        }
        Ok(())
    }
}

/// Says how it is done while tokend runs, if it does.
fn refused(error: InitError, command: &str) -> Box<dyn Error> {
    match error {
        InitError::Store(error @ OpenError::InUse { .. }) => {
            format!("{error}, or have it do that itself: `tokend-cli key {command}`").into()
        }
        error => error.into(),
    }
}

/// Says what is to be kept from now on.
fn changed(state: &impl Display, from: &KeySource, to: &KeySource) -> String {
    let keep = match to {
        KeySource::Passphrase => "without the passphrase the store is lost; keep",
        _ => "keep a copy of it in a safe place, and",
    };
    let from = match from {
        KeySource::Passphrase => "the passphrase before".to_owned(),
        from => from.to_string(),
    };
    format!(
        "the key of the store in {state} is {} from now on\n\
         {keep} {from} as long as there are backups of the store from before",
        named(to)
    )
}

fn named(source: &KeySource) -> String {
    match source {
        KeySource::Passphrase => "that of the passphrase".to_owned(),
        source => source.to_string(),
    }
}
