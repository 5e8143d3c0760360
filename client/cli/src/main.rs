//! The command `tokend-cli`: gets tokens, adds credentials and shows how they
//! are.

mod arguments;
mod ask;
mod budget;
mod caller;
mod clock;
mod command;
mod completion;
mod daemon;
mod ending;
mod exit;
mod expiry;
mod facts;
mod failure;
mod follow;
mod format;
mod gauge;
mod health;
mod helper;
mod host;
mod import;
mod input;
mod json;
mod life;
mod login;
mod moment;
mod outlook;
mod output;
mod overview;
mod paragraph;
mod passphrase;
mod process;
mod replace;
mod ruling;
#[cfg(test)]
mod scene;
mod screen;
mod secret;
mod signals;
mod source;
mod span;
mod state;
mod table;
mod timeline;
mod usage;

use std::{env, ffi::OsString, process::ExitCode};

use crate::{arguments::Get, caller::Caller, exit::Exit, failure::Failure, output::Output};

fn main() -> ExitCode {
    process::close();
    let words = helper::spelt_out(env::args_os());
    let done = match Get::of_plain_words(&words) {
        Some(get) => command::get::run(&get, &mut Output::standard()).map(|()| Exit::Done),
        None => run(words),
    };
    let exit = done.unwrap_or_else(|failure| {
        failure.report(&Caller::of_this_process());
        failure.exit()
    });
    exit.into()
}

/// Runs what a command line says.
fn run(words: Vec<OsString>) -> Result<Exit, Failure> {
    completion::serve();
    let arguments = usage::read(words).unwrap_or_else(|error| error.exit());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::Start)?;
    let caller = Caller::of_this_process();
    runtime.block_on(command::run(arguments.command, &caller, &mut Output::standard()))
}
