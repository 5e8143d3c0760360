//! Kills at random moments, while callers read and change all that there is.

use std::sync::Arc;

use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    habit::Habit,
    world::{KEYED, LIMIT, LIMITED, SLIDING, WINDOW, World, block_on},
};

/// How many steps callers take at most before the daemon is killed.
const STEPS: u32 = 80;

/// Kills the daemon so often, and holds what is left against what was acknowledged.
pub(crate) fn rounds(rounds: u32, seed: u64) {
    let mut chance = fastrand::Rng::with_seed(seed);
    let world = World::new();
    world.furnish();
    for round in 0..rounds {
        println!("round {round} of seed {seed}");
        let daemon = world.place.start();
        world.judge();
        block_on(async {
            let callers = callers(&world, chance.u32(0..STEPS)).await;
            daemon.kill();
            dismiss(callers).await;
        });
        world.examine();
        if chance.u8(0..5) == 0 {
            // Once more, while it is still setting things right.
            let part = ["DEBUG", "INFO", "serving"][chance.usize(0..3)];
            world.place.start_until(part, |_| ()).kill();
            world.examine();
        }
    }
    let daemon = world.place.start();
    world.judge();
    assert_eq!(daemon.end().code, Some(0));
    let (known, books) = (world.known(), world.far.books());
    println!(
        "{rounds} rounds: {} changes acknowledged, {} requests, {} with a refresh token; {} of the \
         limited account, {} within {WINDOW:?} at most, {LIMIT} are allowed",
        known.acknowledgements,
        books.asked.values().map(Vec::len).sum::<usize>(),
        books.refreshes,
        books.count(LIMITED),
        books.most_within(LIMITED, WINDOW),
    );
    let number = usize::try_from(rounds).unwrap();
    assert!(known.acknowledgements > number, "callers were idle");
    assert!(books.refreshes > 0 && books.count(KEYED) > number && known.served[SLIDING] > 0);
}

/// Has callers read and change things, and returns once they have taken so many steps. They go
/// on until they are dismissed.
async fn callers(world: &World, steps: u32) -> JoinSet<()> {
    let (mut callers, taken) = (JoinSet::new(), Arc::new(Semaphore::new(0)));
    for habit in Habit::all(world) {
        let (near, taken) = (world.near(), Arc::clone(&taken));
        callers.spawn(async move {
            for number in 0.. {
                // An error is no acknowledgement, whatever it says.
                let _ = habit.step(&near, number).await;
                taken.add_permits(1);
                tokio::task::yield_now().await;
            }
        });
    }
    drop(taken.acquire_many(steps).await);
    callers
}

/// Ends callers, and fails if one of them has seen what must not be.
async fn dismiss(mut callers: JoinSet<()>) {
    callers.abort_all();
    while let Some(ended) = callers.join_next().await {
        if let Err(error) = ended
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}
