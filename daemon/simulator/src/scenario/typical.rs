//! The scenarios by which docs/refresh.md compares policies.

use std::{num::NonZeroU32, time::Duration};

use tokend_core::{Limit, Policy, Window};

use super::{OutageKind, Outages, Rejections, Scenario, Spread};

const HOUR: Duration = Duration::from_secs(3_600);

impl Scenario {
    /// Returns scenarios from ample limits to tight ones: a year each, of which the
    /// provider can't be reached for one per cent.
    pub fn typical() -> [Self; 6] {
        let twice = |spread| Rejections { per_day: 2.0, spread };
        let never = Rejections { per_day: 0.0, spread: Spread::Even };
        [
            scenario(50, 12, 1, never),
            scenario(10, 8, 24, never),
            scenario(24, 24, 1, never),
            scenario(2, 1, 1, never),
            scenario(4, 24, 24, twice(Spread::Even)),
            scenario(4, 24, 24, twice(Spread::Random)),
        ]
    }
}

/// A window and a life in hours.
fn scenario(count: u32, window: u32, life: u32, rejections: Rejections) -> Scenario {
    let count = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    Scenario {
        limits: vec![Limit { count, window: Window::Sliding(HOUR * window) }],
        life: HOUR * life,
        latency: Duration::from_secs(1),
        refresh: Policy::Always,
        calls_every: None,
        days: 365,
        outages: Outages {
            share: 0.01,
            shortest: Duration::from_secs(60),
            longest: HOUR * 12,
            kind: OutageKind::Unreachable,
        },
        rejections,
        seed: 1,
    }
}
