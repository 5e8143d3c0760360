//! `tokend key`: other keys for the store.

use std::{error::Error, io::Write, path::Path};

use clap::Subcommand;
use tokend::{
    config::{Config, Surroundings},
    init::{Changed, change_source, rotate},
};

/// What is done with the key.
#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Have another key open the store: of another file or credential, and a new one if that
    /// file isn't there
    ///
    /// The data key is wrapped anew; nothing else in the store changes. If it is interrupted, do
    /// it again.
    ChangeSource {
        /// Where the new key is: `file:/PATH` or `credential:NAME`, as in tokend.toml
        #[arg(long, value_name = "SOURCE")]
        to: String,
        /// Where the key is that opens the store now [default: as tokend.toml says]
        #[arg(long, value_name = "SOURCE")]
        from: Option<String>,
    },
    /// Draw a new data key and seal everything in the store with it
    ///
    /// The key of tokend.toml stays as it is. It is done wholly or not at all.
    Rotate,
}

impl KeyCommand {
    /// Does it, and says what is to be done next.
    pub(super) fn run(self, file: Option<&Path>) -> Result<(), Box<dyn Error>> {
        let here = Surroundings::here();
        let config = Config::load(file, &here)?;
        let mut out = std::io::stdout();
        match self {
            Self::Rotate => {
                let broken = rotate(&config)?;
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
            Self::ChangeSource { to, from } => {
                let to = Config::key_source(&to, &here)?;
                let from = from.map(|from| Config::key_source(&from, &here)).transpose()?;
                let from = from.unwrap_or_else(|| config.key.clone());
                let state = config.state_dir.display();
                match change_source(&config, &from, &to)? {
                    Changed::New => {
                        writeln!(out, "the key of the store in {state} is {to} from now on")?;
                        writeln!(
                            out,
                            "keep a copy of it in a safe place, and {from} as long as there are \
                             backups of the store from before"
                        )?;
                    }
                    Changed::Already => {
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
