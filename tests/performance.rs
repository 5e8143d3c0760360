//! Measures tokend beside what it is held against, in one run: `tests/performance/run`, which
//! builds what this needs. Prints a line for each figure, with `pass` or `short`.

#![allow(clippy::unwrap_used, reason = "a measurement ends where it can't go on")]

#[path = "performance/bare.rs"]
mod bare;
#[path = "performance/beside.rs"]
mod beside;
#[path = "performance/calls.rs"]
mod calls;
#[path = "performance/command.rs"]
mod command;
#[path = "performance/held.rs"]
mod held;
#[path = "performance/herd.rs"]
mod herd;
#[path = "performance/idle.rs"]
mod idle;
#[path = "performance/stage.rs"]
mod stage;
mod support;
#[path = "performance/table.rs"]
mod table;
#[path = "performance/timing.rs"]
mod timing;
#[path = "performance/watchers.rs"]
mod watchers;
#[path = "performance/writes.rs"]
mod writes;

use std::process::ExitCode;

use idle::Idle;
use table::Table;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if let (Some(role), Some(socket)) = (arguments.next(), arguments.next()) {
        if role == writes::ROLE {
            writes::call(socket.as_ref(), arguments.next().unwrap().parse().unwrap());
            return ExitCode::SUCCESS;
        }
        if bare::serve(&role, &socket) {
            return ExitCode::SUCCESS;
        }
    }
    stage::have_descriptors();
    // A word of the command line picks measurements.
    let only: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
    let mut table = Table::default();
    let wants = |name: &str| only.is_empty() || only.iter().any(|only| only == name);
    // It takes a minute, in which it isn't disturbed by others.
    let idle = wants("idle").then(Idle::begin);
    for (name, measure) in [
        ("command", command::measure as fn(&mut Table)),
        ("calls", calls::measure),
        ("writes", writes::measure),
        ("held", held::measure),
        ("beside", beside::measure),
        ("herd", herd::measure),
        ("watchers", watchers::measure),
    ] {
        if wants(name) {
            measure(&mut table);
        }
    }
    if let Some(idle) = idle {
        idle.end(&mut table);
    }
    if table.end() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
