//! Those who ask for tokens.

use std::time::Duration;

use tokend_core::{Demand, Name, Policy};

use crate::{Millis, Scenario, Span, clock::moment, span::millis};

/// Someone who finds no token, and gets none, asks again after this.
const PATIENCE: Millis = 1_000;

/// Those who ask for tokens, and what tokend makes of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Callers {
    /// When tokend refreshes ahead of a token's end.
    pub(super) refresh: Policy,
    /// The time between two calls; `None` if there is always one.
    every: Option<Millis>,
}

impl Callers {
    pub(crate) fn of(scenario: &Scenario) -> Self {
        Self { refresh: scenario.refresh, every: scenario.calls_every.map(millis) }
    }

    /// Returns when a token is next asked for, from `from` on, by someone whom the token
    /// that ends at `end` doesn't serve.
    pub(super) fn next_unserved(&self, from: Millis, end: Millis) -> Millis {
        let from = from.max(end);
        match self.every {
            Some(every) => from.next_multiple_of(every),
            None => from,
        }
    }

    /// Returns when one who found no token at `at` asks again.
    pub(super) fn again(&self, at: Millis) -> Millis {
        at + self.every.unwrap_or(PATIENCE)
    }

    /// Returns what was wanted until `now`.
    pub(super) fn demand(&self, now: Millis) -> Demand {
        let last = self.every.map_or(now, |every| now - now % every);
        Demand { last_use: Some(moment(last).boot), uses: 1, min_ttl: Duration::ZERO }
    }

    /// Returns how many calls until `end` found no token, and how many there were;
    /// `None` if there is always one.
    pub(crate) fn waited(&self, gaps: &[Span], end: Millis) -> Option<(u64, u64)> {
        let every = self.every?;
        let before = |at: Millis| at.div_ceil(every);
        let waited = gaps.iter().map(|gap| before(gap.end) - before(gap.start)).sum();
        Some((waited, before(end)))
    }
}

/// The demand at one time.
pub(super) struct Now(pub(super) Demand);

impl tokend_core::Callers for Now {
    fn demand(&self, _: &Name) -> Demand {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tests::calm;

    #[test]
    fn calls_come_at_their_times_and_those_in_gaps_wait() {
        let hourly = Some(Duration::from_secs(3_600));
        let hour = 3_600_000;
        let callers = Callers::of(&Scenario { calls_every: hourly, ..calm() });
        assert_eq!(callers.next_unserved(5, 0), hour);
        assert_eq!(callers.next_unserved(hour, 0), hour);
        assert_eq!(callers.next_unserved(5, 3 * hour + 1), 4 * hour);
        assert_eq!(callers.demand(hour + 5).last_use, Some(moment(hour).boot));
        let gaps = [(0, 1), (hour - 1, hour), (2 * hour, 4 * hour + 1)];
        let gaps = gaps.map(|(start, end)| Span { start, end });
        assert_eq!(callers.waited(&gaps, 24 * hour), Some((4, 24)));
        let always = Callers::of(&calm());
        assert_eq!(always.next_unserved(5, 7), 7);
        assert_eq!(always.waited(&gaps, 24 * hour), None);
    }
}
