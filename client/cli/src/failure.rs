//! Why a command failed: its message, the remedy and the exit status.

mod login;
mod remedy;

use std::{
    error::Error as StdError,
    io::{self, Write as _},
    path::PathBuf,
};

use tokend_client::Error;
use tonic::Status;

use crate::{
    caller::Caller,
    command::{backup, restore},
    exit::Exit,
    format, helper, import, input, login as here,
    output::{is_unsafe, printable},
    replace, secret,
};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The daemon can't be reached, or said no.
    #[error("{}", chain(error))]
    Daemon { error: Error, credential: Option<String> },
    /// The credential is stored, and that is as far as it got.
    #[error("{credential} is stored, but has no token yet: {}", chain(error))]
    FirstToken { error: Error, credential: String },
    /// The daemon ended a login.
    #[error("{}", chain(error))]
    Login { error: Error, credential: String },
    /// A login ended on this side.
    #[error("{}", chain(problem))]
    LoginHere { problem: here::Problem, credential: String },
    /// The flags don't fit the provider definition.
    #[error(transparent)]
    Input(#[from] input::Problem),
    /// What another program keeps can't be imported.
    #[error("{}", chain(problem))]
    Import { problem: import::Problem, credential: String },
    /// A secret can't be read from where it should come from.
    #[error(transparent)]
    Secret(#[from] secret::Problem),
    /// A reader without its kind.
    #[error(
        "a reader is user:NAME, group:NAME, uid:NUMBER, gid:NUMBER or unit:NAME.service, not {0:?}"
    )]
    NotAReader(String),
    /// Nobody is there to confirm what is to be done.
    #[error("{deed} needs a confirmation, and there is no terminal to ask on")]
    Unconfirmed { deed: String, command: String },
    /// A file that declares credentials has mistakes, each with its place.
    #[error("{}", .0.join("; "))]
    Mistaken(Vec<String>),
    /// Nobody is there to ask for secrets that a file doesn't refer to.
    #[error("nothing refers to {}, and there is no terminal to ask on", .0.join(", "))]
    NothingRefersTo(Vec<String>),
    /// Nobody is there to ask for the passphrase.
    #[error("there is no terminal to ask for the passphrase on")]
    NobodyToAsk,
    /// Nothing can be drawn where standard output isn't a terminal.
    #[error("there is no terminal to draw on")]
    NoScreen,
    /// A new passphrase was typed in two ways.
    #[error("the two passphrases differ; nothing was changed")]
    PassphrasesDiffer,
    /// A provider definition can't be read.
    #[error("can't read {}", path.display())]
    Definition { path: PathBuf, source: io::Error },
    /// The provider has no such operation.
    #[error("{provider} has no operation {name:?}")]
    NoOperation { provider: String, name: String, credential: String },
    /// It isn't said what is to be replaced.
    #[error("nothing says which secrets of {0} to replace")]
    NothingToSet(String),
    /// The token is no pair of a name and a password.
    #[error("the token of {0} isn't a name and a password that are sent by HTTP Basic")]
    NoPair(String),
    /// The token has no such value.
    #[error("the token of {credential} has no field {field:?}; it has {}", known.join(", "))]
    NoField { credential: String, field: String, known: Vec<String> },
    /// The token can't be had in the form that a tool takes.
    #[error("{problem}")]
    Format { problem: format::Problem, credential: String },
    /// A tool that asks for a host gets nothing.
    #[error("{}", chain(problem))]
    Helper { problem: helper::Problem },
    /// What should be a head, or a token by itself, is something else.
    #[error("standard input holds no head of an answer: no line like HTTP/1.1 200 OK comes first")]
    NoAnswer,
    /// What is behind a head can be an answer or a body.
    #[error("behind the head of an answer there is another head, which may be its body")]
    TwoHeads,
    /// The token goes into no header.
    #[error("the token of {0} isn't sent in a header")]
    NoHeader(String),
    /// It isn't the latest any more, if it ever was.
    #[error("another token of {0} has taken its place already")]
    Superseded(String),
    /// The daemon can't be reached, and is waited for.
    #[error("{}; it is tried again", chain(.0))]
    Waiting(Error),
    /// Two values are to be in one variable.
    #[error("two values can't both be in {0}: name another variable, as in VARIABLE=NAME")]
    VariableTwice(String),
    /// A program can't be run.
    #[error("can't run {program}")]
    NotRun { program: String, source: io::Error },
    /// A program that was run for a token failed.
    #[error("{program} failed for the token of {credential}: {how}")]
    Reaction { credential: String, program: String, how: String },
    /// Every place for files is on a disk, or others can write there.
    #[error("there is no directory in memory for files")]
    NoMemory,
    /// A file can't be written.
    #[error(transparent)]
    File(#[from] replace::Problem),
    /// There is no backup.
    #[error(transparent)]
    Backup(#[from] backup::Problem),
    /// Nothing, or not all, was done to restore one.
    #[error(transparent)]
    Restore(#[from] restore::Problem),
    /// systemd can't be told how it is.
    #[error("can't tell systemd")]
    Notify(#[source] io::Error),
    /// The person at the terminal gave no answer.
    #[error("can't ask on the terminal")]
    Terminal(#[source] io::Error),
    /// Standard output is closed or full.
    #[error("can't write to standard output")]
    Output(#[from] io::Error),
    /// The process has no means to work with.
    #[error("can't start")]
    Start(#[source] io::Error),
}

impl Failure {
    /// Says which credential an error of the daemon's is about.
    pub(crate) fn about(credential: &str) -> impl FnOnce(Error) -> Self {
        move |error| Self::Daemon { error, credential: Some(credential.to_owned()) }
    }

    /// Says which credential a failed login was for.
    pub(crate) fn login(credential: &str) -> impl FnOnce(Error) -> Self {
        move |error| Self::Login { error, credential: credential.to_owned() }
    }

    /// Returns the exit status.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Daemon { error, .. }
            | Self::FirstToken { error, .. }
            | Self::Login { error, .. } => error.into(),
            Self::LoginHere { problem, .. } => match problem {
                here::Problem::Cancelled { .. } => Exit::Cancelled,
                here::Problem::NothingPasted | here::Problem::NotTaken(_) => Exit::PersonNeeded,
                _ => Exit::Failed,
            },
            Self::Backup(backup::Problem::Cancelled)
            | Self::Restore(restore::Problem::Cancelled | restore::Problem::CancelledLate) => {
                Exit::Cancelled
            }
            Self::Import { problem, .. } if problem.is_usage() => Exit::Usage,
            // As env(1) has it.
            Self::NotRun { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Exit::Other(127)
            }
            Self::NotRun { .. } => Exit::Other(126),
            Self::Format { problem, .. } if problem.is_usage() => Exit::Usage,
            Self::Restore(restore::Problem::BothOnInput)
            | Self::Input(_)
            | Self::NotAReader(_)
            | Self::Unconfirmed { .. }
            | Self::NobodyToAsk
            | Self::NoScreen
            | Self::NothingRefersTo(_)
            | Self::Mistaken(_)
            | Self::PassphrasesDiffer
            | Self::NothingToSet(_)
            | Self::VariableTwice(_)
            | Self::NoOperation { .. } => Exit::Usage,
            Self::Import { .. }
            | Self::Secret(_)
            | Self::Format { .. }
            | Self::Helper { .. }
            | Self::NoAnswer
            | Self::TwoHeads
            | Self::NoPair(_)
            | Self::NoField { .. }
            | Self::NoHeader(_)
            | Self::Superseded(_)
            | Self::Definition { .. }
            | Self::Waiting(_)
            | Self::Reaction { .. }
            | Self::NoMemory
            | Self::File(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Notify(_)
            | Self::Terminal(_)
            | Self::Output(_)
            | Self::Start(_) => Exit::Failed,
        }
    }

    /// Returns what went wrong, in one line.
    pub(crate) fn message(&self) -> String {
        chain(self)
    }

    /// Writes the message and the remedy to standard error.
    pub(crate) fn report(&self, caller: &Caller) {
        match self {
            // The reader has what it wanted, as in `tokend-cli list | head -1`.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            // If no one reads it, the exit status still tells.
            _ => drop(write!(io::stderr(), "{}", self.text(caller))),
        }
    }

    fn text(&self, caller: &Caller) -> String {
        let mut text = match self {
            // As compilers have it, so that editors find the places.
            Self::Mistaken(all) => {
                let lines: Vec<_> = all.iter().map(|it| printable(it)).collect();
                lines.join("\n") + "\n"
            }
            _ => format!("tokend-cli: {}\n", printable(&chain(self))),
        };
        if let Some(hint) = self.hint(caller) {
            // A line break is ours; anything else that isn't printable came with
            // a name or a path.
            let hint = hint.replace(|c| c != '\n' && is_unsafe(c), "?");
            text.push_str("hint: ");
            text.push_str(&hint.replace('\n', "\n  "));
            text.push('\n');
        }
        text
    }

    /// Returns what to do about it, if anything can be done; it may be several lines.
    pub(crate) fn hint(&self, caller: &Caller) -> Option<String> {
        match self {
            Self::Daemon { error, credential } => remedy::of(error, credential.as_deref(), caller),
            Self::FirstToken { error, credential } => remedy::of(error, Some(credential), caller),
            Self::Login { error, credential } => login::of(error, credential, caller),
            Self::LoginHere { problem, credential } => problem.remedy(credential),
            Self::Input(problem) => problem.remedy(),
            Self::Import { problem, credential } => problem.remedy(credential),
            Self::Secret(problem) => problem.remedy(),
            Self::Format { problem, credential } => Some(problem.remedy(credential)),
            Self::Helper { problem } => problem.remedy(),
            Self::NotAReader(text) if !text.contains(':') && text.ends_with(".service") => {
                Some(format!("unit:{text}"))
            }
            Self::NotAReader(text) if !text.contains(':') => {
                Some(format!("user:{text} or group:{text}"))
            }
            Self::Unconfirmed { command, .. } => Some(format!("{command} --yes")),
            Self::NothingRefersTo(_) => Some(
                "refer to them in the file, by { env = \"..\" } say, or run it in a terminal"
                    .to_owned(),
            ),
            Self::NobodyToAsk => Some("--passphrase-stdin reads it from standard input".to_owned()),
            Self::NoScreen => Some(
                "`tokend-cli status` says once how all are, `tokend-cli events --follow` what \
                 happens"
                    .to_owned(),
            ),
            Self::NoOperation { credential, .. } => {
                Some(format!("`tokend-cli remote {credential}` lists all there are"))
            }
            Self::NothingToSet(name) => Some(format!(
                "tokend-cli set-secret {name} INPUT asks for one; `tokend-cli show {name}` lists them"
            )),
            Self::NoPair(name) => {
                Some(format!("tokend-cli get {name} prints the token, --header how it is sent"))
            }
            Self::NoHeader(name) => {
                Some(format!("tokend-cli get {name} --json says where it goes, in placements"))
            }
            Self::NoAnswer => {
                Some("`curl --dump-header FILE` and `curl --include` write it".to_owned())
            }
            Self::TwoHeads => Some(
                "hand over one answer at a time; `curl --suppress-connect-headers` leaves a \
                 proxy's out\nif it is heads alone, --body says where the last one's body is, or \
                 that there is none: --body /dev/null"
                    .to_owned(),
            ),
            Self::Superseded(name) => Some(format!("tokend-cli get {name} prints that one")),
            Self::NoMemory => {
                Some("--directory DIR takes another place, even if it is on a disk".to_owned())
            }
            Self::NotAReader(_)
            | Self::Mistaken(_)
            | Self::Waiting(_)
            | Self::VariableTwice(_)
            | Self::NotRun { .. }
            | Self::Reaction { .. }
            | Self::File(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Notify(_)
            | Self::NoField { .. }
            | Self::Definition { .. }
            | Self::PassphrasesDiffer
            | Self::Terminal(_)
            | Self::Output(_)
            | Self::Start(_) => None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Daemon { error, credential: None }
    }
}

/// Says on standard error what went wrong while the command goes on.
pub(crate) fn tell(failure: &Failure) {
    // If no one reads it, nothing is lost.
    let _ = writeln!(io::stderr(), "tokend-cli: {}", printable(&chain(failure)));
}

/// Joins an error and its sources with `: `.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut error = error;
    while let Some(source) = error.source() {
        // What the gRPC library says of a lost connection tells people nothing.
        if source.is::<Status>() {
            break;
        }
        text.push_str(": ");
        text.push_str(&source.to_string());
        error = source;
    }
    text
}

#[cfg(test)]
mod tests;
