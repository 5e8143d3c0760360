//! How often each side writes for a call, by strace.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    stage::{self, NAME, add, client, provider, runtime},
    support::Place,
    table::Table,
};

/// What a process is told that is to make calls.
pub(crate) const ROLE: &str = "--caller";

const CALLS: usize = 1_000;

/// What sockets are written by.
const KINDS: &str = "trace=writev,sendto,sendmsg";

pub(crate) fn measure(table: &mut Table) {
    let (place, provider) = (Place::new(), provider());
    let daemon = stage::start(&place);
    add(&place, NAME, &provider);
    let directory = tempfile::tempdir().unwrap();
    let counts = directory.path().join("counts");
    let caller = |calls: usize| {
        let mut command = traced(&counts);
        command.arg(std::env::current_exe().unwrap());
        command.arg(ROLE).arg(place.socket()).arg(calls.to_string());
        assert!(command.status().expect("strace is installed").success());
        counted(&counts)
    };
    let own = caller(2 * CALLS) - caller(CALLS);
    let server = |calls: usize| {
        let mut command = traced(&counts);
        command.arg("-p").arg(daemon.pid().to_string()).stderr(Stdio::piped());
        let mut tracer = command.spawn().expect("strace is installed");
        attached(&mut tracer);
        call(&place.socket(), calls);
        kill(Pid::from_raw(i32::try_from(tracer.id()).unwrap()), Signal::SIGINT).unwrap();
        tracer.wait().unwrap();
        counted(&counts)
    };
    let server = server(2 * CALLS) - server(CALLS);
    for (side, writes) in [("client", own), ("server", server)] {
        let how = format!("{writes} for {CALLS} calls, by strace");
        // What a connection says of itself now and then is no call's.
        let each = (f64::from(writes) / 10.0).round() / 100.0;
        table.at_most(&format!("writes of the {side} for a call"), each, 1.0, "", &how);
    }
}

/// Makes so many calls, one after the other.
pub(crate) fn call(socket: &Path, calls: usize) {
    let client = client(socket);
    runtime().block_on(async {
        for _ in 0..calls {
            client.token(NAME).await.unwrap();
        }
    });
}

fn traced(counts: &Path) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-c", "-e", KINDS, "-o"]).arg(counts);
    command
}

/// Waits until a process is watched with all its threads.
fn attached(tracer: &mut Child) {
    let told = BufReader::new(tracer.stderr.take().unwrap());
    let mut lines = told.lines();
    let line = lines.next().expect("it says that it is attached").unwrap();
    assert!(line.contains("attached"), "{line}");
    // What else it says isn't to hold it up.
    std::thread::spawn(move || lines.for_each(drop));
}

/// Returns how many calls of the kernel were counted, of all kinds.
fn counted(counts: &Path) -> i32 {
    let table = fs::read_to_string(counts).unwrap();
    let total = table.lines().find(|line| line.ends_with("total")).expect("there is a last line");
    // % time, seconds, usecs/call, calls.
    total.split_whitespace().nth(3).unwrap().parse().unwrap()
}
