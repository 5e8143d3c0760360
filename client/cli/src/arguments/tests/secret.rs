//! No argument takes a secret: other users can read the command lines of all processes.

use std::collections::BTreeSet;

use clap::{Arg, Command, CommandFactory as _};

use crate::arguments::Arguments;

/// What an argument is called, or says of itself, that may take a secret.
const WORDS: [&str; 9] = [
    "secret",
    "token",
    "password",
    "passphrase",
    "key",
    "code",
    "credentials",
    "certificate",
    "cookie",
];

/// What takes a value and sounds as if it were a secret, by command, and what it takes instead.
const TAKEN: [(&[&str], &str, &str); 10] = [
    (&GIVING, "--secret-file", "a path"),
    (&GIVING, "--secret-env", "the name of a variable"),
    (&GIVING, "--secret-stdin", "the name of an input"),
    (&GIVING, "--secret-command", "what a shell is to run, whose output it is"),
    (&["add", "set-secret"], "--secret-expires", "a date"),
    (&["import"], "--refresh-token", "`-`, or it is refused"),
    (&["reject"], "--code", "an error code of the API's"),
    (&["reject"], "TOKEN", "`-`"),
    (&["rotated"], "--token-id", "an id, which tells nothing of the token"),
    (&["rotated"], "--token-env", "the name of a variable"),
];

/// Where secrets are given.
const GIVING: [&str; 4] = ["add", "import", "set-secret", "providers try"];

fn sounds_secret(argument: &Arg) -> bool {
    let names = argument.get_value_names().unwrap_or_default().iter().map(ToString::to_string);
    let long = argument.get_long().map(str::to_owned);
    let mut said = names.chain(long).chain([argument.get_id().to_string()]);
    said.any(|said| WORDS.iter().any(|word| said.to_lowercase().contains(word)))
}

/// Gathers what sounds so in a command and those below.
fn walk(command: &Command, path: &str, found: &mut BTreeSet<(String, String)>) {
    for argument in command.get_arguments() {
        if argument.get_action().takes_values() && sounds_secret(argument) {
            let name = argument.get_long().map_or_else(
                || argument.get_id().to_string().to_uppercase(),
                |long| format!("--{long}"),
            );
            found.insert((path.to_owned(), name));
        }
    }
    for sub in command.get_subcommands() {
        walk(sub, format!("{path} {}", sub.get_name()).trim_start(), found);
    }
}

#[test]
fn each_argument_that_sounds_like_a_secret_takes_where_it_is_or_what_it_is_called() {
    let mut found = BTreeSet::new();
    walk(&Arguments::command(), "", &mut found);
    let of_command = |(commands, name, _): &(&[&str], &str, &str)| -> Vec<_> {
        commands.iter().map(|command| ((*command).to_owned(), (*name).to_owned())).collect()
    };
    let known: BTreeSet<_> = TAKEN.iter().flat_map(of_command).collect();
    assert_eq!(found, known, "say here what it takes; a secret it must not");
}
