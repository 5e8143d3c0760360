//! APIs that hand their callers newer tokens.

use tokend::engine::{Error, NewCredential, Rotated};

use super::*;
use crate::world::caller::{credential, secs};

const SLIDING: &str = "
title = 'Sliding'
[variables.token_url]
description = 'Where'
kind = 'url'
[variables.client_id]
description = 'Who'
[variables.client_auth]
description = 'How'
[secrets.client_secret]
description = 'What'
[issue]
url = '{{ var.token_url }}'
json = { secret = '{{ secret.client_secret }}' }
[output]
token = 'body.access_token'
expires_in = 'body.expires_in'
[[rotated]]
header = 'X-Authorization'
[lifetime]
default = '1h'
";

fn world() -> World {
    let mut world = World::with(1, &[("sliding", SLIDING)], issuing(3_600));
    world.add(NewCredential { provider: "sliding".to_owned(), ..credential("api") });
    world.run_for(secs(1));
    world
}

/// A user hands over a newer token in the place of the one that is served.
fn slide(world: &mut World, value: &str, user: u32) -> Result<Rotated, Error> {
    let held = world.slot("api").unwrap().token_id().unwrap();
    let rotated = world.rotate("api", held, value, user);
    world.wait(rotated)
}

#[test]
fn a_token_that_slides_all_day_is_asked_for_once_and_is_the_same_for_all() {
    let mut world = world();
    for minute in 0..24 * 60 {
        let value = format!("s{minute}");
        assert!(matches!(slide(&mut world, &value, minute % 3), Ok(Rotated::Accepted(_))));
        assert_eq!(world.served("api"), Some(value));
        world.run_for(MINUTE);
    }
    assert_eq!(world.attempts.len(), 1);
    // Once nobody uses the API any more, its tokens are asked for again.
    world.run_for(DAY);
    assert!(world.attempts.len() > 30, "{}", world.attempts.len());
}

#[test]
fn of_many_in_one_tokens_place_one_counts_and_a_crash_forgets_nothing() {
    let mut world = world();
    let first = world.slot("api").unwrap().token_id().unwrap();
    let all: Vec<_> =
        (0..20).map(|user| world.rotate("api", first, &format!("s{user}"), user)).collect();
    let all: Vec<_> = all.into_iter().map(|rotated| world.wait(rotated)).collect();
    assert!(matches!(all[0], Ok(Rotated::Accepted(_))), "{:?}", all[0]);
    assert!(all[1..].iter().all(|late| matches!(late, Err(Error::Superseded(_)))), "{all:?}");
    world.restart();
    assert_eq!(world.served("api").as_deref(), Some("s0"));
    let late = world.rotate("api", first, "s0", 7);
    assert!(matches!(world.wait(late), Ok(Rotated::Unchanged(_))));
    assert_eq!(world.attempts.len(), 1);
}

#[test]
fn while_the_disk_is_full_the_latest_is_kept_in_memory_and_written_later() {
    let mut world = world();
    world.disk.full = true;
    for value in ["s1", "s2"] {
        let unwritten = slide(&mut world, value, 7);
        assert!(matches!(unwritten, Err(Error::Refused(_))), "{unwritten:?}");
        assert_eq!(world.served("api").as_deref(), Some("t1"));
    }
    world.run_for(10 * MINUTE);
    world.disk.full = false;
    world.run_for(2 * MINUTE);
    assert_eq!(world.served("api").as_deref(), Some("s2"));
    assert_eq!(world.attempts.len(), 1);
    world.restart();
    assert_eq!(world.served("api").as_deref(), Some("s2"));
}

#[test]
fn one_who_hands_over_without_a_pause_is_held_up_and_no_one_else_is() {
    let mut world = world();
    let mut taken = 0;
    for number in 0..200 {
        match slide(&mut world, &format!("s{number}"), 666) {
            Ok(_) => taken += 1,
            Err(Error::TooManyRotations { retry_after, .. }) => {
                assert!(retry_after <= Duration::from_millis(100), "{retry_after:?}");
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!((20..=30).contains(&taken), "{taken}");
    assert!(matches!(slide(&mut world, "other", 1_000), Ok(Rotated::Accepted(_))));
    assert_eq!(world.served("api").as_deref(), Some("other"));
}
