//! Calls that fail, while the daemon runs.

use tokend_proto::{ERROR_DOMAIN, reason};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{
    habit::Habit,
    healing::{outlives, reads, works_again},
    strace::{self, Disturbance},
    support::PATIENCE,
    world::{World, block_on},
};

/// How many calls of a kind are spoilt, one in each round.
const MOST: u32 = 12;

/// Fails all such calls of a running daemon for a while.
pub(crate) fn lasting(calls: &str, fault: &str) {
    let world = World::new();
    world.furnish();
    let mut daemon = world.place.start();
    let before = world.known().acknowledgements;
    let disturbance = Disturbance::of(&daemon, calls, fault);
    block_on(async {
        for habit in Habit::all(&world) {
            let near = world.near();
            for number in 0..2 {
                match habit.step(&near, number).await {
                    Ok(()) => assert!(habit.only_reads(), "{habit:?} is acknowledged"),
                    Err(status) => assert_store(&status),
                }
            }
        }
    });
    assert_eq!(world.known().acknowledgements, before, "something was acknowledged");
    reads(&world);
    daemon.wait_for_log("the store can't be written");
    let problems = world.problems();
    assert!(problems.iter().any(|problem| problem.contains("tokend.db")), "{problems:?}");
    drop(disturbance);

    works_again(&world);
    assert_eq!(world.problems(), [""; 0]);
    daemon.wait_for_log("the store can be written again");
    outlives(&world, daemon);
}

/// Fails the wait for the disk of one change, which is refused and whole in the log by then.
pub(crate) fn refused() {
    let world = World::new();
    world.furnish();
    let daemon = world.place.start();
    let log = || std::fs::metadata(world.place.state().join("tokend.db-wal")).unwrap().len();
    block_on(async {
        let near = world.near();
        // The mark waits by fdatasync(2), SQLite by fsync(2).
        let disturbance = Disturbance::of(&daemon, "fsync", "error=EIO:when=1");
        assert_store(&near.create(world.passing("refused")).await.unwrap_err());
        drop(disturbance);
        near.compare_strictly().await;
        assert!(log() > 0, "it isn't in the log");
        // It is wiped out within a second or two.
        let wiped = async {
            while log() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, wiped).await.unwrap();
    });
    daemon.kill();
    world.examine();
    let _daemon = world.place.start();
    block_on(async { world.near().compare_strictly().await });
}

/// Spoils one such call in each thread.
pub(crate) fn single(calls: &str) {
    let world = World::new();
    world.furnish();
    for number in 1..=MOST {
        let fault = format!("error=EIO:when={number}");
        let mut daemon = world.place.launch(|command| strace::under(command, calls, fault));
        if daemon.logs("serving").is_err() {
            // It can't open the store, and says why.
            let ended = daemon.end();
            assert_eq!(ended.code, Some(1), "{}", ended.log);
            world.examine();
            continue;
        }
        block_on(async {
            for habit in Habit::all(&world) {
                let near = world.near();
                for number in 0..3 {
                    if let Err(status) = habit.step(&near, number).await {
                        assert_answered(&status);
                    }
                }
            }
        });
        reads(&world);
        outlives(&world, daemon);
    }
}

/// It is the store that fails, and whoever waits learns it.
#[track_caller]
fn assert_store(status: &Status) {
    let info = status.get_details_error_info();
    let why = info.as_ref().map(|info| (info.domain.as_str(), info.reason.as_str()));
    assert_eq!(why, Some((ERROR_DOMAIN, reason::STORE_UNAVAILABLE)), "{status:?}");
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("tokend.db") || status.message().contains("tokend.mark"));
}

/// The daemon says why it refuses something.
#[track_caller]
fn assert_answered(status: &Status) {
    assert!(status.get_details_error_info().is_some(), "{status:?}");
}
