//! What befalls a daemon that starts on what one that was killed has left.

use crate::world::{
    Ending, Trouble, World,
    caller::{credential, secs},
    provider::Arrival,
};

/// A token is asked for and stored with fewer writes and syncs.
const WRITING: u64 = 16;

/// A store is opened with fewer.
const OPENING: u64 = 10;

/// Kills the daemon at a write or a sync while it asks for a token, and has something happen
/// while it starts again. Then the power goes.
fn start_amid(killed_at: u64, at: u64, trouble: Trouble) {
    let mut world = World::new(|attempt| Arrival::token(format!("t-{}", attempt.number), 3_600));
    world.add(credential("app"));
    world.expect_trouble(killed_at, Trouble::End(Ending::Kill));
    drop(world.acquire("app", None));
    world.run_for(secs(2));
    if world.fallen().is_none() {
        world.crash();
    }
    world.expect_trouble(at, trouble);
    world.start();
    if world.fallen().is_none() {
        world.fall(Ending::PowerCut(at));
    }
    world.reboot(jiff::SignedDuration::ZERO);
    world.heal();
    world.run_for(secs(60));
    world.get("app").unwrap();
}

#[test]
fn a_power_cut_while_it_starts_after_a_kill_loses_nothing_and_looks_like_no_backup() {
    for killed_at in 0..WRITING {
        for at in 0..OPENING {
            let seed = killed_at * OPENING + at;
            start_amid(killed_at, at, Trouble::End(Ending::PowerCut(seed)));
        }
    }
}

#[test]
fn what_it_starts_with_is_on_the_disk_even_if_a_sync_fails() {
    for killed_at in 0..WRITING {
        for at in 0..OPENING {
            start_amid(killed_at, at, Trouble::SyncFails(at));
        }
    }
}
