//! What is tried out: limits, the life of a token, and what goes wrong.

mod check;
mod typical;

use std::time::Duration;

use tokend_core::{Limit, Policy};

pub use self::check::InvalidScenario;

/// What a policy is tried out on.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The provider's limits on issuances; all of them hold.
    pub limits: Vec<Limit>,
    /// How long a token lives, from the request on.
    pub life: Duration,
    /// How long the provider takes for an answer.
    pub latency: Duration,
    /// When tokend refreshes ahead of a token's end. Fixed policies always do.
    pub refresh: Policy,
    /// How often callers ask for a token; `None` if all the time.
    pub calls_every: Option<Duration>,
    /// For how many days.
    pub days: u32,
    /// When the provider gives no tokens.
    pub outages: Outages,
    /// When the API ends tokens before their time.
    pub rejections: Rejections,
    /// What all chance follows from: the same seed gives the same world.
    pub seed: u64,
}

/// When a provider gives no tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outages {
    /// The share of the time, from 0.0 to 0.5.
    pub share: f64,
    /// How long the shortest outage lasts. Durations are drawn evenly by their
    /// logarithm: as many last from one to two minutes as from one to two hours.
    pub shortest: Duration,
    /// How long the longest outage lasts.
    pub longest: Duration,
    /// What a request meets.
    pub kind: OutageKind,
}

/// What a request meets during an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutageKind {
    /// No connection: the provider never sees the request, so it doesn't count.
    Unreachable,
    /// A 503: the provider has seen the request, so it counts.
    Failing,
}

/// When an API ends all tokens that were asked for until then. A caller notices and
/// reports it at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rejections {
    /// How often a day, on average.
    pub per_day: f64,
    /// How they are spread.
    pub spread: Spread,
}

/// How events are spread over the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Once in each part of the day, at any time of it: so do people who sign in
    /// elsewhere, or nightly restarts.
    Even,
    /// At any time, whenever the one before was (a Poisson process): sometimes many
    /// in a row.
    Random,
}

#[cfg(test)]
pub(crate) mod tests {
    use std::num::NonZeroU32;

    use tokend_core::Window;

    use super::*;

    /// A year with an hour's tokens and nothing that goes wrong.
    pub(crate) fn calm() -> Scenario {
        Scenario {
            limits: vec![limit(50, 12)],
            life: Duration::from_secs(3_600),
            latency: Duration::from_secs(2),
            refresh: Policy::Always,
            calls_every: None,
            days: 365,
            outages: Outages {
                share: 0.0,
                shortest: Duration::from_secs(60),
                longest: Duration::from_secs(6 * 3_600),
                kind: OutageKind::Unreachable,
            },
            rejections: Rejections { per_day: 0.0, spread: Spread::Even },
            seed: 1,
        }
    }

    pub(crate) fn limit(count: u32, hours: u64) -> Limit {
        let window = Window::Sliding(Duration::from_secs(hours * 3_600));
        Limit { count: NonZeroU32::new(count).unwrap(), window }
    }
}
