//! How all policies do in one world, and how well anyone could.

use std::time::Duration;

use tokend_core::Limit;

use crate::{
    InvalidScenario, Policy, Scenario, Span, World,
    chance::Chance,
    clock::stamp,
    least_without,
    run::{Callers, Record, run},
    span::millis,
};

/// How all policies do in one world, and how well anyone could.
#[derive(Debug, Clone)]
pub struct Report {
    /// What they were tried out on.
    pub scenario: Scenario,
    /// The world that was drawn for it.
    pub world: World,
    /// How each policy does, tokend first.
    pub rows: Vec<Row>,
    /// The least time without a valid token that anyone could have.
    pub least_without: Duration,
}

/// How one policy does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub policy: Policy,
    /// How many tokens it got.
    pub tokens: u32,
    /// The most issuances that any window of each limit held, failed ones included.
    pub fullest: Vec<u32>,
    /// When it had no valid token, the time before the first included.
    pub gaps: Vec<Span>,
    /// How many outages it came through: it had a valid token from the start of each
    /// to its end.
    pub survived: usize,
}

impl Report {
    /// Runs all policies through the world of a scenario.
    ///
    /// # Errors
    /// The scenario can't be tried out.
    pub fn simulate(scenario: &Scenario) -> Result<Self, InvalidScenario> {
        let world = World::draw(scenario)?;
        let rows = Policy::ALL.into_iter().map(|policy| {
            let random = Chance::of(scenario.seed).policy;
            let callers = Callers::of(scenario);
            let record = run(&world, &scenario.limits, callers, policy, random);
            Row::of(policy, record, &world, scenario)
        });
        let rows = rows.collect();
        let least_without = least_without(&world, &scenario.limits);
        Ok(Self { scenario: scenario.clone(), world, rows, least_without })
    }

    /// Returns how long the simulation lasts.
    pub fn length(&self) -> Duration {
        Duration::from_millis(self.world.end)
    }
}

impl Row {
    fn of(policy: Policy, record: Record, world: &World, scenario: &Scenario) -> Self {
        let fullest = |limit| fullest(&record.counted, limit);
        let survives = |outage: &&Span| {
            let next = record.gaps.partition_point(|gap| gap.end <= outage.start);
            record.gaps.get(next).is_none_or(|gap| !gap.overlaps(outage))
        };
        Self {
            policy,
            tokens: record.tokens,
            fullest: scenario.limits.iter().map(fullest).collect(),
            survived: world.outages().iter().filter(survives).count(),
            gaps: record.gaps,
        }
    }

    /// Returns how many tokens it got a day, on average.
    pub fn tokens_a_day(&self, report: &Report) -> f64 {
        f64::from(self.tokens) / f64::from(report.scenario.days)
    }

    /// Returns the time without a valid token.
    pub fn without(&self) -> Duration {
        self.gaps.iter().map(Span::length).sum()
    }

    /// Returns how many calls found no token, and how many there were; `None` if there is
    /// always one.
    pub fn waited(&self, report: &Report) -> Option<(u64, u64)> {
        Callers::of(&report.scenario).waited(&self.gaps, report.world.end)
    }

    /// Returns the longest time without a valid token.
    pub fn longest_gap(&self) -> Duration {
        self.gaps.iter().map(Span::length).max().unwrap_or_default()
    }
}

