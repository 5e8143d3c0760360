//! What is drawn at random, each kind from a seed of its own.

use tokend_core::{Random, SplitMix};

/// A generator for each kind of chance, so that more of one changes no other.
#[derive(Debug, Clone)]
pub(crate) struct Chance {
    pub(crate) outages: SplitMix,
    pub(crate) rejections: SplitMix,
    /// The same for each policy.
    pub(crate) policy: SplitMix,
}

impl Chance {
    pub(crate) fn of(seed: u64) -> Self {
        let mut seeds = SplitMix::new(seed);
        let mut next = || {
            let mut seed = [0; 8];
            seeds.fill(&mut seed);
            SplitMix::new(u64::from_be_bytes(seed))
        };
        Self { outages: next(), rejections: next(), policy: next() }
    }
}
