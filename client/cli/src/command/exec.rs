//! `exec`: runs a program with tokens, in its environment or in files.

mod files;

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Command, ExitStatus},
    time::Duration,
};

use futures_util::future::join_all;
use nix::sys::signal::Signal;
use secrecy::ExposeSecret as _;
use tokend_client::{Client, Error, Token, TokenOptions};
use tokio::time::{sleep, timeout};

use crate::{
    arguments::{Exec, Handed},
    command::{exec::files::Files, part::Part},
    exit::Exit,
    failure::{self, Failure},
    follow::{self, Follow},
    signals::Signals,
};

/// What is passed on. Those that stop a process aren't among them: the program is in this
/// process's group, and a shell stops and continues both at once.
const PASSED_ON: [Signal; 7] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
];

pub(super) async fn run(exec: Exec) -> Result<Exit, Failure> {
    let ending = if exec.files { "_file" } else { "" };
    let gifts = gifts(&exec.handed, exec.header, ending)?;
    let mut options = TokenOptions::new().timeout(exec.timeout);
    if let Some(life) = exec.min_ttl {
        options = options.min_ttl(life);
    }
    let client = Client::builder().cache(false).build()?;
    let tokens = acquire(&client, &gifts, options, exec.timeout).await?;
    let (program, arguments) =
        exec.program.split_first().expect("the command line names a program");
    let mut command = Command::new(program);
    command.args(arguments);
    let error = if exec.files {
        let signals = Signals::receive(&PASSED_ON).map_err(Failure::Start)?;
        let files = Files::make(exec.directory.as_deref(), gifts)?;
        files.fill(&tokens)?;
        command.envs(files.variables());
        let follow = Follow::after(client, tokens.keys().cloned().collect(), true, tokens);
        match tokio::process::Command::from(command).spawn() {
            Ok(child) => return files::keep(files, child, signals, follow, exec.signal).await,
            Err(error) => error,
        }
    } else {
        for Gift { name, variable, part } in gifts {
            let value = part.of(&name, &tokens[&name])?;
            // Whoever takes a header line from a variable, curl's -H say, adds the line break.
            command.env(variable, value.expose_secret().trim_end_matches('\n'));
        }
        // It takes this process's place, so that signals and the exit status are its own.
        command.exec()
    };
    Err(Failure::NotRun { program: program.to_string_lossy().into_owned(), source: error })
}

/// One value that the program gets.
struct Gift {
    name: String,
    variable: String,
    part: Part,
}

fn gifts(handed: &[Handed], header: bool, ending: &str) -> Result<Vec<Gift>, Failure> {
    let mut variables = BTreeSet::new();
    let gift = |handed: &Handed| {
        let (part, value) = match &handed.field {
            Some(field) => (Part::Field(field.clone()), ""),
            None if header => (Part::Headers, "header"),
            None => (Part::Value, "token"),
        };
        let variable = handed.variable(value, ending);
        if !variables.insert(variable.clone()) {
            return Err(Failure::VariableTwice(variable));
        }
        Ok(Gift { name: handed.name.clone(), variable, part })
    };
    handed.iter().map(gift).collect()
}

/// Returns the tokens of all credentials, or why the first that has none has none. A tokend that
/// is locked is waited for, but no longer than so long.
async fn acquire(
    client: &Client,
    gifts: &[Gift],
    options: TokenOptions,
    limit: Duration,
) -> Result<BTreeMap<String, Token>, Failure> {
    let names: BTreeSet<&String> = gifts.iter().map(|gift| &gift.name).collect();
    let is_told = Cell::new(false);
    let calls = names.into_iter().map(async |name| {
        let token = unlocked(client, name, options, limit, &is_told).await;
        token.map(|token| (name.clone(), token)).map_err(Failure::about(name))
    });
    join_all(calls).await.into_iter().collect()
}

/// Asks for a token until tokend isn't locked, and says once that it is.
async fn unlocked(
    client: &Client,
    name: &str,
    options: TokenOptions,
    limit: Duration,
    is_told: &Cell<bool>,
) -> Result<Token, Error> {
    let mut locked = None;
    let asking = async {
        for failures in 1.. {
            match client.token_with(name, options).await {
                Err(error @ Error::StoreLocked { .. }) => {
                    if !is_told.replace(true) {
                        failure::tell(&Failure::Waiting(error.clone()));
                    }
                    locked = Some(error);
                }
                answer => return answer,
            }
            sleep(follow::pause(failures, follow::LONGEST)).await;
        }
        Err(Error::TimedOut)
    };
    let answer = timeout(limit, asking).await;
    answer.unwrap_or_else(|_| Err(locked.unwrap_or(Error::TimedOut)))
}

/// Returns the status that a program's end stands for, as shells have it.
pub(super) fn status(ended: ExitStatus) -> Exit {
    let code = ended.code().or_else(|| ended.signal().map(|signal| 128 + signal));
    // Every process that has ended has one of both, and both fit.
    Exit::Other(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::arguments::{self, Arguments};

    fn variables(line: &str) -> Result<Vec<String>, Failure> {
        let words = ["tokend-cli", "exec"].into_iter().chain(line.split_whitespace());
        let Some(arguments::Command::Exec(exec)) =
            Arguments::try_parse_from(words).unwrap().command
        else {
            panic!("not read as exec");
        };
        let gifts = gifts(&exec.handed, exec.header, if exec.files { "_file" } else { "" })?;
        Ok(gifts.into_iter().map(|gift| gift.variable).collect())
    }

    #[test]
    fn each_value_has_a_variable_of_its_own() {
        let all = variables("a a:id K=b -- x --header").unwrap();
        assert_eq!(all, ["A_TOKEN", "A_ID", "K"]);
        assert_eq!(
            variables("--files --header a b:id -- x").unwrap(),
            ["A_HEADER_FILE", "B_ID_FILE"]
        );
        for line in ["a a -- x", "a A_TOKEN=b -- x", "a-b a_b -- x"] {
            assert!(matches!(variables(line), Err(Failure::VariableTwice(_))), "{line}");
        }
    }

    #[test]
    fn the_exit_status_is_the_programs_own_or_tells_its_signal() {
        for (raw, code) in [(0, 0), (3 << 8, 3), (255 << 8, 255), (15, 143), (9 | 0x80, 137)] {
            assert_eq!(status(ExitStatus::from_raw(raw)).code(), code);
        }
    }
}
