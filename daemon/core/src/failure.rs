//! How issuances fail, how long to wait then, and what callers are told.

use std::time::Duration;

use crate::{Quota, Random, token::longest_min_ttl};

/// An issuance that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the failure means for what happens next.
    pub verdict: Verdict,
    /// How long the provider wants to be left alone (Retry-After, RFC 9110
    /// §10.2.3).
    pub retry_after: Option<Duration>,
    /// What happened, for people; it holds no secret.
    pub message: String,
}

/// What a failure means for what happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The provider wants fewer requests: wait.
    Limited,
    /// The provider refused the credential: stop until a person acts.
    Denied,
    /// Anything that may pass by itself: try again.
    Transient,
    /// This machine lacks what it takes to ask, or nothing was asked in the end, which is none of
    /// the provider's doing: try again soon.
    Local,
}

/// The store couldn't write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFailure {
    /// Whether the disk is full.
    pub full: bool,
    /// What happened, for people.
    pub message: String,
}

/// What went wrong last with a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Setback {
    /// The issuance failed.
    #[error("{}", .0.message)]
    Issuance(Failure),
    /// The limits allowed no issuance.
    #[error("the limit on issued tokens is reached")]
    Budget,
    /// What a person's login left behind isn't accepted any more.
    #[error("{0}")]
    LoginNeeded(String),
    /// No issuance is possible with what is configured.
    #[error("{0}")]
    Impossible(String),
    /// The store couldn't write.
    #[error("the store can't be written: {}", .0.message)]
    Store(StoreFailure),
}

/// Why a caller gets no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The issuance limits allow no issuance for now.
    #[error("the limit on issued tokens is reached: no new one for now")]
    BudgetExhausted {
        /// When to ask again.
        retry_after: Duration,
    },
    /// This user has had the token replaced too often.
    #[error("this user has had the token replaced as often as may be: not again for now")]
    TooSoon {
        /// When it can be wanted again.
        retry_after: Duration,
    },
    /// The provider fails, throttles or can't be reached.
    #[error("the provider gives no token: {message}")]
    Unavailable {
        /// When tokend asks the provider again.
        retry_after: Duration,
        /// What the provider said, or what happened to the request.
        message: String,
    },
    /// This machine lacks what it takes to ask the provider.
    #[error("the provider can't be asked: {message}")]
    Local {
        /// When tokend tries again.
        retry_after: Duration,
        /// What it lacks.
        message: String,
    },
    /// The provider refused the credential.
    #[error("the provider refused the credential: {message}")]
    Rejected {
        /// What the provider said.
        message: String,
    },
    /// What a person's login left behind isn't accepted any more.
    #[error("a new login is needed: {message}")]
    LoginNeeded {
        /// What the provider said.
        message: String,
    },
    /// No issuance is possible with what is configured.
    #[error("no token can be asked for: {message}")]
    Impossible {
        /// What is wrong.
        message: String,
    },
    /// This provider's tokens don't live as long as was asked for.
    #[error(
        "min_ttl can't be met: a token of this provider has {} s to live, of which at most {} s can \
         be asked for", .life.as_secs(), longest_min_ttl(*.life).as_secs()
    )]
    MinTtlUnsatisfiable {
        /// How long a token lives, or the life that a new one had left.
        life: Duration,
    },
    /// The store couldn't write, and what isn't stored isn't served.
    #[error("the store can't be written: {}", failure.message)]
    Store {
        /// Why.
        failure: StoreFailure,
        /// When tokend tries again.
        retry_after: Duration,
    },
    /// The credential was removed meanwhile.
    #[error("the credential was removed")]
    Removed,
}

/// No wait is shorter: no failure may become a busy loop, whatever is drawn.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait of tokend's own choice while a token is held. A provider that
/// comes back is noticed within this.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// The longest wait that a provider can demand: more is taken for an error.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 3_600);

/// The share of a demanded wait that is added at random, so that all who were
/// told to come back at one time don't ..
const DEMAND_JITTER: f64 = 0.1;

/// .. but no more than this.
const LONGEST_DEMAND_JITTER: Duration = Duration::from_secs(30);

/// The longest wait for a store that fails.
const LONGEST_FOR_STORE: Duration = Duration::from_secs(60);

/// The range of waits for what the machine lacks. It doesn't grow: nobody else is bothered by
/// looking again, and what ends leaves room at any time.
const LOCAL_BASE: Duration = Duration::from_secs(10);

/// The first range of waits after a transient failure ..
const TRANSIENT_BASE: Duration = Duration::from_secs(2);

/// .. and after a provider asked for fewer requests but not for how long: most
/// such windows are a minute.
const LIMITED_BASE: Duration = Duration::from_secs(60);

