//! The machine's random numbers.

use ring::rand::{SecureRandom, SystemRandom};
use tokend_core::Random;

/// Draws from the kernel's generator.
#[derive(Debug, Clone)]
pub struct SystemEntropy(SystemRandom);

impl Default for SystemEntropy {
    fn default() -> Self {
        Self(SystemRandom::new())
    }
}

impl Random for SystemEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        // getrandom(2) fails only where the kernel lacks it.
        self.0.fill(bytes).expect("the kernel has a random number generator");
    }
}
