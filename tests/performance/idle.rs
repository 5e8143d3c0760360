//! A daemon that holds tokens, and of which nobody wants anything.

use std::{fs, thread, time::Duration};

use crate::{
    stage::{self, add, memory, provider},
    support::{Daemon, Place},
    table::Table,
    timing::pass,
};

/// How many tokens it holds.
const HELD: usize = 20;
/// What a start leaves to do has been done.
const SETTLED: Duration = Duration::from_secs(15);
/// How long it is watched at least.
const WATCHED: Duration = Duration::from_secs(60);

pub(crate) struct Idle {
    place: Place,
    daemon: Daemon,
    watching: thread::JoinHandle<u64>,
}

impl Idle {
    /// Starts it, and watches it beside what else is measured.
    pub(crate) fn begin() -> Self {
        let (place, provider) = (Place::new(), provider());
        let daemon = stage::start(&place);
        for number in 0..HELD {
            add(&place, &format!("c{number}"), &provider);
        }
        let pid = daemon.pid();
        let watching = thread::spawn(move || {
            pass(SETTLED);
            let before = woken(pid);
            pass(WATCHED);
            woken(pid) - before
        });
        Self { place, daemon, watching }
    }

    pub(crate) fn end(self, table: &mut Table) {
        let Self { place, daemon, watching } = self;
        #[expect(clippy::cast_precision_loss, reason = "it is a small number")]
        let woken = watching.join().unwrap() as f64;
        let how = "voluntary switches of all threads; two looks at the clocks";
        table.at_most("wake-ups in a minute, idle", woken, 2.0, "", how);
        let resident = memory(daemon.pid(), "VmRSS:") / 1024.0;
        let how = format!("resident, with {HELD} tokens that it has asked for");
        table.at_most("memory, idle", resident, 10.0, "MiB", &how);
        drop(daemon);
        drop(place);
    }
}

/// Returns how often a process has gone to sleep so far.
fn woken(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .map(|task| {
            let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            let line =
                |line: &str| line.strip_prefix("voluntary_ctxt_switches:")?.trim().parse().ok();
            status.lines().find_map(line).unwrap_or(0_u64)
        })
        .sum()
}