/// Returns how many of `issuances`, which are in order, the fullest window of a limit
/// holds. Each counts from its end, as tokend has it.
fn fullest(issuances: &[Span], limit: &Limit) -> u32 {
    let (mut most, mut behind) = (0, 0);
    for (number, first) in issuances.iter().enumerate() {
        let made = stamp(first.end);
        let end = first.end + millis(limit.window.holds(&made, &made));
        behind += issuances[behind..].iter().take_while(|issuance| issuance.end < end).count();
        most = most.max(behind - number);
    }
    u32::try_from(most).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Outages, Table, chart,
        scenario::tests::{calm, limit},
    };

    #[test]
    fn the_same_seed_gives_the_same_report_to_the_byte() {
        let shown = |seed| {
            let mut scenario = Scenario { days: 20, seed, ..calm() };
            scenario.outages = Outages { share: 0.05, ..scenario.outages };
            scenario.rejections.per_day = 1.0;
            let report = Report::simulate(&scenario).unwrap();
            let table = Table::of(&report);
            format!("{table}\n{}\n{}", table.markdown(1), chart(&report, 20))
        };
        assert_eq!(shown(5), shown(5));
        assert_ne!(shown(5), shown(6));
    }

    #[test]
    fn an_outage_is_survived_if_there_was_a_token_from_its_start_to_its_end() {
        let span = |start, end| Span { start, end };
        let scenario = Scenario { days: 1, ..calm() };
        let mut world = World::draw(&scenario).unwrap();
        world.outages = vec![span(100, 200), span(300, 400), span(500, 600), span(700, 800)];
        let gaps =
            vec![span(50, 100), span(200, 300), span(350, 351), span(400, 500), span(599, 900)];
        let mut record = Record::default();
        record.gaps = gaps;
        let row = Row::of(Policy::HalfLife, record, &world, &scenario);
        assert_eq!(row.survived, 1);
        assert_eq!(row.without(), Duration::from_millis(552));
        assert_eq!(row.longest_gap(), Duration::from_millis(301));
    }

    #[test]
    fn the_fullest_window_is_found_wherever_it_begins() {
        let hour = 3_600_000;
        let issuances = [0, hour / 2, hour, hour + 1, 2 * hour - 1, 2 * hour, 9 * hour];
        let issuances = issuances.map(|end| Span { start: end, end });
        assert_eq!(fullest(&issuances, &limit(9, 1)), 3);
        assert_eq!(fullest(&issuances, &limit(9, 2)), 5);
        assert_eq!(fullest(&[], &limit(9, 2)), 0);
    }

    /// Seconds without a token: tokend's, the best of the others', and the least.
    fn compared(scenario: &Scenario) -> (f64, f64, f64) {
        let report = Report::simulate(scenario).unwrap();
        let without: Vec<f64> = report.rows.iter().map(|row| row.without().as_secs_f64()).collect();
        let best = without[1..].iter().copied().fold(f64::MAX, f64::min);
        (without[0], best, report.least_without.as_secs_f64())
    }

    #[test]
    fn tokend_does_nearly_as_well_as_foresight_and_no_worse_than_any_fixed_rule() {
        // Rejections at any time are beyond anyone without foresight.
        for typical in &Scenario::typical()[..5] {
            for seed in 1..=3 {
                let (tokend, others, foresight) = compared(&Scenario { seed, ..typical.clone() });
                let what = format!("{:?}, seed {seed}", typical.limits);
                assert!(tokend <= 1.1 * foresight, "{what}: {tokend} s, {foresight} s at best");
                // A hundredth is chance: where each outage finds each of them.
                assert!(tokend <= 1.01 * others + 5.0, "{what}: {tokend} s, others {others} s");
            }
        }
    }

    #[test]
    fn tokens_that_are_asked_for_now_and_then_are_cheaper_on_demand() {
        use tokend_core::Policy::{Always, OnDemand, Used};
        let policies = [Always, Used, OnDemand];
        let rows = policies.map(|refresh| {
            let calls_every = Some(Duration::from_secs(36 * 3_600));
            let scenario = Scenario { refresh, calls_every, days: 90, ..calm() };
            let report = Report::simulate(&scenario).unwrap();
            (report.rows[0].tokens, report.rows[0].waited(&report).unwrap())
        });
        let [always, used, on_demand] = rows;
        assert_eq!(always.1, (1, 60), "the first comes with the start");
        assert!(used.0 < always.0 && on_demand.0 < used.0 / 2, "{rows:?}");
        assert_eq!(on_demand, (60, (60, 60)), "each waits for its own");
    }
}
