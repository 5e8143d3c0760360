//! Secrets that end: warnings ahead and afterwards.

use std::time::Duration;

use jiff::Timestamp;
use tokend_core::Random;
use tracing::warn;

use super::Engine;
use crate::{
    credential::Credential,
    ports::{Clock, Issuer, Store},
};

/// How near the end of a secret is. The log tells once of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Stage {
    /// Within 30 days: someone has to be asked for another.
    Month,
    /// Within 7 days.
    Week,
    /// Within a day.
    Day,
    /// It has ended.
    Over,
}

const DAY: u64 = 24 * 3_600;

/// No stage is told of later than this.
const LOOK: Duration = Duration::from_secs(60);

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Tells the log of secrets whose end has come nearer.
    pub(in super::super) fn warn_of_ends(&mut self) {
        let now = self.clock.now();
        if self.warned_at.is_some_and(|at| at.until(now.boot) < LOOK) {
            return;
        }
        self.warned_at = Some(now.boot);
        for (name, entry) in &mut self.entries {
            for (input, end) in &entry.credential.supply.expire_times {
                let Some(stage) = stage(*end, now.wall) else {
                    entry.notes.warned.remove(input);
                    continue;
                };
                if entry.notes.warned.insert(input.clone(), stage) != Some(stage)
                    && let Some(warning) = warning(&entry.credential, input, now.wall)
                {
                    warn!(credential = %name, "{warning}");
                }
            }
        }
    }
}

/// Returns what there is to say of the end of a secret, if it is near.
pub(super) fn warning(credential: &Credential, input: &str, now: Timestamp) -> Option<String> {
    let end = *credential.supply.expire_times.get(input)?;
    let days = left(end, now).as_secs() / DAY;
    let when = match stage(end, now)? {
        Stage::Month | Stage::Week => format!("ends in {days} days"),
        Stage::Day => "ends within a day".to_owned(),
        Stage::Over => "has ended".to_owned(),
    };
    let name = &credential.name;
    let remedy = match credential.supply.sources.get(input) {
        Some(source) => format!("put another into {source}"),
        None => format!("`tokend-cli set-secret {name} {input}` takes another"),
    };
    Some(format!("the {input} of {name} {when} ({end:.0}); {remedy}"))
}

fn left(end: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(now)).unwrap_or_default()
}

fn stage(end: Timestamp, now: Timestamp) -> Option<Stage> {
    match left(end, now).as_secs() {
        0 => Some(Stage::Over),
        1..=DAY => Some(Stage::Day),
        left if left <= 7 * DAY => Some(Stage::Week),
        left if left <= 30 * DAY => Some(Stage::Month),
        _ => None,
    }
}
