//! When a token is to be replaced.

use std::time::Duration;

use jiff::Timestamp;

use crate::{Lifetime, Random, time::after};

/// Lives up to this are refreshed after a fixed share of them.
const SHORT_LIFE: Duration = Duration::from_secs(2 * 3_600);

/// The share of a life that is left when its refresh is due: an outage of four
/// tenths of the life goes unnoticed, for 1.8 tokens in each life.
const LEAD_SHARE: f64 = 0.4;

/// The share that lives beyond a short one add to its lead: a day's token is replaced
/// three hours before its end, since no one knows how much the provider bears.
const LONG_LEAD_SHARE: f64 = 0.1;

/// Where limits are known and leave room, a token is replaced at this share of its
/// life, whatever the life: earlier would spend much for little ..
const ROOM_AGE: f64 = 0.35;

/// .. or later at random by up to this share of the life.
const ROOM_JITTER: f64 = 0.1;

/// The least lead, if the life is long enough: some seconds of slack are too
/// little for a slow provider and its retries.
const LEAST_LEAD: Duration = Duration::from_secs(60);

/// The least time from a token's arrival to its refresh, if it lives long enough:
/// a provider whose answers take most of the life of its tokens isn't asked
/// without a pause.
const LEAST_PAUSE: Duration = Duration::from_secs(5);

/// The share of the lead by which refreshes are moved ahead at random, so that
/// tokens issued together aren't refreshed together ..
const JITTER_SHARE: f64 = 0.2;

/// .. and the share by which all are moved ahead: an outage as long as the lead
/// leaves time for the attempt that finds it over.
const MARGIN_SHARE: f64 = 0.05;

/// The least time for a token's successor where limits leave none to spare ..
const LEAST_BRIEF: Duration = Duration::from_secs(2);

/// .. and the most, however slow the provider is.
const LONGEST_BRIEF: Duration = Duration::from_secs(10);

/// What a token's replacement depends on, beside its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// The time between refreshes that the limits allow all along; `None` if no
    /// limit is known.
    pub pace: Option<Duration>,
    /// How long the provider takes for an answer, at worst.
    pub latency: Duration,
    /// The longest life that callers have asked for lately.
    pub min_ttl: Duration,
    /// Until this long before a token's end the provider gives the same token
    /// again.
    pub same_token_until: Option<Duration>,
    /// A new token ends the one before after this time.
    pub ends_old_after: Option<Duration>,
}

impl Circumstances {
    /// Returns when a token is to be replaced; `None` if it never expires.
    ///
    /// That is as early as is worth while, but no earlier than the pace that the
    /// limits allow all along: near a limit, refreshes are late and few. Where
    /// limits don't even allow one token after the other, each is used up.
    ///
    /// Jitter is drawn here, once for each token, and stored with it: drawn again
    /// at each look, it would collapse to the earliest time.
    pub fn refresh_at(
        &self,
        issued_at: Timestamp,
        lifetime: Lifetime,
        random: &mut impl Random,
    ) -> Option<Timestamp> {
        let end = lifetime.end(issued_at)?;
        let life = Duration::try_from(end.duration_since(issued_at)).unwrap_or_default();
        let late = life.saturating_sub(self.slack(life));
        let mut due = match self.pace {
            None => self.early(life, random),
            Some(pace) => {
                let age = life.mul_f64(ROOM_AGE + ROOM_JITTER * random.fraction());
                age.min(late).max(pace)
            }
        };
        if let Some(same_until) = self.same_token_until {
            due = due.max(life.saturating_sub(same_until));
        }
        // Whoever still uses the old token then is cut off.
        if self.ends_old_after.is_some_and(|overlap| overlap < LEAST_LEAD) {
            due = due.max(late);
        }
        Some(after(issued_at, due.min(life.saturating_sub(brief(life, self.latency)))))
    }

    /// Returns how old a token becomes where no limit is known.
    fn early(&self, life: Duration, random: &mut impl Random) -> Duration {
        let short = life.min(SHORT_LIFE).mul_f64(LEAD_SHARE);
        let long = life.saturating_sub(SHORT_LIFE).mul_f64(LONG_LEAD_SHARE);
        let lead = (short + long).max(self.slack(life));
        let ahead = lead.mul_f64(MARGIN_SHARE + JITTER_SHARE * random.fraction());
        life.saturating_sub(lead).saturating_sub(ahead)
    }

    fn slack(&self, life: Duration) -> Duration {
        LEAST_LEAD.max(self.latency * 2).max(self.min_ttl).min(life / 2)
    }
}

/// Returns the time that a token's successor needs at least: a token with less
/// left is as good as none.
pub(crate) fn brief(life: Duration, latency: Duration) -> Duration {
    (latency * 2).clamp(LEAST_BRIEF, LONGEST_BRIEF).min(life / 2)
}

