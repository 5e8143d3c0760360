//! When a token is to be replaced.

use std::time::Duration;

use jiff::Timestamp;

use crate::{Lifetime, Random, time::after};

/// Lives up to this are refreshed after a fixed share of them.
const SHORT_LIFE: Duration = Duration::from_secs(2 * 3_600);

/// The share of a short life that is left when its refresh is due: an outage of
/// four tenths of the life goes unnoticed, for 1.7 tokens in each life.
const LEAD_SHARE: f64 = 0.4;

/// The share that longer lives add to the lead of a short one: a day's token is
/// replaced three hours before its end.
const LONG_LEAD_SHARE: f64 = 0.1;

/// The least lead, if the life is long enough: some seconds of slack are too
/// little for a slow provider and its retries.
const LEAST_LEAD: Duration = Duration::from_secs(60);

/// The least time from a token's arrival to its refresh, if it lives long enough:
/// a provider whose answers take most of the life of its tokens isn't asked
/// without a pause.
const LEAST_PAUSE: Duration = Duration::from_secs(5);

/// The share of the lead by which refreshes are moved ahead at random, so that
/// tokens issued together aren't refreshed together.
const JITTER_SHARE: f64 = 0.25;

/// Returns when a token is to be replaced; `None` if it never expires.
///
/// That is as early as is worth while, but no earlier than `pace` after the token
/// was issued, which the limits on issuances allow all along: near a limit,
/// refreshes are late and few.
///
/// Jitter is drawn here, once for each token, and stored with it: drawn again at
/// each look, it would collapse to the earliest time.
pub fn refresh_at(
    issued_at: Timestamp,
    lifetime: Lifetime,
    pace: Duration,
    random: &mut impl Random,
) -> Option<Timestamp> {
    let end = lifetime.end(issued_at)?;
    let life = Duration::try_from(end.duration_since(issued_at)).unwrap_or_default();
    let lead = lead(life);
    let jitter = lead.mul_f64(JITTER_SHARE * random.fraction());
    let early = life.saturating_sub(lead).saturating_sub(jitter);
    let latest = life.saturating_sub(slack(life));
    Some(after(issued_at, early.max(pace.min(latest))))
}

/// Returns `due`, put off if it comes too soon after `now`, when the token came.
pub(crate) fn not_at_once(due: Timestamp, now: Timestamp, remaining: Duration) -> Timestamp {
    due.max(after(now, LEAST_PAUSE.min(remaining / 2)))
}

fn lead(life: Duration) -> Duration {
    let short = life.min(SHORT_LIFE).mul_f64(LEAD_SHARE);
    let long = life.saturating_sub(SHORT_LIFE).mul_f64(LONG_LEAD_SHARE);
    (short + long).max(slack(life))
}

fn slack(life: Duration) -> Duration {
    LEAST_LEAD.min(life / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Always(u8);

    impl Random for Always {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    fn due_after(life: u64, draw: u8) -> u64 {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let lifetime = Lifetime::For(Duration::from_secs(life));
        let due = refresh_at(start, lifetime, Duration::ZERO, &mut Always(draw)).unwrap();
        u64::try_from(due.duration_since(start).as_secs()).unwrap()
    }

    #[test]
    fn lead_times_without_jitter() {
        for (life, due) in [
            (5, 2),
            (60, 30),
            (100, 50),
            (150, 90),
            (3_600, 2_160),
            (7_200, 4_320),
            (86_400, 75_600),
            (30 * 86_400, 2_330_640),
        ] {
            assert_eq!(due_after(life, 0), due, "life of {life} s");
        }
    }

    #[test]
    fn jitter_moves_a_refresh_ahead_by_up_to_a_quarter_of_the_lead() {
        assert_eq!(due_after(3_600, 0), 2_160);
        assert_eq!(due_after(3_600, 0x80), 1_979);
        assert_eq!(due_after(3_600, 0xff), 1_800);
    }

    #[test]
    fn near_a_limit_refreshes_are_late_but_not_too_late() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let lifetime = Lifetime::For(Duration::from_secs(3_600));
        for (pace, due) in [(0, 1_800), (1_800, 1_800), (3_000, 3_000), (4_800, 3_540)] {
            let pace = Duration::from_secs(pace);
            let at = refresh_at(start, lifetime, pace, &mut Always(0xff)).unwrap();
            assert_eq!(at.duration_since(start).as_secs(), due, "{pace:?}");
        }
    }

    #[test]
    fn a_token_that_comes_late_in_its_life_is_not_refreshed_at_once() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = |secs| after(start, Duration::from_secs(secs));
        let due =
            |due, now, remaining| not_at_once(at(due), at(now), Duration::from_secs(remaining));
        assert_eq!(due(2_000, 1, 3_599), at(2_000));
        assert_eq!(due(25, 50, 10), at(55));
        assert_eq!(due(5, 8, 2), at(9));
    }

    #[test]
    fn a_token_without_end_is_not_refreshed() {
        let start = "2026-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(refresh_at(start, Lifetime::Unlimited, Duration::ZERO, &mut Always(0)), None);
    }

    #[test]
    fn extreme_lives_do_not_overflow() {
        let start = "2026-01-01T00:00:00Z".parse().unwrap();
        for lifetime in [
            Lifetime::For(Duration::MAX),
            Lifetime::For(Duration::ZERO),
            Lifetime::Until(Timestamp::MIN),
            Lifetime::Until(Timestamp::MAX),
        ] {
            assert!(refresh_at(start, lifetime, Duration::MAX, &mut Always(0xff)).is_some());
        }
    }
}
