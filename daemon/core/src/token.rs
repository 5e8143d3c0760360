//! One generation of what a provider issued, without the secret.

use std::time::Duration;

use jiff::Timestamp;

use crate::{BootTime, Moment, TokenId, time::after};

/// The life that a token should still have for a caller who doesn't say: time
/// enough for one request with its retries. For short-lived tokens it is a tenth
/// of their life. Where no newer token can be had, any that is valid has to do.
pub const DEFAULT_MIN_TTL: Duration = Duration::from_secs(30);

/// Clocks that are this far apart are still taken to agree.
const CLOCK_SLACK: Duration = Duration::from_secs(5 * 60);

/// Returns the longest life that callers can ask for if tokens live for `life`: nine
/// tenths of it.
pub(crate) fn longest_min_ttl(life: Duration) -> Duration {
    life * 9 / 10
}

/// A token: its life, and a payload that the core doesn't look into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token<P> {
    /// The generation's id.
    pub id: TokenId,
    /// When the request that brought it was sent. Its life is counted from here,
    /// not from the answer's arrival, which is later than the issuance.
    pub issued_at: Timestamp,
    /// When it expires; `None` if it never does.
    pub expires_at: Option<Timestamp>,
    /// When it is to be replaced, jitter included; `None` if it isn't.
    pub refresh_at: Option<Timestamp>,
    /// When its request was sent, or when it was taken up from the store: from then on
    /// its life can be measured by a clock that no one can set. It isn't stored.
    pub taken_up: Option<Moment>,
    /// How often it has been refreshed since it was last asked for with the
    /// stored secrets; `None` if it can't be refreshed.
    pub refreshes: Option<u32>,
    /// How its life can be prolonged, if it ends for lack of use and can be kept
    /// alive.
    pub session: Option<Session>,
    /// The secret and what belongs to it.
    pub payload: P,
}

/// A token that ends if it isn't used for some time, and that can be used to
/// prevent that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// How long it lives unused.
    pub idle: Duration,
    /// When it ends all the same; `None` if it doesn't.
    pub end: Option<Timestamp>,
}

/// How long a token lives, as its provider says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// From the request on.
    For(Duration),
    /// Until a point in time.
    Until(Timestamp),
    /// It never expires, or not that anyone knew.
    Unlimited,
}

impl Lifetime {
    /// Returns when a token that was asked for at `issued_at` expires.
    pub fn end(self, issued_at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::For(life) => Some(after(issued_at, life)),
            Self::Until(end) => Some(end),
            Self::Unlimited => None,
        }
    }
}

impl Session {
    /// Tells whether a token that expires at `expires_at` can be made to live longer.
    pub(crate) fn outlasts(&self, expires_at: Option<Timestamp>) -> bool {
        self.end.is_none_or(|end| expires_at.is_some_and(|at| at < end))
    }
}

impl<P> Token<P> {
    /// Returns the whole life that the token had when it was issued; `None` if
    /// it never ends.
    pub fn life(&self) -> Option<Duration> {
        self.expires_at.map(|end| between(self.issued_at, end))
    }

    /// Returns the life that is left at `now`; `None` if it never ends.
    ///
    /// The wall clock and the time since boot both count, whichever leaves less:
    /// a wall clock that is set back prolongs no token. One that was wrong when
    /// the token came can't make its life seem longer than it was.
    pub fn remaining(&self, now: Moment) -> Option<Duration> {
        self.expires_at.map(|end| self.left(end, now))
    }

    /// Returns the time that is left at `now` until `at`, by whichever clock leaves
    /// less.
    pub(crate) fn left(&self, at: Timestamp, now: Moment) -> Duration {
        let by_wall = between(now.wall, at);
        let by_boot =
            self.taken_up.map(|up| self.until(up, at).saturating_sub(up.boot.until(now.boot)));
        by_boot.map_or(by_wall, |by_boot| by_boot.min(by_wall))
    }

    /// Tells whether the token has expired at `now`.
    pub fn is_expired(&self, now: Moment) -> bool {
        self.remaining(now).is_some_and(|left| left.is_zero())
    }

    /// Returns when the token is to be replaced, by the wall clock and since
    /// boot, whichever comes first; `None` if it isn't.
    ///
    /// A token that seems to come from the future is as old as no one knows, the
    /// machine's clock being wrong: it is due at once.
    pub(crate) fn due(&self) -> Option<(Timestamp, BootTime)> {
        let up = self.taken_up?;
        if between(up.wall, self.issued_at) > CLOCK_SLACK {
            return Some((up.wall, up.boot));
        }
        let at = self.refresh_at.or(self.expires_at)?;
        Some((at, up.boot.after(self.until(up, at))))
    }

