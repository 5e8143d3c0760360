//! Backups that are restored.

use tokend::engine::{Error, NewCredential};

use super::*;
use crate::world::caller::{credential, limits, secs};

fn limited(name: &str, texts: &[&str]) -> NewCredential {
    NewCredential { limits: limits(texts), ..credential(name) }
}

/// Wants all that there is for so long.
fn demand(world: &mut World, minutes: u64) {
    for minute in 0..minutes {
        world.acquire("api", Some(secs(60)));
        if minute % 7 == 0 {
            drop(world.refresh("api"));
        }
        world.run_for(MINUTE);
    }
}

#[test]
fn whatever_backup_is_restored_no_limit_is_exceeded() {
    for (before, lost) in [(10, 5), (90, 600), (700, 30)] {
        let mut world = World::new(issuing(120));
        world.add(limited("api", &["10/1h", "50/1d"]));
        demand(&mut world, before);
        let backup = world.back_up();
        demand(&mut world, lost);
        world.restore(&backup);
        // A crash forgets nothing of it.
        demand(&mut world, 30);
        world.restart();
        demand(&mut world, 2 * 24 * 60);
        // The same backup, once more.
        world.restore(&backup);
        demand(&mut world, 2 * 24 * 60);
        let most = (most_within(HOUR, &world), most_within(DAY, &world));
        assert_eq!(most, (10, 50), "all of it was wanted, after {before} and {lost} minutes");
    }
}

#[test]
fn after_a_backup_operators_wait_too_and_a_token_that_is_held_is_served() {
    let mut world = World::new(issuing(86_400));
    world.add(limited("api", &["4/6h"]));
    world.run_for(MINUTE);
    let backup = world.back_up();
    drop(world.refresh("api"));
    world.run_for(MINUTE);
    assert_eq!(world.attempts.len(), 2);
    world.restore(&backup);
    let mut forced = world.refresh("api");
    world.run_for(MINUTE);
    let refused = forced.try_recv().unwrap().unwrap_err();
    let Error::BudgetUnknown { retry_after, .. } = refused else { panic!("{refused}") };
    assert_eq!(retry_after.as_secs().div_ceil(60), 6 * 60);
    assert!(world.served("api").is_some());
    world.run_for(6 * HOUR);
    let mut forced = world.refresh("api");
    world.run_for(MINUTE);
    assert!(forced.try_recv().unwrap().is_ok());
}
