//! How long a credential waits after a failure.

use std::time::Duration;

use super::{Activity, Credential, Fate, Next, Turn};
use crate::{BootTime, Failure, Moment, StoreFailure, Verdict, failure::LONGEST_WAIT};

/// Who has no token and spends nothing by asking asks at least this often: the
/// end of an outage is what everyone waits for.
const LONGEST_WITHOUT: Duration = Duration::from_secs(60);

/// While a token is held, this share of what is left of it is the longest wait: an
/// outage that ends before the token does is noticed in time.
const SHARE_OF_REMAINING: u32 = 4;

/// After so many failures in a row that count against a limit, the rest of the
/// limit is rationed.
const FREE_FAILURES: u32 = 3;

/// The life that is assumed of a token that no one has seen yet.
const ASSUMED_LIFE: Duration = Duration::from_secs(3_600);

impl<P: Clone> Credential<P> {
    /// Returns how long to wait after a failure: until the provider has had time to
    /// recover, but not past the end of the token; and where each attempt counts
    /// against a limit, so long that the limit isn't spent on failures.
    pub(super) fn back_off(
        &self,
        fate: Fate,
        failure: &Failure,
        turn: &mut Turn<'_, P>,
    ) -> Duration {
        // A token that an API refused keeps no one going.
        let left = if self.is_refused() { Duration::ZERO } else { self.remaining(turn.now) };
        let longest = match (failure.verdict, fate) {
            (Verdict::Limited, _) => LONGEST_WAIT,
            _ if !left.is_zero() => LONGEST_WAIT.min(left / SHARE_OF_REMAINING),
            (_, Fate::Unsent) => LONGEST_WITHOUT,
            _ => LONGEST_WAIT,
        };
        let wait = failure.wait(self.consecutive_failures, longest, &mut turn.random);
        if fate == Fate::Unsent || self.consecutive_failures < FREE_FAILURES {
            return wait;
        }
        let ration = self.ration(left);
        wait.max(ration.mul_f64(f64::midpoint(1.0, turn.random.fraction())))
    }

    /// Returns the time for which one attempt has to last.
    fn ration(&self, left: Duration) -> Duration {
        // Whoever was told to ask less, and not how often it may, has nothing to share
        // out.
        let Some(pace) = self.allowance.pace.filter(|pace| *pace < Duration::MAX) else {
            return Duration::ZERO;
        };
        let life = self.token.as_ref().and_then(|token| token.life()).unwrap_or(ASSUMED_LIFE);
        if pace >= life {
            // Each attempt costs a token that will be missed.
            return pace.min(life) / 2;
        }
        let span = if left.is_zero() { life } else { left };
        // In the time of the pace there is another one.
        pace.min(span / self.allowance.room.saturating_add(1))
    }

    /// Returns when a wait is over that begins now, or one that the provider demanded if that
    /// is longer: what stands in the way of a person's wish doesn't end it.
    pub(super) fn not_while_away(&self, wait: Duration, now: Moment) -> BootTime {
        let retry_at = now.boot.after(wait);
        self.away_until.map_or(retry_at, |until| until.max(retry_at))
    }

    /// Returns what is done when nothing is: nothing is due while the provider wants to be
    /// left alone.
    pub(super) fn at_rest(&self, now: Moment) -> Activity<P> {
        match self.away_until.filter(|until| *until > now.boot) {
            Some(retry_at) => Activity::Waiting { retry_at },
            None => Activity::Resting(Next::Due),
        }
    }

    pub(super) fn store_wait(&self, failure: &StoreFailure, turn: &mut Turn<'_, P>) -> Duration {
        failure.wait(self.store_failures, &mut turn.random)
    }
}
