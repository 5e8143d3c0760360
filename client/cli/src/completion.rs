//! What shells complete: the command line as it is declared, and the names that the daemon
//! knows.

use std::{ffi::OsStr, time::Duration};

use clap::{Command, CommandFactory as _, ValueHint};
use clap_complete::{ArgValueCompleter, CompletionCandidate, env::CompleteEnv};
use tokend_client::Client;
use tokend_proto::v1::ListProvidersRequest;
use tokio::time::timeout;

use crate::{arguments::Arguments, daemon::Daemon};

/// The variable by which a shell's script asks for completions.
pub(crate) const VARIABLE: &str = "TOKEND_CLI_COMPLETE";

/// A person waits at the prompt; a daemon that answers does so within a few.
const PATIENCE: Duration = Duration::from_millis(300);

/// Answers a shell and ends the process, if a shell is what asks.
pub(crate) fn serve() {
    CompleteEnv::with_factory(command).var(VARIABLE).complete();
}

/// Returns the command line with what completes it.
pub(crate) fn command() -> Command {
    let words = Arguments::command();
    words.mut_subcommands(|command| completed(command, ""))
}

/// Adds what completes a command, which stands below others.
fn completed(command: Command, above: &str) -> Command {
    let path = format!("{above} {}", command.get_name()).trim_start().to_owned();
    let command =
        command.mut_args(|argument| match candidates(&path, argument.get_id().as_str()) {
            Some(Candidates::Credentials) => argument.add(ArgValueCompleter::new(credentials)),
            Some(Candidates::Handed) => argument.add(ArgValueCompleter::new(handed)),
            Some(Candidates::Providers) => argument.add(ArgValueCompleter::new(providers)),
            Some(Candidates::Paths) => argument.value_hint(ValueHint::AnyPath),
            None => argument,
        });
    command.mut_subcommands(|command| completed(command, &path))
}

/// What an argument may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Candidates {
    Credentials,
    /// Credentials, and a variable's name before them.
    Handed,
    Providers,
    Paths,
}

/// Returns what an argument of a command may be, by its name.
fn candidates(path: &str, argument: &str) -> Option<Candidates> {
    match (path, argument) {
        // A name that isn't there yet.
        ("add" | "import", "name") => None,
        (_, "provider")
        | ("providers" | "providers show", "name")
        | ("providers explain" | "providers try", "definition") => Some(Candidates::Providers),
        (_, "name" | "names" | "credential") => Some(Candidates::Credentials),
        (_, "handed") => Some(Candidates::Handed),
        (_, "program") => Some(Candidates::Paths),
        _ => None,
    }
}

fn credentials(typed: &OsStr) -> Vec<CompletionCandidate> {
    matching(typed.to_str().unwrap_or_default(), "", ask(all_credentials))
}

fn handed(typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_str().unwrap_or_default();
    let (before, name) = typed.split_at(typed.find('=').map_or(0, |position| position + 1));
    matching(name, before, ask(all_credentials))
}

fn providers(typed: &OsStr) -> Vec<CompletionCandidate> {
    matching(typed.to_str().unwrap_or_default(), "", ask(all_providers))
}

fn matching(typed: &str, before: &str, names: Vec<String>) -> Vec<CompletionCandidate> {
    let matching = names.into_iter().filter(|name| name.starts_with(typed));
    matching.map(|name| CompletionCandidate::new(format!("{before}{name}"))).collect()
}

/// Asks the daemon for names; a prompt is no place for errors.
fn ask(question: impl AsyncFn() -> Option<Vec<String>>) -> Vec<String> {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Vec::new();
    };
    let answer = runtime.block_on(async { timeout(PATIENCE, question()).await });
    let mut names = answer.ok().flatten().unwrap_or_default();
    names.sort();
    names
}

/// Returns the names of what the caller may read; an operator may read all.
async fn all_credentials() -> Option<Vec<String>> {
    let listed = Client::builder().cache(false).build().ok()?.list().await.ok()?;
    Some(listed.iter().map(|credential| credential.name().to_owned()).collect())
}

async fn all_providers() -> Option<Vec<String>> {
    let known = Daemon::find().ok()?.providers().list_providers(ListProvidersRequest {}).await;
    Some(known.ok()?.into_inner().providers.into_iter().map(|provider| provider.name).collect())
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    /// Calls `look` with the path and the id of each argument that has a value.
    fn each(command: &Command, above: &str, look: &mut impl FnMut(&str, &Arg)) {
        let path = format!("{above} {}", command.get_name()).trim_start().to_owned();
        for argument in command.get_arguments().filter(|it| it.get_action().takes_values()) {
            look(&path, argument);
        }
        for below in command.get_subcommands() {
            each(below, &path, look);
        }
    }

    #[test]
    fn the_names_of_credentials_and_providers_are_completed_wherever_one_is_named() {
        let mut found = Vec::new();
        for command in command().get_subcommands() {
            each(command, "", &mut |path, argument| {
                if argument.get::<ArgValueCompleter>().is_some() {
                    found.push(format!("{path} {}", argument.get_id()));
                }
            });
        }
        for wanted in [
            "get name",
            "exec handed",
            "watch names",
            "sink name",
            "show name",
            "events names",
            "issuances name",
            "remove name",
            "reject name",
            "add provider",
            "import provider",
            "providers show name",
            "providers try definition",
        ] {
            assert!(found.iter().any(|it| it == wanted), "{wanted} isn't among {found:?}");
        }
        for other in ["add name", "import name", "get field", "revocations drop id"] {
            assert!(!found.iter().any(|it| it == other), "{other} is completed");
        }
    }

    #[test]
    fn a_variable_before_a_name_stays_there() {
        let names = || vec!["acme".to_owned(), "apt".to_owned(), "b".to_owned()];
        let shown = |typed, before| -> Vec<_> {
            let candidates = matching(typed, before, names());
            candidates.iter().map(|it| it.get_value().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(shown("a", ""), ["acme", "apt"]);
        assert_eq!(shown("a", "K="), ["K=acme", "K=apt"]);
        assert!(shown("x", "").is_empty());
    }
}