    /// Tells whether the token is to be replaced at `now`.
    pub(crate) fn is_due(&self, now: Moment) -> bool {
        self.due().is_some_and(|(wall, boot)| wall <= now.wall || boot <= now.boot)
    }

    /// Returns the time from when the token was taken up until `at`, which can't be
    /// longer than from its issuance.
    fn until(&self, up: Moment, at: Timestamp) -> Duration {
        between(up.wall, at).min(between(self.issued_at, at))
    }

    /// Tells whether the token hasn't expired and has a life of at least
    /// `min_ttl` left, or of the default if there is none.
    pub fn satisfies(&self, min_ttl: Option<Duration>, now: Moment) -> bool {
        let Some(remaining) = self.remaining(now) else {
            return true;
        };
        !remaining.is_zero() && remaining >= self.least(min_ttl)
    }

    /// Tells whether tokens of this life can't reasonably satisfy `min_ttl`:
    /// one that is spent as soon as it is a tenth through its life would cost an
    /// issuance for nearly every call.
    pub fn never_satisfies(&self, min_ttl: Option<Duration>) -> bool {
        match (self.life(), min_ttl) {
            (Some(life), Some(least)) => least > longest_min_ttl(life),
            _ => false,
        }
    }

    fn least(&self, min_ttl: Option<Duration>) -> Duration {
        min_ttl.unwrap_or_else(|| {
            self.life().map_or(DEFAULT_MIN_TTL, |life| DEFAULT_MIN_TTL.min(life / 10))
        })
    }
}

fn between(start: Timestamp, end: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(start)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(life: Option<u64>) -> (Token<()>, Moment) {
        let boot = BootTime(Duration::from_secs(500));
        let start = Moment { wall: "2026-01-01T00:00:00Z".parse().unwrap(), boot };
        let expires_at = life.map(|secs| after(start.wall, Duration::from_secs(secs)));
        let (id, taken_up) = (TokenId([0; 16]), Some(start));
        let issued_at = start.wall;
        (
            Token {
                id,
                issued_at,
                expires_at,
                refresh_at: None,
                taken_up,
                refreshes: None,
                session: None,
                payload: (),
            },
            start,
        )
    }

    fn later(start: Moment, wait: Duration) -> Moment {
        Moment { wall: after(start.wall, wait), boot: start.boot.after(wait) }
    }

    #[test]
    fn a_wall_clock_that_is_set_prolongs_no_life() {
        let (token, start) = token(Some(100));
        let at = |wall: &str, secs| Moment {
            wall: wall.parse().unwrap(),
            boot: start.boot.after(Duration::from_secs(secs)),
        };
        let left = |now| token.remaining(now).unwrap().as_secs();
        assert_eq!(left(at("2025-01-01T00:00:00Z", 40)), 60, "set back");
        assert!(token.is_expired(at("2025-01-01T00:00:00Z", 100)));
        assert!(token.is_expired(at("2027-01-01T00:00:00Z", 40)), "set forward");
    }

    #[test]
    fn a_life_that_seems_longer_than_it_was_is_not_believed() {
        let (token, start) = token(Some(100));
        // Issued under a clock that was a day ahead, read after it was put right.
        let now = Moment { wall: "2025-12-31T00:00:00Z".parse().unwrap(), ..start };
        let token = Token { taken_up: Some(now), ..token };
        assert_eq!(token.remaining(now), Some(Duration::from_secs(100)));
    }

    #[test]
    fn without_a_wish_thirty_seconds_or_a_tenth_of_the_life_must_be_left() {
        for (life, last_good) in [(3_600, 3_570), (300, 270), (50, 45), (5, 4)] {
            let (token, start) = token(Some(life));
            let at = |secs| later(start, Duration::from_secs(secs));
            assert!(token.satisfies(None, at(last_good)), "{life}");
            assert!(!token.satisfies(None, at(last_good + 1)), "{life}");
        }
    }

    #[test]
    fn zero_takes_any_token_that_has_not_expired() {
        let (token, start) = token(Some(60));
        let zero = Some(Duration::ZERO);
        assert!(token.satisfies(zero, later(start, Duration::from_secs(59))));
        assert!(!token.satisfies(zero, later(start, Duration::from_secs(60))));
    }

    #[test]
    fn a_token_without_end_satisfies_everyone() {
        let (token, start) = token(None);
        assert!(token.satisfies(Some(Duration::MAX), later(start, Duration::MAX)));
        assert!(!token.never_satisfies(Some(Duration::MAX)));
    }

    #[test]
    fn more_than_nine_tenths_of_the_life_is_asking_too_much() {
        let (token, _) = token(Some(1_000));
        assert!(!token.never_satisfies(Some(Duration::from_secs(900))));
        assert!(token.never_satisfies(Some(Duration::from_secs(901))));
    }
}
