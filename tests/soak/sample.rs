//! How the daemon is at a time.

use std::{fmt, fs, path::Path, time::Duration};

use crate::Stage;

/// One look at it.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) at: Duration,
    /// Memory that is resident, in KiB, and the daemon's share of it.
    pub(crate) resident: u64,
    pub(crate) share: u64,
    pub(crate) threads: u64,
    pub(crate) descriptors: usize,
    /// The sizes of the database and of its log, in bytes.
    pub(crate) database: u64,
    pub(crate) log: u64,
    /// How many tokens were issued since the sample before, and how many requests came.
    pub(crate) issued: u64,
    pub(crate) requests: u64,
    /// How many calls were answered with a token since then, and how many weren't.
    answered: u64,
    failed: u64,
    /// The oldest token that was served, as a share of its life.
    oldest: f64,
    /// How long calls took: the median and the 99th percentile.
    median: Duration,
    slowest: Duration,
}

/// Takes them.
pub(crate) struct Sampler {
    pid: u32,
    requests: u64,
    issued: u64,
}

impl Sampler {
    pub(crate) fn new(stage: &Stage, pid: u32) -> Self {
        let (requests, issued) = counts(stage);
        Self { pid, requests, issued }
    }

    pub(crate) fn take(&mut self, stage: &Stage) -> Sample {
        let window = stage.tally.window();
        let mut latencies = window.latencies;
        latencies.sort_unstable();
        let (requests, issued) = counts(stage);
        let usage = self.read("smaps_rollup");
        let store = stage.place.state().join("tokend.db");
        let sample = Sample {
            at: stage.clock.now(),
            resident: number(&usage, "Rss:"),
            share: number(&usage, "Pss:"),
            threads: number(&self.read("status"), "Threads:"),
            descriptors: fs::read_dir(format!("/proc/{}/fd", self.pid)).unwrap().count(),
            database: size(&store),
            log: size(&store.with_extension("db-wal")),
            issued: issued - self.issued,
            requests: requests - self.requests,
            answered: window.answered,
            failed: window.failed,
            oldest: window.oldest,
            median: percentile(&latencies, 50),
            slowest: percentile(&latencies, 99),
        };
        (self.requests, self.issued) = (requests, issued);
        sample
    }

    fn read(&self, what: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{what}", self.pid)).unwrap()
    }
}

fn counts(stage: &Stage) -> (u64, u64) {
    let each = stage.sites.iter().map(|site| site.counts());
    each.fold((0, 0), |(requests, issued), site| (requests + site.0, issued + site.1))
}

/// Returns the number behind a name (proc(5)).
fn number(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Returns how large a file is; one that isn't there is empty.
fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get(sorted.len() * percent / 100).copied().unwrap_or_default()
}

/// Prints what the columns of samples are.
pub(crate) fn print_head() {
    println!(
        "{:>6} {:>8} {:>8} {:>7} {:>5} {:>8} {:>8} {:>6} {:>8} {:>8} {:>6} {:>6} {:>9} {:>9}",
        "s",
        "RSS KiB",
        "PSS KiB",
        "threads",
        "fds",
        "db KiB",
        "WAL KiB",
        "issued",
        "requests",
        "answered",
        "failed",
        "oldest",
        "p50",
        "p99",
    );
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, resident, share, threads, descriptors, database, log, .. } = self;
        let Self { issued, requests, answered, failed, oldest, median, slowest, .. } = self;
        let (seconds, database, log) = (at.as_secs(), database / 1024, log / 1024);
        let oldest = format!("{:.0} %", oldest * 100.0);
        let [median, slowest] = [median, slowest].map(|took| format!("{took:.1?}"));
        write!(
            f,
            "{seconds:>6} {resident:>8} {share:>8} {threads:>7} {descriptors:>5} {database:>8} \
             {log:>8} {issued:>6} {requests:>8} {answered:>8} {failed:>6} {oldest:>6} {median:>9} \
             {slowest:>9}"
        )
    }
}
