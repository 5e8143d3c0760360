//! What is drawn in a simulation: all of it follows from the seed.

use std::time::Duration;

use tokend_core::{Random, SplitMix};

/// Draws.
pub(crate) struct Dice(SplitMix);

impl Dice {
    /// Returns dice of something's own: what else is drawn, and how often, makes no
    /// difference to them.
    pub(crate) fn of(seed: u64, what: &str, number: u64) -> Self {
        // FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>).
        let bytes = seed.to_be_bytes().into_iter().chain(what.bytes()).chain(number.to_be_bytes());
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(SplitMix::new(hash))
    }

    /// Draws any number, from which more can follow.
    pub(crate) fn seed(&mut self) -> u64 {
        self.below(u64::MAX)
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
