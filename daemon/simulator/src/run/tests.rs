use std::{ops::Range, time::Duration};

use jiff::tz::TimeZone;
use proptest::prelude::*;
use tokend_core::{Period, SplitMix, Window};

use super::*;
use crate::{
    Outages, Rejections, Scenario, Span, Spread,
    scenario::tests::{calm, limit},
};

const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;

fn runs(world: &World, limits: &[Limit], policy: Policy) -> Record {
    run(world, limits, Callers::of(&calm()), policy, SplitMix::new(1))
}

/// A week with an hour's tokens and what goes wrong by hand.
fn week(outages: &[(Millis, Millis)], rejections: &[Millis]) -> World {
    let mut world = World::draw(&Scenario { days: 7, ..calm() }).unwrap();
    let outages = outages.iter().map(|(start, end)| Span { start: *start, end: *end });
    world.outages = outages.collect();
    world.rejections = rejections.to_vec();
    world
}

#[test]
fn in_calm_weather_nobody_is_ever_without_a_token_but_before_the_first() {
    for policy in Policy::ALL {
        let record = runs(&week(&[], &[]), &calm().limits, policy);
        assert_eq!(record.gaps, [Span { start: 0, end: 2_000 }], "{policy}");
    }
}

#[test]
fn a_fixed_policy_refreshes_at_its_age() {
    let half = runs(&week(&[], &[]), &[], Policy::HalfLife);
    let sent: Vec<Millis> = half.counted.iter().map(|issuance| issuance.start).collect();
    assert_eq!(sent[..4], [0, 30 * MINUTE, 60 * MINUTE, 90 * MINUTE]);
    assert_eq!(half.tokens, 7 * 48);
}

#[test]
fn an_outage_costs_what_the_last_token_does_not_bridge() {
    // The token of 10:00 would be replaced at 10:30, just after the outage began.
    let world = week(&[(10 * HOUR + 29 * MINUTE, 12 * HOUR)], &[]);
    let record = runs(&world, &[], Policy::HalfLife);
    let [_, gap] = record.gaps[..] else { panic!("{:?}", record.gaps) };
    assert_eq!(gap.start, 11 * HOUR);
    // Back-off waits for five minutes at most, and a second.
    assert!((12 * HOUR..12 * HOUR + 5 * MINUTE + 3_000).contains(&gap.end), "{gap:?}");
}

#[test]
fn requests_that_reach_nobody_do_not_count_and_those_that_fail_do() {
    let mut world = week(&[(HOUR, 3 * HOUR)], &[]);
    let unreachable = runs(&world, &[], Policy::HalfLife).counted.len();
    world.kind = OutageKind::Failing;
    let failing = runs(&world, &[], Policy::HalfLife).counted.len();
    assert!((unreachable + 20..unreachable + 100).contains(&failing), "{unreachable}, {failing}");
}

#[test]
fn after_a_success_back_off_begins_anew() {
    let mut world = week(&[(HOUR, 2 * HOUR), (10 * HOUR, 12 * HOUR)], &[]);
    world.kind = OutageKind::Failing;
    let sent = runs(&world, &[], Policy::HalfLife).counted;
    let failed = sent.iter().filter(|issuance| issuance.start >= 10 * HOUR);
    let [first, second, ..] = failed.collect::<Vec<_>>()[..] else { panic!("{sent:?}") };
    assert!(second.start - first.end <= 3_000, "{second:?}");
}

#[test]
fn a_caller_whose_report_is_not_heard_repeats_it() {
    let start = 5 * HOUR;
    let world = week(&[], &[start, start + 30_000, start + 5 * MINUTE]);
    let record = runs(&world, &calm().limits, Policy::Tokend);
    let longest = record.gaps.iter().map(Span::length).max().unwrap();
    assert!(longest < Duration::from_secs(600), "{:?}", record.gaps);
}

#[test]
fn a_rejected_token_is_replaced_at_once() {
    let world = week(&[], &[5 * HOUR + 10 * MINUTE]);
    for policy in Policy::ALL {
        let record = runs(&world, &calm().limits, policy);
        let [_, gap] = record.gaps[..] else { panic!("{policy}: {:?}", record.gaps) };
        let start = 5 * HOUR + 10 * MINUTE;
        assert_eq!(gap, Span { start, end: start + 2_000 }, "{policy}");
    }
}

#[test]
fn a_token_that_was_on_its_way_when_the_api_ended_all_is_replaced_when_it_comes() {
    let world = week(&[], &[1_000]);
    let record = runs(&world, &[], Policy::HalfLife);
    assert_eq!(record.gaps, [Span { start: 0, end: 4_000 }]);
}

