//! The flags of `exec`.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::Args;
use nix::sys::signal::Signal;

use crate::span;

pub(super) const HELP: &str = "\
Nothing is started unless all tokens are there. FIELD is what `get --field` takes. Where no VARIABLE
is named, it is made of NAME and FIELD: GITHUB_APP_TOKEN of github-app, GITHUB_APP_TOKEN_FILE with
--files. A token in a variable stays what it was; one in a file is replaced when tokend has another.

  tokend-cli exec github-app -- deploy
  tokend-cli exec AWS_KEY=acme:id AWS_SECRET=acme:secret -- upload
  tokend-cli exec --files TOKEN_FILE=github-app -- server
  tokend-cli exec --files --signal HUP github-app -- server

Exit status: the program's own, or 128 and its signal's number; as of `get` if a token can't be had;
127 if there is no such program, 126 if it can't be run.";

#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// The credentials whose tokens the program gets, and by which variables
    #[arg(required = true, value_name = "[VARIABLE=]NAME[:FIELD]", value_parser = Handed::read)]
    pub(crate) handed: Vec<Handed>,
    /// Hand over header lines, as `get --header` prints them, where no FIELD is named
    #[arg(long)]
    pub(crate) header: bool,
    /// Put the tokens into files in memory, which are kept current, and the files' paths into the
    /// variables
    #[arg(long)]
    pub(crate) files: bool,
    /// Make the files in a new directory in DIR, even if that is on a disk
    #[arg(long, value_name = "DIR", requires = "files")]
    pub(crate) directory: Option<PathBuf>,
    /// Send the program this signal when a file was replaced (HUP, say)
    #[arg(long, value_name = "SIGNAL", requires = "files", value_parser = signal)]
    pub(crate) signal: Option<Signal>,
    /// The life that each token must still have (30s, 5m, 1h30m)
    #[arg(long, value_name = "SPAN", value_parser = span::parse)]
    pub(crate) min_ttl: Option<Duration>,
    /// How long to wait for the tokens
    #[arg(long, value_name = "SPAN", value_parser = span::parse, default_value = "60s")]
    pub(crate) timeout: Duration,
    /// The program and its arguments
    #[arg(last = true, required = true, value_names = ["PROGRAM", "ARGUMENT"])]
    pub(crate) program: Vec<OsString>,
}

/// What a program gets of one credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Handed {
    /// The credential's name.
    pub(crate) name: String,
    /// One of the token's values, by its name.
    pub(crate) field: Option<String>,
    variable: Option<String>,
}

impl Handed {
    /// Reads `[VARIABLE=]NAME[:FIELD]`.
    fn read(text: &str) -> Result<Self, String> {
        let (variable, rest) = match text.split_once('=') {
            Some((variable, rest)) => (Some(variable.to_owned()), rest),
            None => (None, text),
        };
        if variable.as_deref().is_some_and(|name| !is_variable(name)) {
            return Err(
                "a variable's name has letters, digits and _ and begins with no digit".to_owned()
            );
        }
        let (name, field) = match rest.split_once(':') {
            Some((name, field)) => (name, Some(field.to_owned())),
            None => (rest, None),
        };
        if name.is_empty() || field.as_deref() == Some("") {
            return Err("it is written as NAME, NAME:FIELD or VARIABLE=NAME:FIELD".to_owned());
        }
        Ok(Self { name: name.to_owned(), field, variable })
    }

    /// Returns the name of the variable, with `ending` behind one that wasn't named and
    /// `value` in it where no field is.
    pub(crate) fn variable(&self, value: &str, ending: &str) -> String {
        if let Some(variable) = &self.variable {
            return variable.clone();
        }
        let field = self.field.as_deref().unwrap_or(value);
        let mut derived = format!("{}_{field}{ending}", self.name).to_uppercase();
        derived = derived.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        if derived.starts_with(|c: char| c.is_ascii_digit()) {
            derived.insert(0, '_');
        }
        derived
    }
}

/// Reads a signal's name, as kill(1) does.
fn signal(text: &str) -> Result<Signal, String> {
    let name = text.to_uppercase();
    let name = if name.starts_with("SIG") { name } else { format!("SIG{name}") };
    name.parse().map_err(|_| "a signal is written as HUP or SIGHUP".to_owned())
}

/// Tells whether shells take a name for a variable's (POSIX.1-2024, XBD 3.216).
fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_named_or_made_of_the_credential_and_the_field() {
        for (text, name, field, variable) in [
            ("github-app", "github-app", None, "GITHUB_APP_TOKEN"),
            ("acme:id", "acme", Some("id"), "ACME_ID"),
            ("acme:instance.url", "acme", Some("instance.url"), "ACME_INSTANCE_URL"),
            ("K=acme", "acme", None, "K"),
            ("K_2=acme:a=b:c", "acme", Some("a=b:c"), "K_2"),
            ("2fa", "2fa", None, "_2FA_TOKEN"),
        ] {
            let handed = Handed::read(text).unwrap();
            let read = (handed.name.as_str(), handed.field.as_deref());
            assert_eq!(read, (name, field), "{text}");
            assert_eq!(handed.variable("token", ""), variable, "{text}");
        }
        let file = Handed::read("acme").unwrap().variable("header", "_file");
        assert_eq!(file, "ACME_HEADER_FILE");
    }

    #[test]
    fn a_signal_is_known_by_its_name() {
        for (text, read) in [("HUP", Signal::SIGHUP), ("sigusr1", Signal::SIGUSR1)] {
            assert_eq!(signal(text), Ok(read));
        }
        for text in ["", "SIG", "1", "NONE"] {
            assert!(signal(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_variable_or_names_nothing_is_refused() {
        for text in ["", "=acme", "2A=acme", "A B=acme", "ä=acme", "A=", ":id", "acme:"] {
            assert!(Handed::read(text).is_err(), "{text}");
        }
    }
}
