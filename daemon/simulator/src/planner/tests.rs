use proptest::prelude::*;

use super::*;
use crate::{
    OutageKind, Span,
    scenario::tests::{calm, limit},
};

/// A world so small that all schedules can be tried.
fn tiny() -> impl Strategy<Value = World> {
    let times = || prop::collection::btree_set(1_u64..12, 0..5);
    (2_u64..7, 0_u64..4, 6_u64..13, times(), times()).prop_map(
        |(life, latency, end, edges, rejections)| {
            let edges: Vec<Millis> = edges.into_iter().filter(|at| *at < end).collect();
            let pairs = edges.chunks_exact(2);
            World {
                life,
                latency: latency.min(life - 1),
                end,
                kind: OutageKind::Unreachable,
                outages: pairs.map(|pair| Span { start: pair[0], end: pair[1] }).collect(),
                rejections: rejections.into_iter().filter(|at| *at < end).collect(),
            }
        },
    )
}

/// The least time without a token of all schedules that `keep` a limit, found by
/// trying every one.
fn by_trying(world: &World, keep: impl Fn(&[Millis]) -> bool) -> Millis {
    let open: Vec<Millis> = (0..world.end).filter(|at| world.first_open(*at) == *at).collect();
    let schedules = 0_u32..1 << open.len();
    let without = schedules.filter_map(|chosen| {
        let picked = open.iter().enumerate().filter(|(bit, _)| chosen >> bit & 1 == 1);
        let sent: Vec<Millis> = picked.map(|(_, at)| *at).collect();
        let good = |at: &Millis| {
            sent.iter().any(|sent| (sent + world.latency..world.good_until(*sent)).contains(at))
        };
        let missing = (0..world.end).filter(|at| !good(at)).count();
        keep(&sent).then_some(u64::try_from(missing).unwrap())
    });
    without.min().expect("to ask for nothing keeps every limit")
}

/// Tells whether no window that begins at one of `starts` holds more than `usable`.
fn keeps(sent: &[Millis], starts: &[Millis], window: Millis, usable: u32) -> bool {
    starts.iter().all(|start| {
        let inside = sent.iter().filter(|at| (*start..start + window).contains(at));
        inside.count() <= usable as usize
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn with_a_stage_for_each_millisecond_it_finds_the_best_schedule(
        world in tiny(),
        window in 1_u64..8,
        usable in 1_u32..4,
    ) {
        let best = by_trying(&world, |sent| keeps(sent, sent, window, usable));
        let stages = Stages::sliding(window, u32::try_from(window).unwrap(), usable, world.end);
        prop_assert_eq!(least(&world, &stages), best);
    }

    #[test]
    fn with_fewer_stages_it_finds_the_best_that_keeps_each_and_never_claims_too_much(
        world in tiny(),
        (window, parts) in (1_u64..8).prop_flat_map(|window| (Just(window), 1..=window)),
        usable in 1_u32..4,
    ) {
        let stages = Stages::sliding(window, u32::try_from(parts).unwrap(), usable, world.end);
        let bound = least(&world, &stages);
        let starts: Vec<Millis> = stages.iter().map(|stage| stage.start).collect();
        let best = by_trying(&world, |sent| keeps(sent, &starts, window, usable));
        prop_assert_eq!(bound, best);
        prop_assert!(bound <= by_trying(&world, |sent| keeps(sent, sent, window, usable)));
    }

    #[test]
    fn without_limits_it_finds_the_best_of_all(world in tiny()) {
        let best = by_trying(&world, |_| true);
        prop_assert_eq!(least(&world, &Stages::unlimited(world.end)), best);
    }
}

#[test]
fn a_calm_year_costs_the_first_answer_only() {
    let world = World::draw(&calm()).unwrap();
    assert_eq!(least_without(&world, &calm().limits), Duration::from_secs(2));
}

#[test]
fn a_token_of_an_hour_bridges_an_hour_of_an_outage() {
    let mut world = World::draw(&calm()).unwrap();
    let hour = 3_600_000;
    world.outages = vec![Span { start: 100 * hour, end: 103 * hour }];
    // The last token came just before it: its answer took two seconds of its life, and
    // so does that of the first one after it, and that of the first of all.
    let least = least_without(&world, &calm().limits);
    assert_eq!(least, Duration::from_millis(2 * 3_600_000 + 1 + 2_000 + 2_000));
}

#[test]
fn the_largest_bound_of_several_limits_is_returned() {
    let mut world = World::draw(&calm()).unwrap();
    world.end = 24 * 3_600_000;
    // Of four hours, three can be had, each but for an answer's time.
    let four_hourly = least_without(&world, &[limit(4, 4)]);
    assert_eq!(four_hourly, Duration::from_secs(6 * (3_600 + 3 * 2)));
    assert_eq!(least_without(&world, &[limit(2, 1), limit(4, 4)]), four_hourly);
}
