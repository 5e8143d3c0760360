//! `tokend-cli get` as a whole process.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixListener,
    path::PathBuf,
    process::Command,
    thread,
};

use crate::{
    stage::{self, NAME, add, provider},
    support::Place,
    table::Table,
    timing::pinned,
};

/// Medians of so many rounds, each of so many runs.
const ROUNDS: &str = "9";
const RUNS: &str = "150";

pub(crate) fn measure(table: &mut Table) {
    let programs = ["SPAWN", "PEER", "TOKEND_CLI"]
        .map(|name| std::env::var_os(name).map(PathBuf::from))
        .into_iter()
        .collect::<Option<Vec<_>>>();
    let Some(programs) = programs else {
        println!("      | tokend-cli get: tests/performance/run builds what this takes");
        return;
    };
    let [spawn, peer, cli] = &programs[..] else { unreachable!("there are three") };
    let (place, provider) = (Place::new(), provider());
    let _daemon = pinned(0, || stage::start(&place));
    add(&place, NAME, &provider);
    let (directory, listener) = listen();
    let other = directory.path().join("peer.sock");
    let printed = pinned(0, || {
        thread::spawn(move || echo(&listener));
        let mut command = Command::new(spawn);
        command.args([ROUNDS, RUNS, "/bin/true"]);
        command.arg(format!("{} {}", peer.display(), other.display()));
        command.arg(format!("{} get {NAME}", cli.display()));
        command.env("TOKEND_SOCKET", place.socket()).output().unwrap()
    });
    let problem = String::from_utf8_lossy(&printed.stderr);
    assert!(printed.status.success(), "{problem}");
    let figures: Vec<(f64, f64)> = String::from_utf8_lossy(&printed.stdout)
        .lines()
        .map(|line| {
            let (time, memory) = line.split_once(' ').unwrap();
            (time.parse::<f64>().unwrap() / 1e3, memory.parse::<f64>().unwrap() / 1024.0)
        })
        .collect();
    let [(bare, _), (peer, _), (get, resident)] = figures[..] else { panic!("{figures:?}") };
    let how = format!("{get:.0} us beside {bare:.0} us of /bin/true");
    table.at_most("tokend-cli get, whole process", get / bare, 1.7, "x true", &how);
    let how = format!("{get:.0} us beside {peer:.0} us of a static C client of a socket");
    table.at_most("tokend-cli get, whole process", get / peer, 1.8, "x C client", &how);
    table.at_most("tokend-cli get, most memory", resident, 4.0, "MiB", "resident, by wait4");
}

fn listen() -> (tempfile::TempDir, UnixListener) {
    let directory = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(directory.path().join("peer.sock")).unwrap();
    (directory, listener)
}

/// Answers each line with as much as a token is.
fn echo(listener: &UnixListener) {
    let answer = [&[b'0'; 400][..], b"\n"].concat();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        stream.write_all(&answer).unwrap();
    }
}
