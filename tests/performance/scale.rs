//! What the disk costs, how soon a daemon with many credentials answers, and what these take of
//! memory: `tests/performance/run`, which builds what this needs. Prints a line for each figure,
//! with `pass` or `short`.

#![allow(clippy::unwrap_used, reason = "a measurement ends where it can't go on")]

#[path = "fill.rs"]
mod fill;
#[path = "../support/mod.rs"]
mod support;
#[path = "table.rs"]
mod table;
#[path = "timing.rs"]
mod timing;

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    net::TcpListener,
    os::unix::net::UnixStream,
    process::{Command, ExitCode},
    time::Duration,
};

use fill::{Filled, SIZE};
use support::{Daemon, PATIENCE, Place};
use table::Table;
use timing::{median, micros, millis, now, pass};

const ROUNDS: usize = 7;
/// What a refresh is held against: so many bytes that are appended and synced.
const APPENDED: usize = 4_096;
const COMMITS: usize = 150;

fn main() -> ExitCode {
    let mut table = Table::default();
    commit(&mut table);
    let nothing = Place::new();
    let empty = resident(&nothing, &launch(&nothing));
    for (count, limit, rounds) in
        [(100, 15.0, ROUNDS), (10_000, 60.0, ROUNDS), (100_000, 1_000.0, 3)]
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let place = Place::new();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        Filled::new(&place).fill(&url, count);
        let mut each = 0.0;
        let mut times: Vec<f64> = (0..rounds)
            .map(|_| {
                let (daemon, time) = start(&place, count);
                each = (resident(&place, &daemon) - empty) * 1_024.0 / f64::from(count);
                assert_eq!(daemon.end().code, Some(0));
                time
            })
            .collect();
        let how = format!("median of {rounds} starts, until tokend-cli get has printed a token");
        let what = format!("start with {count} tokens, to the first answer");
        table.at_most(&what, median(&mut times), limit, "ms", &how);
        if count == 100_000 {
            #[expect(clippy::cast_precision_loss, reason = "it is a small number")]
            let beside = (each - SIZE as f64) / 1_024.0;
            let how = format!("{each:.0} bytes resident, with a token of {SIZE}");
            table.at_most("memory of a credential, beside its token", beside, 2.0, "KiB", &how);
        }
        assert!(listener.accept().is_err(), "the provider is asked at a start");
    }
    if table.end() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures what it takes to store a refresh: its token, and the end of its row in the ledger.
fn commit(table: &mut Table) {
    let place = Place::new();
    let mut filled = Filled::new(&place);
    let path = place.path().join("appended");
    let mut file = OpenOptions::new().append(true).create(true).open(&path).unwrap();
    let (mut commits, mut appends) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let mut one = Vec::new();
        let mut other = Vec::new();
        for _ in 0..COMMITS {
            let token = filled.reserve();
            let start = now();
            filled.store(token);
            one.push(micros(start.elapsed()));
            let start = now();
            file.write_all(&[1; APPENDED]).unwrap();
            file.sync_data().unwrap();
            other.push(micros(start.elapsed()));
        }
        // The first one warms up.
        if round > 0 {
            commits.push(median(&mut one));
            appends.push(median(&mut other));
        }
    }
    let (commit, append) = (median(&mut commits), median(&mut appends));
    let how = format!("{commit:.0} us beside {append:.0} us of {APPENDED} bytes and fdatasync");
    table.at_most("commit of a refresh", commit / append, 1.5, "x append", &how);
    drop(filled);
    fs::remove_file(path).unwrap();
}

fn launch(place: &Place) -> Daemon {
    let daemon = place.launch(|command| {
        command.env("TOKEND_LOG", "info").env("MALLOC_ARENA_MAX", "2");
        command.env_remove("NOTIFY_SOCKET").env_remove("WATCHDOG_USEC");
    });
    let deadline = now() + PATIENCE;
    while UnixStream::connect(place.socket()).is_err() {
        assert!(now() < deadline, "it never serves");
        pass(Duration::from_micros(200));
    }
    daemon
}

/// Starts a daemon, and returns how long it took until the last of its tokens was printed, in
/// milliseconds.
fn start(place: &Place, count: u32) -> (Daemon, f64) {
    let start = now();
    let daemon = launch(place);
    let printed = match std::env::var_os("TOKEND_CLI") {
        Some(cli) => {
            let mut command = Command::new(cli);
            command.args(["get", &fill::name(count - 1)]).env("TOKEND_SOCKET", place.socket());
            command.output().unwrap()
        }
        None => place.run(["get", &fill::name(count - 1)]),
    };
    let time = millis(start.elapsed());
    assert_eq!(printed.stdout.len(), SIZE + 1, "{}", support::text(&printed.stderr));
    (daemon, time)
}

/// Returns how much memory a daemon has resident, in KiB, after it has done what a start leaves.
fn resident(place: &Place, daemon: &Daemon) -> f64 {
    // Whoever asks for more than a token waits until all is taken up, whether it is there or not.
    let _ = place.run(["show", "c0"]);
    pass(Duration::from_secs(1));
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim_end_matches("kB").trim().parse().unwrap()
}
