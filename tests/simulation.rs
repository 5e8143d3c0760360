//! Random lives of the daemon, by the thousands: with the real engine and the real
//! store, whatever befalls them, what always holds is held against after each step.
//!
//! `SEEDS=1000 cargo test --config tests/simulation/fast.toml -p tokend --test simulation
//! invariants_hold -- --nocapture` tries the first thousand, `FROM=501` begins later, `SEED=17`
//! tells the story of one, and `ONLY=3,8` a part of it. A seed that fails tells the shortest story
//! found, in 400 tries or as many as `TRIES` says.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

#[path = "support/log.rs"]
mod log;
#[path = "support/world/mod.rs"]
mod world;

#[path = "simulation/dice.rs"]
mod dice;
#[path = "simulation/disk.rs"]
mod disk;
#[path = "simulation/opening.rs"]
mod opening;
#[path = "simulation/people.rs"]
mod people;
#[path = "simulation/plan.rs"]
mod plan;
#[path = "simulation/provider.rs"]
mod provider;
#[path = "simulation/run/mod.rs"]
mod run;
#[path = "simulation/script.rs"]
mod script;
#[path = "simulation/shrink.rs"]
mod shrink;
#[path = "simulation/story.rs"]
mod story;
#[path = "simulation/witness/mod.rs"]
mod witness;

use std::{
    env, fs,
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use log::Log;
use script::{Script, When};
use shrink::Failure;
use tracing::{Level, subscriber};
use world::Ending;

/// Up to which seed all are tried if `SEEDS` doesn't say.
const SEEDS: u64 = 30;

/// Each step is tried of so many seeds if `SWEEPS` doesn't say.
const SWEEPS: u64 = 1;

/// The first of these: of two credentials, with four starts, and not long.
const FIRST_SWEPT: u64 = 4;

/// After so many seeds it is told how far it has come.
const STRIDE: u64 = 1_000;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("it is a number"))
}

/// Returns what the environment says is to be told, if it does.
fn asked_for() -> Option<Script> {
    let mut script = Script::of(number("SEED")?);
    if let Ok(only) = env::var("ONLY") {
        let numbers = only.split(',').filter(|number| !number.is_empty());
        script.happenings = numbers.map(|number| number.parse().unwrap()).collect();
    }
    if let Some(members) = number("MEMBERS") {
        script.members = usize::try_from(members).unwrap();
    }
    let ending = number("POWER").map_or(Ending::Kill, Ending::PowerCut);
    let step = number("STEP").map(When::Step);
    script.end = step.or(number("OPERATION").map(When::Operation)).map(|when| (when, ending));
    Some(script)
}

#[test]
fn invariants_hold_whatever_happens() {
    if let Some(script) = asked_for() {
        match (shrink::attempt(&script), env::var_os("STORY")) {
            (Ok(story), Some(file)) => fs::write(file, story).unwrap(),
            (Ok(story), None) => println!("{story}"),
            (Err(failure), _) => panic!("{}", failure.shorten()),
        }
        return;
    }
    let (from, to) = (number("FROM").unwrap_or(1), number("SEEDS").unwrap_or(SEEDS));
    if let Some(failure) = first_failure(from..=to, Script::of) {
        panic!("{}", failure.shorten());
    }
    println!("{} seeds", to + 1 - from);
}