impl Setback {
    /// Returns what a caller is told for whom no usable token is held, when the
    /// next attempt is due after `retry_after`.
    pub fn refusal(&self, retry_after: Duration) -> Refusal {
        match self {
            Self::Issuance(Failure { verdict: Verdict::Denied, message, .. }) => {
                Refusal::Rejected { message: message.clone() }
            }
            Self::Issuance(Failure { verdict: Verdict::Local, message, .. }) => {
                Refusal::Local { retry_after, message: message.clone() }
            }
            Self::Issuance(Failure { message, .. }) => {
                Refusal::Unavailable { retry_after, message: message.clone() }
            }
            Self::Budget => Refusal::BudgetExhausted { retry_after },
            Self::LoginNeeded(message) => Refusal::LoginNeeded { message: message.clone() },
            Self::Impossible(message) => Refusal::Impossible { message: message.clone() },
            Self::Store(failure) => Refusal::Store { failure: failure.clone(), retry_after },
        }
    }
}

impl StoreFailure {
    /// Returns how long to wait after the `consecutive`-th failure in a row. A store that fails
    /// is looked at again as a failing provider is, but within a minute: looking costs nothing.
    pub fn wait(&self, consecutive: u32, random: &mut impl Random) -> Duration {
        Failure::transient(self.message.clone()).wait(consecutive, LONGEST_FOR_STORE, random)
    }
}

impl Failure {
    /// One that may pass by itself, of which no answer tells more.
    pub fn transient(message: String) -> Self {
        Self { verdict: Verdict::Transient, retry_after: None, message }
    }

    /// Returns a failure of this machine's own.
    pub fn local(message: String) -> Self {
        Self { verdict: Verdict::Local, retry_after: None, message }
    }

    /// Returns how long to wait after the `consecutive`-th failure in a row.
    ///
    /// Exponential back-off with full jitter: the wait is drawn evenly up to a
    /// bound that doubles each time, but not beyond `longest`. Retry-After wins if
    /// it is longer.
    pub fn wait(&self, consecutive: u32, longest: Duration, random: &mut impl Random) -> Duration {
        let base = match self.verdict {
            Verdict::Limited if self.stated().is_none() => LIMITED_BASE,
            Verdict::Limited | Verdict::Denied | Verdict::Transient => TRANSIENT_BASE,
            Verdict::Local => LOCAL_BASE,
        };
        let doublings = consecutive.saturating_sub(1).min(16);
        let doublings = if self.verdict == Verdict::Local { 0 } else { doublings };
        let bound = (base * (1 << doublings)).min(longest);
        let fraction = random.fraction();
        let drawn = LEAST_WAIT + bound.mul_f64(fraction);
        let demanded = self.demanded().unwrap_or_default();
        let jitter = demanded.mul_f64(DEMAND_JITTER).min(LONGEST_DEMAND_JITTER);
        drawn.max(demanded + jitter.mul_f64(fraction))
    }

    /// Returns what the failure tells of the provider's limits: whoever is told
    /// to wait has none left until then, and with it everyone of the same account.
    pub fn quota(&self) -> Option<Quota> {
        let reset_after = self.demanded().filter(|_| self.verdict == Verdict::Limited)?;
        Some(Quota { limit: None, remaining: 0, reset_after })
    }

    /// Returns how long the provider wants to be left alone. One that wants fewer
    /// requests but doesn't say for how long is taken to mean a minute.
    pub fn demanded(&self) -> Option<Duration> {
        let meant = (self.verdict == Verdict::Limited).then_some(LIMITED_BASE);
        self.stated().or(meant).map(|wait| wait.min(LONGEST_RETRY_AFTER))
    }

