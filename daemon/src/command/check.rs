//! `tokend check`: what is wrong with what a start would read.

use std::{
    ffi::OsStr,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use serde_json::json;
use tokend::{
    config::{Config, Surroundings},
    daemon, definitions,
    ports::Mistake,
    store::{KeyError, KeySource},
};

/// What to check.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Files with a definition each, or tokend.toml; without one, all that a start would read
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print JSON: what is wrong, with its places
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(&self, config: Option<&Path>) -> super::Result {
        let (mistakes, notes) = if self.files.is_empty() {
            all(config)
        } else {
            (self.files.iter().flat_map(|file| one(file)).collect(), Vec::new())
        };
        let mut out = io::stdout();
        if self.json {
            writeln!(out, "{:#}", mistakes.iter().map(as_json).collect::<serde_json::Value>())?;
        } else {
            for mistake in &mistakes {
                super::complain(&mistake.to_string());
            }
            for note in notes.iter().filter(|_| mistakes.is_empty()) {
                writeln!(out, "{note}")?;
            }
        }
        Ok(if mistakes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Checks all that a start would read. Returns what is wrong, and what there is to say if nothing
/// is.
fn all(file: Option<&Path>) -> (Vec<Mistake>, Vec<String>) {
    let here = Surroundings::here();
    let (named, place) = (file.map(Path::to_owned), here.clone());
    let read = move || Config::load(named.as_deref(), &place).map_err(Vec::from);
    let config = match daemon::check(read) {
        Ok(config) => config,
        Err(mistakes) => return (mistakes, Vec::new()),
    };
    let found = file.map(Path::to_owned).or_else(|| Config::usual_file(&here));
    let mut notes = vec![match found {
        Some(path) => format!("nothing is wrong with {}", path.display()),
        None => "there is no tokend.toml, and all is by default".to_owned(),
    }];
    for directory in config.provider_dirs.iter().filter(|directory| directory.is_dir()) {
        notes.push(format!("nothing is wrong with the definitions in {}", directory.display()));
    }
    for directory in config.credential_dirs.iter().filter(|directory| directory.is_dir()) {
        notes.push(format!("nothing is wrong with the credentials in {}", directory.display()));
    }
    match key(&config) {
        Ok(note) => notes.push(note),
        Err(mistake) => return (vec![mistake], Vec::new()),
    }
    (Vec::new(), notes)
}

/// Checks that the store's key can be read, where this process can tell.
fn key(config: &Config) -> Result<String, Mistake> {
    let source = &config.key;
    let by_default = *source == KeySource::File(config.state_dir.join("key"));
    match source {
        KeySource::Passphrase => return Ok("the store's key comes of a passphrase".to_owned()),
        KeySource::Credential { name, directory: None } => {
            return Ok(format!(
                "the store's key is the credential {name}, which only tokend's own unit can read"
            ));
        }
        KeySource::File(_) | KeySource::Credential { .. } => {}
    }
    match source.read() {
        Ok(_) => Ok(format!("the store's key can be read: {source}")),
        Err(KeyError::Missing { .. }) if by_default => Ok(format!(
            "there is no key {source}: `tokend init` makes it, unless tokend's unit has it as a \
             credential"
        )),
        Err(problem) => Err(Mistake::of(None, daemon::chain(&problem))),
    }
}

fn one(file: &Path) -> Vec<Mistake> {
    if file.file_name() == Some(OsStr::new("tokend.toml")) {
        let loaded = Config::load(Some(file), &Surroundings::here());
        return loaded.map_or_else(Vec::from, |_| Vec::new());
    }
    definitions::read(file).err().map(Mistake::from).into_iter().collect()
}

fn as_json(Mistake { path, place, message }: &Mistake) -> serde_json::Value {
    json!({
        "file": path,
        "line": place.as_ref().map(tokend_provider::Place::line),
        "column": place.as_ref().map(tokend_provider::Place::column),
        "message": message,
    })
}
