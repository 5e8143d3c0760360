//! Randomness as an argument.

/// A source of random bytes.
pub trait Random {
    /// Fills `bytes` with random bytes.
    fn fill(&mut self, bytes: &mut [u8]);

    /// Draws a fraction in `0.0..1.0`.
    fn fraction(&mut self) -> f64 {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        f64::from(u32::from_be_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
    }
}

impl<R: Random + ?Sized> Random for &mut R {
    fn fill(&mut self, bytes: &mut [u8]) {
        (**self).fill(bytes);
    }
}

/// The generator `SplitMix64` (Steele, Lea, Flood 2014): the same seed gives the
/// same bytes. For tests and simulations only, it isn't secure.
#[derive(Debug, Clone)]
pub struct SplitMix(u64);

impl SplitMix {
    /// Starts a sequence.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }
}

impl Random for SplitMix {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = self.0;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^= word >> 31;
            chunk.copy_from_slice(&word.to_be_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As published with the generator (<https://prng.di.unimi.it/splitmix64.c>).
    #[test]
    fn a_seed_has_its_sequence() {
        let mut bytes = [0; 36];
        SplitMix::new(1_234_567).fill(&mut bytes);
        let words = bytes.chunks_exact(8).map(|word| u64::from_be_bytes(word.try_into().unwrap()));
        let known = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
        ];
        assert!(words.eq(known));
        assert_eq!(bytes[32..], 16_408_922_859_458_223_821_u64.to_be_bytes()[..4]);
    }

    #[test]
    fn fractions_cover_the_unit_interval_evenly() {
        let mut random = SplitMix::new(7);
        let mut tenths = [0_u32; 10];
        for _ in 0..10_000 {
            let fraction = random.fraction();
            assert!((0.0..1.0).contains(&fraction));
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in 0..10")]
            let tenth = (fraction * 10.0) as usize;
            tenths[tenth] += 1;
        }
        assert!(tenths.iter().all(|n| (800..1_200).contains(n)), "{tenths:?}");
    }
}
