//! How often passphrases are tried.

use std::time::Duration;

use tokend_core::BootTime;

/// How long after wrong passphrases no other is tried. Whoever has a copy of the store can do
/// without asking; this is for who has none.
#[derive(Debug, Clone, Default)]
pub struct Patience {
    wrong: u32,
    until: Option<BootTime>,
}

impl Patience {
    /// A person who mistypes waits no longer than it takes to type again ..
    const FIRST: Duration = Duration::from_secs(1);

    /// .. and at last not so long as to think that it hangs.
    const LONGEST: Duration = Duration::from_secs(60);

    /// Notes a wrong passphrase; returns how long no other is tried.
    pub fn note(&mut self, now: BootTime) -> Duration {
        let wait = Self::FIRST.saturating_mul(1 << self.wrong.min(16)).min(Self::LONGEST);
        self.wrong = self.wrong.saturating_add(1);
        self.until = Some(BootTime(now.0 + wait));
        wait
    }

    /// Returns how long none is tried from now on, if none is.
    pub fn left(&self, now: BootTime) -> Option<Duration> {
        self.until?.0.checked_sub(now.0).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_after_wrong_passphrases_grows_and_has_a_limit() {
        let mut patience = Patience::default();
        let mut now = BootTime(Duration::from_secs(500));
        assert_eq!(patience.left(now), None);
        let waits: Vec<u64> = (0..8)
            .map(|_| {
                let wait = patience.note(now);
                assert_eq!(patience.left(now), Some(wait));
                now = BootTime(now.0 + wait);
                assert_eq!(patience.left(now), None);
                wait.as_secs()
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
