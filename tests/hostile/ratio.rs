//! Measures how much longer a user waits for its token while another floods the daemon:
//! `cargo bench -p tokend-cli --bench ratio`, as root; `cargo test` with the same does it without
//! optimization. Prints a line for each flood and
//! `N passed, N failed`.

#![allow(clippy::unwrap_used, reason = "a measurement ends where it can't go on")]

#[path = "stage.rs"]
mod stage;
#[path = "../support/mod.rs"]
mod support;
#[path = "waves.rs"]
mod waves;
#[path = "wire.rs"]
mod wire;

use std::{
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use rustix::process::nice;
use stage::{ANN, EVE, TOKEN, become_and, is_root, start};
use support::{Place, contains, provider::Provider};
use waves::{
    Wave, calls, continuations, empty_data, flood, pings, resets, settings, streams, zero_window,
};
use wire::Wire;

/// How many times longer a call may take, by the median: it waits for a turn of the flood's and for
/// what the machine does beside.
const MOST: f64 = 4.0;

/// How many connections the flood has.
const CONNECTIONS: usize = 10;

/// How often it is quiet and flooded by turns, and how many calls are made in each turn: what
/// else the machine does meanwhile strikes both.
const ROUNDS: usize = 5;
const CALLS: usize = 100;

/// How often a flood is measured before it counts as failed: a busy machine may be at fault.
const TRIES: usize = 3;

fn main() -> ExitCode {
    if !is_root() {
        return ExitCode::SUCCESS;
    }
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = start(&place, &provider);
    let floods: [(&str, Wave); 8] = [
        ("calls", calls),
        ("resets", resets),
        ("pings", pings),
        ("settings", settings),
        ("empty data", empty_data),
        ("continuations", continuations),
        ("streams", streams),
        ("zero window", zero_window),
    ];
    let mut failed = 0;
    for (kind, wave) in floods {
        let mut tries = (0..TRIES).map(|_| measure(&place, wave));
        let fine = |(quiet, flooded): &(Duration, Duration)| ratio(*quiet, *flooded) <= MOST;
        let mut seen = tries.next().expect("there is one try at least");
        while !fine(&seen)
            && let Some(next) = tries.next()
        {
            seen = next;
        }
        let (quiet, flooded) = seen;
        let (verdict, ratio) = (if fine(&seen) { "ok" } else { "not ok" }, ratio(quiet, flooded));
        println!("{verdict} - {kind}: {quiet:?} quiet, {flooded:?} flooded, {ratio:.1} times");
        failed += usize::from(!fine(&seen));
    }
    println!("{} passed, {failed} failed", floods.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn ratio(quiet: Duration, flooded: Duration) -> f64 {
    flooded.as_secs_f64() / quiet.as_secs_f64()
}

/// Returns how long a call takes when it is quiet and when it isn't, by the medians.
fn measure(place: &Place, wave: Wave) -> (Duration, Duration) {
    let mut ann = become_and(ANN, || Wire::new(&place.socket()).unwrap());
    let (mut quiet, mut flooded) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        quiet.extend((0..CALLS).map(|_| call(&mut ann)));
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..CONNECTIONS {
                let (socket, stop) = (place.socket(), &stop);
                scope.spawn(move || {
                    become_and(EVE, || {
                        // Of this thread alone, too. What the flood itself computes is not what
                        // is measured, and whoever is to be answered has the processors first.
                        nice(19).unwrap();
                        flood(&socket, wave, usize::MAX, true, stop)
                    })
                });
            }
            // The flood gets under way meanwhile.
            for _ in 0..CALLS {
                call(&mut ann);
            }
            flooded.extend((0..CALLS).map(|_| call(&mut ann)));
            stop.store(true, Relaxed);
        });
    }
    (median(quiet), median(flooded))
}

#[expect(clippy::disallowed_methods, reason = "this measures")]
fn call(ann: &mut Wire) -> Duration {
    let since = Instant::now();
    assert!(contains(&ann.acquire().unwrap(), TOKEN));
    since.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