#[test]
fn the_limit_allows_no_more_than_it_does_and_what_it_keeps_back_is_there_in_need() {
    // Of four in four hours a refresh may spend three, and so may who has no token.
    let record = runs(&week(&[], &[]), &[limit(4, 4)], Policy::HalfLife);
    let sent: Vec<Millis> =
        record.counted.iter().map(|issuance| issuance.start / MINUTE).take(4).collect();
    assert_eq!(sent, [0, 30, 60, 240]);
    // Of eight, two are kept back until a token has but 30 seconds left.
    let record = runs(&week(&[], &[]), &[limit(8, 4)], Policy::HalfLife);
    let sent: Vec<Millis> =
        record.counted.iter().map(|issuance| issuance.start / 30_000).take(8).collect();
    assert_eq!(sent, [0, 60, 120, 180, 240, 300, 419, 538]);
}

#[test]
fn where_limits_leave_room_tokend_survives_outages_of_two_fifths_of_a_life() {
    for (limit, life) in [(limit(50, 12), HOUR), (limit(10, 8), 24 * HOUR)] {
        for (seed, kind) in
            (1..=6).flat_map(|seed| [(seed, OutageKind::Unreachable), (seed, OutageKind::Failing)])
        {
            let life = Duration::from_millis(life);
            let outages =
                Outages { share: 0.02, longest: life.mul_f64(0.4), kind, ..calm().outages };
            let limits = vec![limit.clone()];
            let scenario = Scenario { limits, life, days: 90, outages, seed, ..calm() };
            let world = World::draw(&scenario).unwrap();
            let gaps = runs(&world, &scenario.limits, Policy::Tokend).gaps;
            // Where one begins before the one before it can have been noticed to be
            // over, the two are one.
            let lone = |pair: &&[Span]| pair[1].start > pair[0].end + 5 * MINUTE;
            let lone: Vec<&[Span]> = world.outages.windows(2).filter(lone).collect();
            assert!(lone.len() > 10, "{}", lone.len());
            for outage in lone.iter().map(|pair| pair[1]) {
                let gap = gaps.iter().find(|gap| gap.overlaps(&outage));
                assert_eq!(gap, None, "{outage:?}, seed {seed}, {kind:?}");
            }
        }
    }
}

fn any_scenario() -> impl Strategy<Value = Scenario> {
    let limits = prop::collection::vec((1_u32..8, 1_u64..10), 1..3);
    let life = prop_oneof![120_u64..600, 3_600_u64..100_000];
    let daily = prop::option::of(2_u32..20);
    (limits, daily, life, 0_u64..30, 0.0..0.3, any::<bool>(), 0.0..10.0, any::<u64>()).prop_map(
        |(limits, daily, life, latency, share, failing, per_day, seed)| Scenario {
            limits: limits
                .into_iter()
                .map(|(count, hours)| limit(count, hours))
                .chain(daily.map(by_the_day))
                .collect(),
            life: Duration::from_secs(life),
            latency: Duration::from_secs(latency),
            refresh: tokend_core::Policy::Always,
            calls_every: None,
            days: 10,
            outages: Outages {
                share,
                kind: if failing { OutageKind::Failing } else { OutageKind::Unreachable },
                ..calm().outages
            },
            rejections: Rejections { per_day, spread: Spread::Random },
            seed,
        },
    )
}

fn by_the_day(count: u32) -> Limit {
    let window = Window::Calendar { period: Period::Day, zone: TimeZone::UTC };
    Limit { window, ..limit(count, 1) }
}

/// The window that begins with `first`, or that it lies in.
fn window(first: Millis, window: &Window) -> Range<Millis> {
    match window {
        Window::Sliding(length) => first..first + u64::try_from(length.as_millis()).unwrap(),
        Window::Calendar { .. } => {
            first / (24 * HOUR) * 24 * HOUR..(first / (24 * HOUR) + 1) * 24 * HOUR
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn no_window_ever_holds_more_than_its_limit(scenario in any_scenario()) {
        let world = World::draw(&scenario).unwrap();
        for policy in Policy::ALL {
            let record = run(&world, &scenario.limits, Callers::of(&scenario), policy, SplitMix::new(scenario.seed));
            prop_assert!(!record.counted.is_empty());
            for limit in &scenario.limits {
                // Whether the provider counts them from their start or their end.
                for at in [|issuance: &Span| issuance.start, |issuance: &Span| issuance.end] {
                    let times: Vec<Millis> = record.counted.iter().map(at).collect();
                    for first in &times {
                        let Range { start, end } = window(*first, &limit.window);
                        let before = |end| times.partition_point(|at| *at < end);
                        let inside = before(end) - before(start);
                        prop_assert!(inside <= limit.count.get() as usize, "{policy}: {inside}");
                    }
                }
            }
        }
    }
}
