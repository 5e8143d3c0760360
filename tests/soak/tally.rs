//! What callers and operators got.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokend_client::{ExposeSecret as _, Token};

use crate::{
    Stage,
    credentials::{life, name, site},
    provider,
};

/// The kind of callers who ask the daemon for what they don't hold only.
pub(crate) const HOLDING: &str = "holding";

/// How many unexpected errors are told in full.
pub(crate) const TOLD: usize = 20;

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

/// The numbers.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// How many tokens callers of each kind were given.
    pub(crate) answered: BTreeMap<&'static str, u64>,
    /// How many calls failed while a provider did, or shortly after, by reason.
    pub(crate) excused: BTreeMap<String, u64>,
    /// How many calls failed else.
    pub(crate) unexpected: u64,
    /// The first of them.
    pub(crate) told: Vec<String>,
    /// How many tokens had ended when they were asked for.
    pub(crate) ended: u64,
    /// How many tokens were another credential's, or no one's.
    pub(crate) strange: u64,
    /// How many calls of operators were answered, by kind.
    pub(crate) operated: BTreeMap<&'static str, u64>,
    /// How often a credential's token was asked for by a caller or an operator.
    pub(crate) wishes: BTreeMap<String, u64>,
    /// The longest that a call for a token took.
    pub(crate) longest: Duration,
    window: Window,
}

/// What came since the last sample.
#[derive(Debug, Default)]
pub(crate) struct Window {
    pub(crate) answered: u64,
    pub(crate) failed: u64,
    /// How long calls took that the daemon answered.
    pub(crate) latencies: Vec<Duration>,
    /// The oldest token that was served, as a share of its life.
    pub(crate) oldest: f64,
}

impl Tally {
    pub(crate) fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap()
    }

    /// Returns what came since this was called last.
    pub(crate) fn window(&self) -> Window {
        std::mem::take(&mut self.counts().window)
    }
}

impl Stage {
    /// Notes a token that came to a caller who had asked for it.
    pub(crate) fn served(&self, kind: &'static str, number: usize, value: &str, asked: Duration) {
        let mut counts = self.tally.counts();
        *counts.answered.entry(kind).or_default() += 1;
        counts.window.answered += 1;
        let Some((of, end)) = provider::read(value).filter(|(of, _)| *of == name(number)) else {
            counts.strange += 1;
            return;
        };
        if end <= asked {
            counts.ended += 1;
            counts.told.push(format!("{kind}: {of} had ended {:?} ago", asked.saturating_sub(end)));
        }
        let left = end.saturating_sub(asked).as_secs_f64() / life(number).as_secs_f64();
        counts.window.oldest = counts.window.oldest.max(1.0 - left);
    }

    /// Notes how a call ended that the daemon answered.
    pub(crate) fn asked(
        &self,
        kind: &'static str,
        number: usize,
        asked: Duration,
        answer: Result<&Token, &tokend_client::Error>,
    ) {
        let took = self.clock.now().saturating_sub(asked);
        match answer {
            Ok(token) => {
                self.served(kind, number, token.value().expose_secret(), asked);
                let mut counts = self.tally.counts();
                counts.longest = counts.longest.max(took);
                // Those who hold tokens mostly answer themselves.
                if kind != HOLDING {
                    counts.window.latencies.push(took);
                }
            }
            Err(error) => {
                let reason = error.reason().unwrap_or("no reason").to_owned();
                self.failed(kind, number, asked, reason, error);
            }
        }
    }

    /// Notes a call that failed.
    pub(crate) fn failed(
        &self,
        kind: &'static str,
        number: usize,
        asked: Duration,
        reason: String,
        error: impl std::fmt::Display,
    ) {
        let now = self.clock.now();
        let is_excused = self.plan.excuses(site(number), asked, now);
        let mut counts = self.tally.counts();
        counts.window.failed += 1;
        if is_excused {
            *counts.excused.entry(reason).or_default() += 1;
            return;
        }
        counts.unexpected += 1;
        if counts.told.len() < TOLD {
            let told = format!("{kind}: {} from {asked:.1?} to {now:.1?}: {error}", name(number));
            counts.told.push(told);
        }
    }

    /// Notes that someone has had a token replaced.
    pub(crate) fn wished(&self, number: usize) {
        *self.tally.counts().wishes.entry(name(number)).or_default() += 1;
    }

    /// Notes how an operator's call ended.
    pub(crate) fn operated<E: std::fmt::Display>(
        &self,
        kind: &'static str,
        answer: &Result<(), E>,
    ) {
        let now = self.clock.now();
        let mut counts = self.tally.counts();
        match answer {
            Ok(()) => *counts.operated.entry(kind).or_default() += 1,
            Err(error) => {
                counts.unexpected += 1;
                counts.told.push(format!("{kind} at {now:.1?}: {error}"));
            }
        }
    }
}
