//! What is left of the real daemon when the kernel fails it, and after kills at every write:
//! `tests/crashes/run`, which says what is needed. Prints a line for each check and
//! `N passed, N failed`.

#![allow(clippy::unwrap_used, reason = "a check ends where it can't go on")]

mod errors;
mod far;
mod habit;
mod healing;
mod jumps;
mod kill;
mod known;
mod strace;
#[path = "../support/mod.rs"]
mod support;
mod sweep;
mod world;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

/// A check, and the sentence that holds if it passes.
type Check = (&'static str, fn());

const CHECKS: &[Check] = &[
    ("killed under load, round after round, it loses nothing that was acknowledged", || {
        kill::rounds(number("ROUNDS", 200), number("SEED", fastrand::u64(..)));
    }),
    ("killed at each write to the store's files, it loses nothing", || sweep::at_each("pwrite64")),
    ("killed at each wait for data to be on disk, it loses nothing", || {
        sweep::at_each("fdatasync");
    }),
    ("killed at each wait for a file to be on disk, it loses nothing", || sweep::at_each("fsync")),
    ("killed at each cut of a file, it loses nothing", || sweep::at_each("ftruncate")),
    ("killed at each removal of a file, it loses nothing", || sweep::at_each("unlink")),
    ("while no write comes to be on disk, none is acknowledged, and then it goes on", || {
        errors::lasting("fdatasync,fsync", "error=EIO");
    }),
    ("while no write comes about, none is acknowledged, and then it goes on", || {
        errors::lasting("pwrite64", "error=EIO");
    }),
    ("what was refused since it isn't on disk isn't there after a crash", errors::refused),
    ("a single write that comes to nothing is refused or done, not both", || {
        errors::single("fdatasync,fsync");
        errors::single("pwrite64");
        errors::single("ftruncate");
    }),
    ("while the wall clock jumps, limits hold and tokens are served as long as they live", || {
        jumps::running();
    }),
    ("when it has jumped over a restart, too", jumps::between),
    ("and when it was set back over a reboot", jumps::at_another_boot),
];

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let is_wanted = |sentence: &str| {
        wanted.is_empty() || wanted.iter().any(|part| sentence.contains(part.as_str()))
    };
    let (mut passed, mut failed) = (0, 0);
    for (sentence, check) in CHECKS.iter().filter(|(sentence, _)| is_wanted(sentence)) {
        if catch_unwind(AssertUnwindSafe(check)).is_ok() {
            println!("ok - {sentence}");
            passed += 1;
        } else {
            println!("not ok - {sentence}");
            failed += 1;
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns a number from the environment, in place of the usual one.
fn number<N: std::str::FromStr>(name: &str, usual: N) -> N {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}
