//! What holds once a fault is over.

#![allow(dead_code, reason = "the tests and the suite use a part each")]

use super::{
    habit::Habit,
    support::Daemon,
    world::{KEYED, LIMITED, ROTATING, SLIDING, World, block_on},
};

/// What is held is served.
pub(crate) fn reads(world: &World) {
    block_on(async {
        for name in [ROTATING, LIMITED, KEYED, SLIDING] {
            world.near().read(name).await.unwrap();
        }
    });
}

/// Everything can be changed again, without a restart.
pub(crate) fn works_again(world: &World) {
    block_on(async {
        let near = world.near();
        near.compare_strictly().await;
        for habit in Habit::all(world).into_iter().filter(|habit| !habit.may_wait()) {
            for number in 0..3 {
                habit.step(&near, number).await.unwrap_or_else(|it| panic!("{habit:?}: {it}"));
            }
        }
        near.compare_strictly().await;
    });
}

/// A kill leaves what was acknowledged.
pub(crate) fn outlives(world: &World, daemon: Daemon) {
    daemon.kill();
    world.examine();
    let daemon = world.place.start();
    world.judge();
    daemon.kill();
}