/// Returns `due`, put off if it comes too soon after `now`, when the token came.
pub(crate) fn not_at_once(due: Timestamp, now: Timestamp, remaining: Duration) -> Timestamp {
    due.max(after(now, LEAST_PAUSE.min(remaining / 2)))
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

    const DAY: u64 = 86_400;

    fn due_after(circumstances: Circumstances, life: u64, draw: u8) -> u64 {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let lifetime = Lifetime::For(Duration::from_secs(life));
        let due = circumstances.refresh_at(start, lifetime, &mut Always(draw)).unwrap();
        u64::try_from(due.duration_since(start).as_secs()).unwrap()
    }

    fn paced(secs: u64) -> Circumstances {
        Circumstances { pace: Some(Duration::from_secs(secs)), ..Circumstances::default() }
    }

    #[test]
    fn lead_times_without_jitter() {
        for (life, due) in [
            (5, 2),
            (60, 28),
            (100, 47),
            (150, 87),
            (3_600, 2_088),
            (7_200, 4_176),
            (DAY, 75_060),
            (30 * DAY, 2_317_572),
        ] {
            assert_eq!(due_after(Circumstances::default(), life, 0), due, "life of {life} s");
        }
    }

    #[test]
    fn jitter_moves_a_refresh_ahead_by_up_to_a_quarter_of_the_lead() {
        let due = |draw| due_after(Circumstances::default(), 3_600, draw);
        assert_eq!([due(0), due(0x80), due(0xff)], [2_088, 1_943, 1_800]);
    }

    #[test]
    fn where_limits_leave_room_tokens_are_replaced_earlier_however_long_they_live() {
        for (life, least, most) in [(3_600, 1_260, 1_620), (DAY, 30_240, 38_880)] {
            let due = |draw| due_after(paced(60), life, draw);
            assert_eq!(due(0), least);
            assert!((most - most / 100..=most).contains(&due(0xff)), "{}", due(0xff));
        }
    }

    #[test]
    fn near_a_limit_refreshes_are_late_and_beyond_it_they_are_last() {
        for (pace, due) in
            [(0, 1_619), (1_800, 1_800), (3_000, 3_000), (3_590, 3_590), (4_800, 3_598)]
        {
            assert_eq!(due_after(paced(pace), 3_600, 0xff), due, "{pace}");
        }
        assert_eq!(due_after(paced(4_800), 2, 0xff), 1, "half of a life that is that short");
        let slow = Circumstances { latency: Duration::from_secs(4), ..paced(4_800) };
        assert_eq!(due_after(slow, 3_600, 0xff), 3_592);
    }

    #[test]
    fn slow_providers_and_callers_with_long_wishes_get_more_time() {
        let slow = Circumstances { latency: Duration::from_secs(45), ..Circumstances::default() };
        assert_eq!(due_after(slow, 200, 0), 105);
        let wish =
            Circumstances { min_ttl: Duration::from_secs(1_700), ..Circumstances::default() };
        assert_eq!(due_after(wish, 3_600, 0), 1_815);
    }

    #[test]
    fn a_provider_that_repeats_itself_is_asked_when_it_no_longer_does() {
        let repeats = Circumstances {
            same_token_until: Some(Duration::from_secs(120)),
            ..Circumstances::default()
        };
        assert_eq!(due_after(repeats, 3_600, 0), 3_480);
    }

    #[test]
    fn a_token_that_ends_the_one_before_at_once_is_asked_for_late() {
        let ends = |overlap| Circumstances {
            ends_old_after: Some(Duration::from_secs(overlap)),
            ..Circumstances::default()
        };
        assert_eq!(due_after(ends(0), 7_200, 0), 7_140);
        assert_eq!(due_after(ends(59), 7_200, 0), 7_140);
        assert_eq!(due_after(ends(60), 7_200, 0), 4_176);
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
        assert_eq!(paced(60).refresh_at(start, Lifetime::Unlimited, &mut Always(0)), None);
    }

    #[test]
    fn extreme_lives_do_not_overflow() {
        let start = "2026-01-01T00:00:00Z".parse().unwrap();
        let extreme = Circumstances {
            pace: Some(Duration::MAX),
            latency: Duration::from_secs(3_600),
            min_ttl: Duration::MAX,
            same_token_until: Some(Duration::MAX),
            ends_old_after: Some(Duration::ZERO),
        };
        for lifetime in [
            Lifetime::For(Duration::MAX),
            Lifetime::For(Duration::ZERO),
            Lifetime::Until(Timestamp::MIN),
            Lifetime::Until(Timestamp::MAX),
        ] {
            for circumstances in [extreme, Circumstances::default()] {
                assert!(circumstances.refresh_at(start, lifetime, &mut Always(0xff)).is_some());
            }
        }
    }
}
