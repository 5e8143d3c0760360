//! Counts what happens.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokend_core::{Cause, Ruling, Verdict};

use crate::ports::{Event, Happening, Listener};

/// The upper ends of the ranges in which issuances are counted by how long they took, in
/// seconds: an issuance is given up after half a minute.
pub(super) const BOUNDS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// How many providers are told apart; what more there are counts as `other`.
const MOST_PROVIDERS: usize = 200;

/// What has happened since the start.
#[derive(Debug, Default)]
pub struct Counters(Mutex<Counts>);

/// How often what happened.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Counts {
    /// By provider, cause and outcome.
    pub(super) issuances: BTreeMap<(String, &'static str, &'static str), u64>,
    /// How long they took, by provider.
    pub(super) latencies: BTreeMap<String, Spread>,
    /// By ruling.
    pub(super) rejections: BTreeMap<&'static str, u64>,
    /// By outcome.
    pub(super) revocations: BTreeMap<&'static str, u64>,
    /// By whether anyone had asked for the token.
    pub(super) expiries: BTreeMap<&'static str, u64>,
    pub(super) limited: u64,
    pub(super) submissions: u64,
    pub(super) is_store_failing: bool,
    /// When the configuration was read again last, and whether the daemon goes by it.
    pub(super) last_reload: Option<(Timestamp, bool)>,
}

/// How many there were in each range, and how much they were in all.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Spread {
    pub(super) counts: [u64; BOUNDS.len() + 1],
    pub(super) sum: f64,
}

impl Counters {
    pub(super) fn counts(&self) -> Counts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // It holds counts only, which are whole at any point.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Counters {
    fn hear(&self, event: &Event) {
        let provider = event.subject.as_ref().map_or("", |subject| &subject.provider);
        let mut counts = self.lock();
        match &event.what {
            Happening::Issued { cause, took, .. } => {
                counts.issuance(provider, *cause, "issued", *took);
            }
            Happening::Failed { cause, verdict, took, .. } => {
                let outcome = match verdict {
                    Verdict::Limited => "limited",
                    Verdict::Denied => "denied",
                    Verdict::Transient => "transient",
                    Verdict::Local => "local",
                };
                counts.issuance(provider, *cause, outcome, *took);
            }
            Happening::Limited { .. } => counts.limited += 1,
            Happening::Rejected { ruling, .. } => {
                *counts.rejections.entry(self::ruling(ruling)).or_default() += 1;
            }
            Happening::Submitted { .. } => counts.submissions += 1,
            Happening::Expired { used, .. } => {
                let used = if *used { "yes" } else { "no" };
                *counts.expiries.entry(used).or_default() += 1;
            }
            Happening::Revoked { .. } => *counts.revocations.entry("revoked").or_default() += 1,
            Happening::RevocationFailed { retry_at, .. } => {
                let outcome = if retry_at.is_some() { "failed" } else { "given_up" };
                *counts.revocations.entry(outcome).or_default() += 1;
            }
            Happening::StoreFailed { .. } => counts.is_store_failing = true,
            Happening::StoreRecovered => counts.is_store_failing = false,
            Happening::Reloaded { .. } => counts.last_reload = Some((event.at, true)),
            Happening::ReloadFailed { .. } => counts.last_reload = Some((event.at, false)),
            Happening::Started { .. }
            | Happening::LoginNeeded { .. }
            | Happening::Changed(..)
            | Happening::Dropped(..)
            | Happening::Restored => {}
        }
    }
}

impl Counts {
    fn issuance(&mut self, provider: &str, cause: Cause, outcome: &'static str, took: Duration) {
        let is_known = self.latencies.contains_key(provider);
        let has_room = self.latencies.len() < MOST_PROVIDERS;
        let provider = if is_known || has_room { provider } else { "other" }.to_owned();
        self.latencies.entry(provider.clone()).or_default().add(took);
        *self.issuances.entry((provider, self::cause(cause), outcome)).or_default() += 1;
    }
}

impl Spread {
    fn add(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.counts[BOUNDS.partition_point(|bound| *bound < seconds)] += 1;
        self.sum += seconds;
    }
}

fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Absent => "absent",
        Cause::Aging => "aging",
        Cause::MinTtl => "min_ttl",
        Cause::Rejected => "rejected",
        Cause::Wanted => "wanted",
        Cause::Forced => "forced",
        Cause::Login => "login",
        Cause::KeepAlive => "keep_alive",
    }
}

fn ruling(ruling: &Ruling) -> &'static str {
    match ruling {
        Ruling::Superseded => "superseded",
        Ruling::Refreshed => "refreshed",
        Ruling::Suppressed { .. } => "suppressed",
        Ruling::NotATokenProblem => "not_a_token_problem",
        Ruling::CredentialDead { .. } => "credential_dead",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Subject;
    use tokend_core::{IssuanceId, TokenId};

    fn issued(provider: &str, millis: u64) -> Event {
        let issued = Happening::Issued {
            issuance: IssuanceId([0; 16]),
            cause: Cause::Aging,
            token_id: TokenId([0; 16]),
            took: Duration::from_millis(millis),
            expires_at: None,
        };
        let subject = Subject { name: "api".parse().unwrap(), provider: provider.into() };
        Event { at: Timestamp::UNIX_EPOCH, subject: Some(subject), what: issued }
    }

    #[test]
    fn issuances_are_counted_by_provider_and_by_the_range_that_they_took() {
        let counters = Counters::default();
        for millis in [10, 50, 51, 60_000] {
            counters.hear(&issued("demo", millis));
        }
        let counts = counters.counts();
        let key = ("demo".to_owned(), "aging", "issued");
        assert_eq!(counts.issuances, BTreeMap::from([(key, 4)]));
        let spread = &counts.latencies["demo"];
        assert_eq!((spread.counts[0], spread.counts[1], spread.counts[BOUNDS.len()]), (2, 1, 1));
    }

    #[test]
    fn the_last_reload_is_known_by_its_outcome_and_time() {
        let counters = Counters::default();
        assert_eq!(counters.counts().last_reload, None);
        let message = String::new();
        let failed = Happening::ReloadFailed { message: message.clone() };
        for (second, what, is_used) in
            [(1, failed, false), (2, Happening::Reloaded { message }, true)]
        {
            let at = Timestamp::from_second(second).unwrap();
            counters.hear(&Event { at, subject: None, what });
            assert_eq!(counters.counts().last_reload, Some((at, is_used)));
        }
    }

    #[test]
    fn so_many_providers_are_told_apart() {
        let counters = Counters::default();
        for number in 0..2 * MOST_PROVIDERS {
            counters.hear(&issued(&format!("p{number}"), 1));
        }
        let counts = counters.counts();
        assert_eq!(counts.latencies.len(), MOST_PROVIDERS + 1);
        let others = &counts.issuances[&("other".to_owned(), "aging", "issued")];
        assert_eq!(*others, MOST_PROVIDERS as u64);
    }
}
