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

use std::{env, process::ExitCode};

use crate::{caller::Caller, failure::Failure, output::Output};

fn main() -> ExitCode {
    process::close();
    completion::serve();
    let arguments =
        usage::read(helper::spelt_out(env::args_os())).unwrap_or_else(|error| error.exit());
    let caller = Caller::of_this_process();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.map_err(Failure::Start).and_then(|runtime| {
        runtime.block_on(command::run(arguments.command, &caller, &mut Output::standard()))
    });
    let exit = done.unwrap_or_else(|failure| {
        failure.report(&caller);
        failure.exit()
    });
    exit.into()
}
