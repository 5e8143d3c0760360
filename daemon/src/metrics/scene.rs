//! How things are at one moment, as far as metrics tell of it.

use std::time::Duration;

use jiff::Timestamp;
use tokend_core::{Bound, Setback, State, Usage};

use super::{counters::Counts, process::Process};
use crate::{
    calls::Counted,
    crowds::Size,
    engine::{self, AccountBudget, Snapshot},
};

/// How things are at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Scene {
    /// Whether the daemon serves.
    pub(super) up: bool,
    pub(super) credentials: Vec<Credential>,
    /// How many credentials there are of which it doesn't tell.
    pub(super) omitted: usize,
    pub(super) limits: Vec<Limit>,
    /// How many issuances of each account there were in the last 24 hours.
    pub(super) last_day: Vec<(String, u32)>,
    pub(super) problems: usize,
    pub(super) revocations: usize,
    pub(super) watchers: usize,
    /// How many are at which socket.
    pub(super) crowds: Vec<(String, Size)>,
    pub(super) store_bytes: Option<u64>,
    pub(super) ledger_rows: Option<u64>,
    pub(super) calls: Counted,
    pub(super) counts: Counts,
    pub(super) process: Process,
}

/// How one credential is.
#[derive(Debug, Clone)]
pub(super) struct Credential {
    pub(super) name: String,
    pub(super) provider: String,
    pub(super) state: &'static str,
    pub(super) is_held: bool,
    pub(super) needs_login: bool,
    pub(super) failures: u32,
    /// In seconds; negative if it has ended.
    pub(super) expires_in: Option<f64>,
    /// In seconds.
    pub(super) refresh_in: Option<f64>,
    /// In seconds.
    pub(super) retry_in: Option<f64>,
}

/// How one limit is.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    pub(super) account: String,
    pub(super) bound: String,
    pub(super) count: Option<u32>,
    pub(super) used: u32,
    pub(super) remaining: u32,
    pub(super) reserved: u32,
    pub(super) frees_in: Option<Duration>,
}

/// All states, as their label has them.
pub(super) const STATES: [&str; 7] =
    ["empty", "issuing", "fresh", "refreshing", "backing_off", "limited", "refused"];

impl Credential {
    pub(super) fn of(snapshot: &Snapshot, now: Timestamp) -> Self {
        let until = |at: Timestamp| at.duration_since(now).as_secs_f64();
        let token = snapshot.token.as_ref();
        Self {
            name: snapshot.credential.name.to_string(),
            provider: snapshot.credential.provider.clone(),
            state: state(snapshot.state),
            is_held: token.is_some() && !snapshot.expired,
            needs_login: matches!(snapshot.setback, Some((Setback::LoginNeeded(_), _))),
            failures: snapshot.consecutive_failures,
            expires_in: token.and_then(|token| token.expires_at).map(until),
            refresh_in: token.and_then(|token| token.refresh_at).map(until),
            retry_in: snapshot.retry_at.map(until),
        }
    }
}

impl Limit {
    pub(super) fn all_of(budget: &AccountBudget) -> impl Iterator<Item = Self> {
        budget.usages.iter().map(|usage| Self::of(&budget.account, usage))
    }

    fn of(account: &str, usage: &Usage) -> Self {
        let Usage { bound, used, limit, remaining, reserved, frees_in, unknown, .. } = usage;
        let count = limit.map(std::num::NonZero::get);
        Self {
            account: account.to_owned(),
            bound: match bound {
                Bound::Stated(limit) => engine::limit_text(limit),
                Bound::Told(_) => "told".to_owned(),
            },
            count,
            used: if *unknown { count.unwrap_or(*used) } else { *used },
            remaining: *remaining,
            reserved: *reserved,
            frees_in: *frees_in,
        }
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::Empty => "empty",
        State::Issuing => "issuing",
        State::Fresh => "fresh",
        State::Refreshing => "refreshing",
        State::BackingOff => "backing_off",
        State::Limited => "limited",
        State::Refused => "refused",
    }
}
