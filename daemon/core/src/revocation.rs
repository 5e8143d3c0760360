//! When a token is ended at its provider, and when there is nothing left to end.

use std::time::Duration;

use jiff::Timestamp;

use crate::{BootTime, Failure, Moment, Random, Verdict};

/// The longest wait of tokend's own choice: no one waits for a token that is served to no
/// one any more, and it may be days until its provider comes back.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// The end of a token at its provider: tried until it is done, or of no use any more.
#[derive(Debug, Clone)]
pub struct Revocation {
    /// When the token ends by itself, by both clocks; `None` if it doesn't.
    end: Option<(Timestamp, BootTime)>,
    attempts: u32,
    next: Next,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    At(BootTime),
    /// The end of the attempt that is under way.
    Answer,
}

/// What an attempt came to that didn't end the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sequel {
    /// It is tried again after this time.
    Again(Duration),
    /// The provider has denied it: most likely the token has ended already.
    Denied,
}

impl Revocation {
    /// Begins one, which is due at once. `end` is when the token ends by itself.
    pub fn new(now: Moment, end: Option<Timestamp>) -> Self {
        let until = |end: Timestamp| {
            let left = Duration::try_from(end.duration_since(now.wall)).unwrap_or_default();
            (end, now.boot.after(left))
        };
        Self { end: end.map(until), attempts: 0, next: Next::At(now.boot) }
    }

    /// Takes one up from the store: how often it failed, how the last time, and how long
    /// ago that was.
    #[must_use]
    pub fn resumed(
        self,
        attempts: u32,
        last: Option<(&Failure, Duration)>,
        random: &mut impl Random,
    ) -> Self {
        let Next::At(now) = self.next else { return self };
        let wait = last.map_or(Duration::ZERO, |(failure, ago)| {
            failure.wait(attempts, LONGEST_WAIT, random).saturating_sub(ago)
        });
        Self { attempts, next: Next::At(now.after(wait)), ..self }
    }

    /// Tells whether the token has ended by itself, by both clocks: one that was set must
    /// not have a token forgotten that lives on.
    pub fn is_over(&self, now: Moment) -> bool {
        self.end.is_some_and(|(wall, boot)| wall <= now.wall && boot <= now.boot)
    }

    /// Returns when it is tried next; `None` while an attempt is under way.
    pub fn due_at(&self) -> Option<BootTime> {
        match self.next {
            Next::At(at) => Some(at),
            Next::Answer => None,
        }
    }

    /// Returns how many attempts have failed.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Makes it due at once: someone asks for it.
    pub fn hurry(&mut self, now: BootTime) {
        if let Next::At(at) = &mut self.next {
            *at = (*at).min(now);
        }
    }

    /// An attempt begins.
    pub fn begun(&mut self) {
        self.next = Next::Answer;
    }

    /// The attempt has failed.
    pub fn failed(&mut self, now: BootTime, failure: &Failure, random: &mut impl Random) -> Sequel {
        self.attempts = self.attempts.saturating_add(1);
        let wait = failure.wait(self.attempts, LONGEST_WAIT, random);
        self.next = Next::At(now.after(wait));
        match failure.verdict {
            Verdict::Denied => Sequel::Denied,
            Verdict::Limited | Verdict::Transient | Verdict::Local => Sequel::Again(wait),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SplitMix, after};

    fn at(secs: u64) -> Moment {
        let start = "2026-01-01T00:00:00Z".parse().unwrap();
        let since = Duration::from_secs(secs);
        Moment { wall: after(start, since), boot: BootTime(since) }
    }

    fn failure(verdict: Verdict, retry_after: Option<u64>) -> Failure {
        let retry_after = retry_after.map(Duration::from_secs);
        Failure { verdict, retry_after, message: "down".to_owned() }
    }

    #[test]
    fn it_is_tried_at_once_and_then_at_growing_intervals_for_as_long_as_it_takes() {
        let mut random = SplitMix::new(1);
        let mut revocation = Revocation::new(at(0), None);
        let mut now = at(0).boot;
        let mut longest = Duration::ZERO;
        for attempt in 1..=500 {
            let due = revocation.due_at().unwrap();
            let wait = now.until(due);
            let bound = (Duration::from_secs(2) * 2_u32.pow(attempt.min(12))).min(LONGEST_WAIT);
            assert!(wait <= bound + Duration::from_secs(1), "{attempt}: {wait:?}");
            assert!(attempt == 1 || wait >= Duration::from_secs(1), "{attempt}: {wait:?}");
            (now, longest) = (due, longest.max(wait));
            revocation.begun();
            assert_eq!(revocation.due_at(), None);
            let sequel = revocation.failed(now, &failure(Verdict::Transient, None), &mut random);
            assert!(matches!(sequel, Sequel::Again(_)));
        }
        assert!(longest > LONGEST_WAIT.mul_f64(0.9), "{longest:?}");
        assert_eq!(revocation.attempts(), 500);
    }

    #[test]
    fn what_the_provider_demands_is_kept_to_unless_someone_asks() {
        let mut revocation = Revocation::new(at(0), None);
        revocation.begun();
        let told = failure(Verdict::Limited, Some(7_200));
        let Sequel::Again(wait) = revocation.failed(at(1).boot, &told, &mut SplitMix::new(1))
        else {
            panic!("it isn't denied")
        };
        assert!((7_200..=7_230).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(revocation.due_at(), Some(at(1).boot.after(wait)));
        revocation.hurry(at(60).boot);
        assert_eq!(revocation.due_at(), Some(at(60).boot));
        revocation.begun();
        revocation.hurry(at(61).boot);
        assert_eq!(revocation.due_at(), None, "one attempt at a time");
    }

    #[test]
    fn a_denial_ends_it() {
        let mut revocation = Revocation::new(at(0), None);
        revocation.begun();
        let denied = failure(Verdict::Denied, None);
        let sequel = revocation.failed(at(1).boot, &denied, &mut SplitMix::new(1));
        assert_eq!(sequel, Sequel::Denied);
    }

    #[test]
    fn it_is_over_when_both_clocks_say_so() {
        let revocation = Revocation::new(at(0), Some(at(100).wall));
        assert!(!revocation.is_over(at(99)));
        assert!(revocation.is_over(at(100)));
        assert!(!revocation.is_over(Moment { wall: at(9_999).wall, ..at(99) }), "it was set");
        assert!(!revocation.is_over(Moment { wall: at(0).wall, ..at(9_999) }), "it was set back");
        assert!(!Revocation::new(at(0), None).is_over(at(u32::MAX.into())));
        assert!(Revocation::new(at(200), Some(at(100).wall)).is_over(at(200)));
    }

    #[test]
    fn a_restart_goes_on_where_it_was() {
        let last = failure(Verdict::Limited, Some(600));
        let resumed = |ago| {
            let ago = Duration::from_secs(ago);
            let revocation = Revocation::new(at(1_000), None);
            let revocation = revocation.resumed(3, Some((&last, ago)), &mut SplitMix::new(1));
            assert_eq!(revocation.attempts(), 3);
            at(1_000).boot.until(revocation.due_at().unwrap()).as_secs()
        };
        assert!((600..=632).contains(&resumed(0)), "{}", resumed(0));
        assert!((300..=332).contains(&resumed(300)), "{}", resumed(300));
        assert_eq!(resumed(3_600), 0);
        let untried = Revocation::new(at(0), None).resumed(0, None, &mut SplitMix::new(1));
        assert_eq!(untried.due_at(), Some(at(0).boot));
    }
}
