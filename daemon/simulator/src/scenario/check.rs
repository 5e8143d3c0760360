//! What can't be tried out, and why.

use std::time::Duration;

use super::{Outages, Scenario};
use crate::words::span;

/// A scenario can't be tried out.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidScenario {
    /// No policy keeps such tokens at hand.
    #[error("a life of {} is too short: give {} or more", span(*life), span(LEAST_LIFE))]
    ShortLife {
        /// The life that was given.
        life: Duration,
    },
    /// Tokens are as good as expired when they come.
    #[error("answers that take {} are too slow: give half a token's life or less", span(*latency))]
    LongLatency {
        /// The latency that was given.
        latency: Duration,
    },
    /// Too often to be told apart.
    #[error("calls every {every:?} can't be simulated: give {least:?} at least", least = LEAST_CALLS)]
    Calls {
        /// The time between calls that was given.
        every: Duration,
    },
    /// Too long, or nothing at all.
    #[error("{days} days can't be simulated: give 1 to {MOST_DAYS}")]
    Days {
        /// The days that were given.
        days: u32,
    },
    /// It would take too long.
    #[error("these are more than {MOST_TOKENS} tokens: give fewer days or tokens that live longer")]
    ManyTokens,
    /// Not a share, or one that leaves little time in between.
    #[error("outages can't take a share of {share} of the time: give 0.0 to 0.5")]
    OutageShare {
        /// The share that was given.
        share: f64,
    },
    /// The range is empty, or begins at next to nothing.
    #[error(
        "outages can't last from {} to {}: give at least {}, and the shorter one first",
        span(*shortest), span(*longest), span(LEAST_OUTAGE)
    )]
    OutageRange {
        /// The shortest that was given.
        shortest: Duration,
        /// The longest that was given.
        longest: Duration,
    },
    /// It would take too long.
    #[error("these may be more than {MOST_OUTAGES} outages: give fewer days or longer outages")]
    ManyOutages,
    /// Not a rate, or one at which no token is worth having.
    #[error("{rate} rejections a day can't be simulated: give 0 to {MOST_REJECTIONS}")]
    Rejections {
        /// The rate that was given.
        rate: f64,
    },
    /// A stretch of time that is none.
    #[error("a limit can't hold for {}: give {} or more", span(*window), span(LEAST_WINDOW))]
    ShortWindow {
        /// The window that was given.
        window: Duration,
    },
}

/// tokend takes tokens that live for less as good as expired.
const LEAST_LIFE: Duration = Duration::from_secs(10);

/// Years of more calls take long and say no more.
const LEAST_CALLS: Duration = Duration::from_secs(1);

/// Ten years: longer ones say no more.
const MOST_DAYS: u32 = 3_660;

/// Some seconds of work and a hundred megabytes.
const MOST_TOKENS: u64 = 2_000_000;

/// Shorter ones are slow answers.
const LEAST_OUTAGE: Duration = Duration::from_secs(1);

/// More than one a minute in a year.
const MOST_OUTAGES: f64 = 1_000_000.0;

/// Times are counted in milliseconds.
const LEAST_WINDOW: Duration = Duration::from_secs(1);

/// One a minute.
const MOST_REJECTIONS: f64 = 1_440.0;

const SECONDS_A_DAY: u32 = 86_400;

impl Scenario {
    /// Checks that the scenario can be tried out.
    ///
    /// # Errors
    /// What can't be, and what can.
    pub fn check(&self) -> Result<(), InvalidScenario> {
        let Self { life, latency, days, outages, rejections, .. } = *self;
        let Outages { share, shortest, longest, .. } = outages;
        let rate = rejections.per_day;
        if life < LEAST_LIFE {
            return Err(InvalidScenario::ShortLife { life });
        }
        if latency > life / 2 {
            return Err(InvalidScenario::LongLatency { latency });
        }
        if let Some(every) = self.calls_every.filter(|every| *every < LEAST_CALLS) {
            return Err(InvalidScenario::Calls { every });
        }
        if !(1..=MOST_DAYS).contains(&days) {
            return Err(InvalidScenario::Days { days });
        }
        if u64::from(days) * u64::from(SECONDS_A_DAY) / life.as_secs() > MOST_TOKENS {
            return Err(InvalidScenario::ManyTokens);
        }
        if !(0.0..=0.5).contains(&share) {
            return Err(InvalidScenario::OutageShare { share });
        }
        if shortest < LEAST_OUTAGE || longest < shortest {
            return Err(InvalidScenario::OutageRange { shortest, longest });
        }
        let time = f64::from(days) * f64::from(SECONDS_A_DAY);
        if time * share / shortest.as_secs_f64() > MOST_OUTAGES {
            return Err(InvalidScenario::ManyOutages);
        }
        if !(0.0..=MOST_REJECTIONS).contains(&rate) {
            return Err(InvalidScenario::Rejections { rate });
        }
        match self.limits.iter().map(|limit| limit.window.length()).min() {
            Some(window) if window < LEAST_WINDOW => Err(InvalidScenario::ShortWindow { window }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tests::{calm, limit};

    fn fault(change: impl FnOnce(&mut Scenario)) -> String {
        let mut scenario = calm();
        change(&mut scenario);
        scenario.check().unwrap_err().to_string()
    }

    fn with_outages(change: impl FnOnce(&mut Outages)) -> String {
        fault(|scenario| change(&mut scenario.outages))
    }

    #[test]
    fn what_cannot_be_tried_is_said_and_what_can() {
        assert_eq!(calm().check(), Ok(()));
        let secs = Duration::from_secs;
        for (said, expected) in [
            (fault(|s| s.life = secs(9)), "a life of 9 s is too short: give 10 s or more"),
            (
                fault(|s| s.latency = secs(1_801)),
                "answers that take 30 min 1 s are too slow: give half a token's life or less",
            ),
            (fault(|s| s.days = 0), "0 days can't be simulated: give 1 to 3660"),
            (
                fault(|s| (s.days, s.life) = (3_660, secs(100))),
                "these are more than 2000000 tokens: give fewer days or tokens that live longer",
            ),
            (
                with_outages(|o| o.share = f64::NAN),
                "outages can't take a share of NaN of the time: give 0.0 to 0.5",
            ),
            (
                with_outages(|o| o.share = 0.6),
                "outages can't take a share of 0.6 of the time: give 0.0 to 0.5",
            ),
            (
                with_outages(|o| (o.shortest, o.longest) = (secs(20), secs(10))),
                "outages can't last from 20 s to 10 s: give at least 1 s, and the shorter one first",
            ),
            (
                with_outages(|o| (o.shortest, o.share) = (secs(1), 0.5)),
                "these may be more than 1000000 outages: give fewer days or longer outages",
            ),
            (
                fault(|s| s.rejections.per_day = -1.0),
                "-1 rejections a day can't be simulated: give 0 to 1440",
            ),
            (fault(|s| s.limits.push(limit(1, 0))), "a limit can't hold for 0 s: give 1 s or more"),
        ] {
            assert_eq!(said, expected);
        }
    }
}