/// Tries what is told of these numbers, on all processors, until one fails.
fn first_failure(
    all: std::ops::RangeInclusive<u64>,
    script: impl Fn(u64) -> Script + Sync,
) -> Option<Box<Failure>> {
    let (next, stop) = (AtomicU64::new(*all.start()), AtomicBool::new(false));
    let failed = Mutex::new(None);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number > *all.end() {
                        break;
                    }
                    if number > *all.start() && number.is_multiple_of(STRIDE) {
                        println!("{number} of {}; FROM={number} goes on from here", all.end());
                    }
                    if let Err(failure) = shrink::attempt(&script(number)) {
                        stop.store(true, Ordering::Relaxed);
                        failed.lock().unwrap().get_or_insert(failure);
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap()
}

#[test]
fn a_crash_at_any_step_costs_nothing_that_was_stored() {
    for seed in FIRST_SWEPT..FIRST_SWEPT + number("SWEEPS").unwrap_or(SWEEPS) {
        let whole = Script::short(seed);
        let (steps, operations) = run::run(&whole, &story::Story::default());
        let ends = |count, when: fn(u64) -> When, ending: fn(u64) -> Ending| {
            first_failure(0..=count, |number| Script {
                end: Some((when(number), ending(number))),
                ..whole.clone()
            })
        };
        let failure = ends(steps, When::Step, |_| Ending::Kill)
            .or_else(|| ends(steps, When::Step, Ending::PowerCut))
            .or_else(|| ends(operations, When::Operation, |_| Ending::Kill))
            .or_else(|| ends(operations, When::Operation, Ending::PowerCut));
        if let Some(failure) = failure {
            panic!("{}", failure.shorten());
        }
        println!("seed {seed}: {steps} steps, {operations} writes and syncs");
    }
}

#[test]
fn a_seed_that_fails_tells_the_few_things_that_matter() {
    // A failure that takes a reboot and a full disk, in whatever else happens.
    let planted = |seed| Script {
        check: Some(|world| assert!(!world.disk.full || world.machine.boots() < 2, "planted")),
        ..Script::of(seed)
    };
    let failure = first_failure(1..=SEEDS, planted).expect("it befalls some of them");
    let whole = failure.script.happenings.clone();
    let failure = failure.shorten_within(0);
    assert_eq!(failure.script.happenings, whole, "not one is tried");
    let failure = failure.shorten();
    // A disk that gets full at some write takes a few who write.
    assert!((2..=4).contains(&failure.script.happenings.len()), "{failure}");
    assert!(failure.script.members <= 2, "{failure}");
    let told = failure.to_string();
    let numbers: Vec<String> = failure.script.happenings.iter().map(ToString::to_string).collect();
    let Script { seed, members, .. } = failure.script;
    let again = format!("SEED={seed} ONLY={} MEMBERS={members} ", numbers.join(","));
    assert!(told.contains(&again) && told.contains("planted"), "{told}");
}

#[test]
fn the_same_seed_tells_the_same_story_in_another_process() {
    let directory = tempfile::tempdir().unwrap();
    for seed in [1, 2, 3, 4] {
        let tell = |name: String| {
            let file = directory.path().join(name);
            let mut tell = Command::new(env::current_exe().unwrap());
            tell.args(["--exact", "invariants_hold_whatever_happens"]).stdout(Stdio::null());
            tell.env("SEED", seed.to_string()).env("STORY", &file);
            for other in ["ONLY", "MEMBERS", "STEP", "OPERATION", "POWER"] {
                tell.env_remove(other);
            }
            assert!(tell.status().unwrap().success());
            fs::read_to_string(file).unwrap()
        };
        let (one, other) = (tell(format!("{seed}.one")), tell(format!("{seed}.other")));
        assert!(one.lines().count() > 50, "{one}");
        let differs = one.lines().zip(other.lines()).find(|(one, other)| one != other);
        assert!(one == other, "{differs:?}");
    }
}

#[test]
fn whatever_happens_no_secret_is_logged() {
    let log = Log::default();
    let all = tracing_subscriber::fmt().with_max_level(Level::TRACE).with_ansi(false);
    let all = all.with_writer(log.clone()).finish();
    // For all threads: what is logged first in one that has no log is logged in none from then on.
    subscriber::set_global_default(all).unwrap();
    for seed in 1..=5 {
        run::run(&Script::of(seed), &story::Story::default());
    }
    let log = log.take();
    assert!(log.lines().count() > 50, "{log}");
    // What is handed in, and what all tokens begin with.
    for line in log.lines() {
        assert!(!line.contains("hunter2") && !line.contains("t0ken-"), "{line}");
    }
}
