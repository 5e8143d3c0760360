//! What is drawn in a simulation: all of it follows from the seed.

use std::time::Duration;

use tokend_core::{Random, SplitMix};

/// Draws.
pub(crate) struct Dice(SplitMix);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SplitMix::new(seed))
    }

    /// Draws a number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_be_bytes(bytes) % end
    }

    /// Draws a place among so many.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("it is below a usize")
    }

    /// Tells whether something happens that happens so often in a hundred times.
    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(crate) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.index(all.len())]
    }

    /// Draws a time between two, where each order of magnitude is as likely.
    pub(crate) fn span(&mut self, least: Duration, most: Duration) -> Duration {
        let ratio = most.as_secs_f64() / least.as_secs_f64();
        let drawn = least.mul_f64(ratio.powf(self.0.fraction()));
        // Whole milliseconds tell a story as well.
        Duration::from_millis(u64::try_from(drawn.as_millis()).expect("it is a span of days"))
    }
}