    /// Returns how long the provider said that it wants to be left alone.
    fn stated(&self) -> Option<Duration> {
        self.retry_after.filter(|wait| !wait.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SplitMix;

    fn failure(verdict: Verdict, retry_after: Option<u64>) -> Failure {
        let retry_after = retry_after.map(Duration::from_secs);
        Failure { verdict, retry_after, message: String::new() }
    }

    fn longest(verdict: Verdict, consecutive: u32) -> u64 {
        let mut random = SplitMix::new(3);
        let waits = (0..2_000)
            .map(|_| failure(verdict, None).wait(consecutive, LONGEST_WAIT, &mut random).as_secs());
        waits.max().unwrap()
    }

    #[test]
    fn waits_double_up_to_five_minutes() {
        let bounds: Vec<u64> = [1, 2, 3, 4, 8, 9, 1_000, u32::MAX]
            .iter()
            .map(|consecutive| longest(Verdict::Transient, *consecutive))
            .collect();
        assert_eq!(bounds, [2, 4, 8, 16, 256, 300, 300, 300]);
        assert_eq!(longest(Verdict::Limited, 1), 65);
    }

    #[test]
    fn waits_for_what_the_machine_lacks_do_not_grow() {
        let bounds = [1, 2, 100].map(|consecutive| longest(Verdict::Local, consecutive));
        assert_eq!(bounds, [10; 3]);
    }

    #[test]
    fn no_wait_is_shorter_than_a_second() {
        let mut random = SplitMix::new(5);
        for consecutive in 0..2_000 {
            let wait =
                failure(Verdict::Transient, Some(0)).wait(consecutive, LONGEST_WAIT, &mut random);
            assert!(wait >= LEAST_WAIT);
        }
    }

    #[test]
    fn who_is_told_to_wait_has_none_left_until_then() {
        let secs = |quota: Option<Quota>| quota.map(|q| (q.remaining, q.reset_after.as_secs()));
        assert_eq!(secs(failure(Verdict::Limited, Some(120)).quota()), Some((0, 120)));
        assert_eq!(secs(failure(Verdict::Limited, None).quota()), Some((0, 60)));
        assert_eq!(secs(failure(Verdict::Transient, Some(120)).quota()), None);
    }

    #[test]
    fn retry_after_wins_up_to_a_day() {
        let mut random = SplitMix::new(5);
        for (demanded, least, most) in [(120, 120, 132), (u64::MAX, 86_400, 86_430)] {
            for _ in 0..1_000 {
                let wait =
                    failure(Verdict::Transient, Some(demanded)).wait(1, LONGEST_WAIT, &mut random);
                assert!((least..=most).contains(&wait.as_secs()), "{wait:?}");
            }
        }
    }

    #[test]
    fn a_provider_that_wants_to_be_left_alone_for_seconds_is_asked_again_within_seconds() {
        let range = |consecutive| {
            let mut random = SplitMix::new(5);
            let waits = (0..2_000).map(|_| {
                failure(Verdict::Limited, Some(3)).wait(consecutive, LONGEST_WAIT, &mut random)
            });
            let waits: Vec<u64> = waits.map(|wait| wait.as_secs()).collect();
            (waits.iter().min().copied().unwrap(), waits.iter().max().copied().unwrap())
        };
        assert_eq!(range(1), (3, 3));
        // Who goes on failing asks less and less, as after any failure.
        assert_eq!(range(4), (3, 16));
        assert_eq!(range(9), (3, 300));
    }

    /// Draws the same each time.
    struct Always(u8);

    impl Random for Always {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    fn verdict() -> impl Strategy<Value = Verdict> {
        use Verdict::{Denied, Limited, Local, Transient};
        prop::sample::select(&[Limited, Denied, Transient, Local][..])
    }

    proptest! {
        #[test]
        fn waits_are_within_their_bounds_whatever_failed_and_however_often(
            verdict in verdict(),
            demanded in proptest::option::of(prop_oneof![0..200_000_u64, any::<u64>()]),
            consecutive in prop_oneof![0..20_u32, any::<u32>()],
            longest in prop_oneof![0..600_u64, 0..u64::from(u32::MAX)],
            seed: u64,
        ) {
            let failure = failure(verdict, demanded);
            let longest = Duration::from_secs(longest);
            let wait = failure.wait(consecutive, longest, &mut SplitMix::new(seed));
            // Added up instead of multiplied.
            let is_vague = verdict == Verdict::Limited && matches!(demanded, None | Some(0));
            let is_local = verdict == Verdict::Local;
            let base = if is_local { LOCAL_BASE } else { TRANSIENT_BASE };
            let mut bound = if is_vague { LIMITED_BASE } else { base };
            for _ in 1..if is_local { 1 } else { consecutive.min(17) } {
                bound += bound;
            }
            let own = LEAST_WAIT + bound.min(longest);
            let said = match (demanded, verdict) {
                (Some(secs @ 1..), _) => Duration::from_secs(secs.min(24 * 3_600)),
                (_, Verdict::Limited) => Duration::from_secs(60),
                _ => Duration::ZERO,
            };
            prop_assert!(wait >= LEAST_WAIT.max(said), "{wait:?}");
            prop_assert!(wait <= own.max(said + (said / 10).min(LONGEST_DEMAND_JITTER)), "{wait:?}");
        }

        #[test]
        fn one_more_failure_makes_no_wait_shorter(
            verdict in verdict(),
            consecutive in prop_oneof![0..20_u32, 0..u32::MAX],
            longest in 0..600_u64,
            drawn: u8,
        ) {
            let wait = |consecutive| {
                let longest = Duration::from_secs(longest);
                failure(verdict, None).wait(consecutive, longest, &mut Always(drawn))
            };
            prop_assert!(wait(consecutive) <= wait(consecutive + 1));
        }
    }

    #[test]
    fn a_million_failures_in_a_row_are_waited_for_like_the_tenth() {
        let (mut random, mut waited) = (SplitMix::new(7), Duration::ZERO);
        for consecutive in 1..=1_000_000 {
            waited +=
                failure(Verdict::Transient, None).wait(consecutive, LONGEST_WAIT, &mut random);
        }
        // Full jitter: half of the longest, on average, and a second.
        let average = waited.as_secs_f64() / 1e6;
        assert!((150.0..152.0).contains(&average), "{average}");
    }
}
