//! Draws the events of a scenario.

use std::time::Duration;

use tokend_core::Random;

use crate::{
    InvalidScenario, Millis, Outages, Rejections, Scenario, Span, Spread, World,
    chance::Chance,
    span::{millis, millis_of_secs},
};

impl World {
    /// Draws the events of a scenario: outages with exponential gaps, and
    /// rejections, each independent of the other.
    ///
    /// # Errors
    /// The scenario can't be tried out.
    pub fn draw(scenario: &Scenario) -> Result<Self, InvalidScenario> {
        scenario.check()?;
        let end = millis(DAY * scenario.days);
        let mut chance = Chance::of(scenario.seed);
        Ok(Self {
            life: millis(scenario.life),
            latency: millis(scenario.latency),
            end,
            kind: scenario.outages.kind,
            outages: outages(scenario.outages, end, &mut chance.outages),
            rejections: rejections(scenario.rejections, end, &mut chance.rejections),
        })
    }
}

const DAY: Duration = Duration::from_secs(86_400);

/// Draws how long outages last until they make up their share of the time, and then
/// the gaps around them, which are stretched to fill the rest.
fn outages(wanted: Outages, end: Millis, random: &mut impl Random) -> Vec<Span> {
    let Outages { share, shortest, longest, .. } = wanted;
    let (low, ratio) = (shortest.as_secs_f64(), longest.as_secs_f64() / shortest.as_secs_f64());
    let all = millis(Duration::from_millis(end).mul_f64(share));
    let mut left = all;
    let mut lengths = Vec::new();
    while left > 0 {
        let length = millis_of_secs(low * ratio.powf(random.fraction())).min(left);
        lengths.push(length);
        left -= length;
    }
    let gaps: Vec<f64> = (0..=lengths.len()).map(|_| exponential(1.0, random)).collect();
    let stretch = Duration::from_millis(end - all).as_secs_f64() / gaps.iter().sum::<f64>();
    let mut drawn: Vec<Span> = Vec::with_capacity(lengths.len());
    let (mut calm, mut out) = (0.0, 0);
    for (length, gap) in lengths.into_iter().zip(gaps) {
        calm += gap * stretch;
        // Some time lies between any two.
        let soonest = drawn.last().map_or(1, |before| before.end + 1);
        let start = (millis_of_secs(calm) + out).max(soonest);
        out += length;
        drawn.push(Span { start, end: end.min(start + length) });
    }
    drawn
}

fn rejections(wanted: Rejections, end: Millis, random: &mut impl Random) -> Vec<Millis> {
    if wanted.per_day <= 0.0 {
        return Vec::new();
    }
    let part = DAY.as_secs_f64() / wanted.per_day;
    let mut drawn = Vec::new();
    let (mut at, mut parts) = (0, 0.0);
    loop {
        at = match wanted.spread {
            Spread::Even => millis_of_secs(part * (parts + random.fraction())).max(at + 1),
            Spread::Random => at + millis_of_secs(exponential(part, random)).max(1),
        };
        if at >= end {
            return drawn;
        }
        drawn.push(at);
        parts += 1.0;
    }
}

/// Draws the time to the next of events that come at random.
fn exponential(mean: f64, random: &mut impl Random) -> f64 {
    -mean * (1.0 - random.fraction()).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tests::calm;

    fn stormy(seed: u64) -> Scenario {
        let mut scenario = Scenario { seed, ..calm() };
        scenario.rejections.per_day = 2.0;
        scenario.outages = Outages { share: 0.01, ..scenario.outages };
        scenario
    }

    #[test]
    fn the_same_seed_draws_the_same_world() {
        assert_eq!(World::draw(&stormy(7)), World::draw(&stormy(7)));
        assert_ne!(World::draw(&stormy(7)), World::draw(&stormy(8)));
    }

    #[test]
    fn rejections_change_no_outage() {
        let mut calmer = stormy(3);
        calmer.rejections.per_day = 0.0;
        let (stormy, calmer) = (World::draw(&stormy(3)).unwrap(), World::draw(&calmer).unwrap());
        assert_eq!(stormy.outages, calmer.outages);
        assert!(calmer.rejections.is_empty() && !stormy.rejections.is_empty());
    }

    #[test]
    fn outages_are_as_long_as_was_asked_for_and_take_their_share_of_the_time() {
        for seed in 0..100 {
            let scenario = stormy(seed);
            let world = World::draw(&scenario).unwrap();
            let mut before = 0;
            let Outages { shortest, longest, .. } = scenario.outages;
            let (last, others) = world.outages.split_last().unwrap();
            for outage in &world.outages {
                assert!(outage.start > before && outage.length() <= longest, "{outage:?}");
                before = outage.end;
            }
            assert!(last.end <= world.end);
            assert!(others.iter().all(|outage| outage.length() >= shortest));
            let total: Duration = world.outages.iter().map(Span::length).sum();
            assert_eq!(total, Duration::from_secs(365 * 864), "1 % of a year");
        }
    }

    #[test]
    fn some_time_lies_between_any_two_outages() {
        let mut scenario = Scenario { days: 1, ..stormy(1) };
        let second = Duration::from_secs(1);
        let outages = Outages { share: 0.5, shortest: second, longest: second, ..scenario.outages };
        scenario.outages = outages;
        let drawn = World::draw(&scenario).unwrap().outages;
        assert_eq!(drawn.len(), 43_200);
        assert!(drawn.windows(2).all(|pair| pair[0].end < pair[1].start));
        assert!(drawn.windows(2).any(|pair| pair[0].end + 1 == pair[1].start));
    }

    #[test]
    fn rejections_come_once_in_each_part_of_the_day_or_at_any_time() {
        let mut scenario = stormy(1);
        let even = World::draw(&scenario).unwrap().rejections;
        assert_eq!(even.len(), 730);
        let mut halves = (0..).zip(&even);
        assert!(halves.all(|(half, at)| at / (12 * 3_600_000) == half));

        scenario.days = 3_650;
        scenario.rejections.spread = Spread::Random;
        let random = World::draw(&scenario).unwrap().rejections;
        assert!((6_900..7_700).contains(&random.len()), "{}", random.len());
        // For as many gaps as e⁻² of all, nothing happens for a whole day.
        let quiet = random.windows(2).filter(|pair| pair[1] - pair[0] > 24 * 3_600_000).count();
        assert!((850..1_130).contains(&quiet), "{quiet}");
    }

    #[test]
    fn short_outages_are_as_many_as_long_ones_by_their_logarithm() {
        let mut scenario = stormy(5);
        scenario.days = 3_650;
        let world = World::draw(&scenario).unwrap();
        // Of 1 min .. 6 h, as many are shorter than the geometric mean as longer.
        let middle = millis(Duration::from_secs(1_138));
        let short = world.outages.iter().filter(|o| o.end - o.start < middle).count();
        let all = world.outages.len();
        assert!((all * 45 / 100..all * 55 / 100).contains(&short), "{short} of {all}");
    }
}
