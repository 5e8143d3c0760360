//! Kills at each of the calls that write, one after the other.

use nix::sys::signal::Signal;

use super::{
    habit::Habit,
    strace,
    world::{World, block_on},
};

/// At how many of the calls of one kind the daemon is killed at most.
const MOST: u32 = 100;

/// Kills the daemon at its n-th call of this kind in a thread, n = 1, 2 .., as long as there are
/// so many, and holds what is left each time against what was acknowledged.
pub(crate) fn at_each(calls: &str) {
    let world = World::new();
    world.furnish();
    for number in 1..=MOST {
        println!("  {calls}: {number}");
        let fault = format!("signal=SIGKILL:when={number}");
        let mut daemon = world.place.launch(|command| strace::under(command, calls, fault));
        if daemon.logs("serving").is_ok() {
            walk(&world);
        }
        let ended = daemon.end();
        if ended.signal.is_none() {
            assert_eq!(ended.code, Some(0), "{}", ended.log);
            println!("  {calls}: killed at {} of them", number - 1);
            assert!(number > 1, "it makes no such call");
            return;
        }
        assert_eq!(ended.signal, Some(Signal::SIGKILL as i32), "{}", ended.log);
        world.examine();
        let daemon = world.place.start();
        world.judge();
        daemon.kill();
    }
    println!("  {calls}: killed at {MOST} of them");
}

/// Does everything that callers do, one after the other, until the daemon is gone.
fn walk(world: &World) {
    block_on(async {
        for habit in Habit::all(world) {
            let near = world.near();
            for number in 0..3 {
                if habit.step(&near, number).await.is_err_and(|status| is_gone(&status)) {
                    return;
                }
            }
        }
    });
}

/// Whether a refusal comes of there being no daemon.
pub(crate) fn is_gone(status: &tonic::Status) -> bool {
    status.details().is_empty()
}
