//! A look at a credential, for operators.

use std::{collections::BTreeMap, ops::Bound, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokend_core::{
    Caller, Moment, Name, Origin, Random, Reports, Setback, State, Token, after, before,
};

use super::{Engine, Error};
use crate::{
    credential::{Credential, Grant, Place},
    ports::{Clock, Issuer, Store},
};

/// How a credential was at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// What is stored of it.
    pub credential: Arc<Credential>,
    /// What it is doing.
    pub state: State,
    /// The token that it holds, expired or not.
    pub token: Option<Arc<Token<Grant>>>,
    /// Whether that token has expired.
    pub expired: bool,
    /// What went wrong last and when, until a success.
    pub setback: Option<(Setback, Timestamp)>,
    /// How many issuances have failed in a row.
    pub consecutive_failures: u32,
    /// When the next attempt is due, if it waits for one.
    pub retry_at: Option<Timestamp>,
    /// When a caller last asked for a token.
    pub last_use: Option<Timestamp>,
    /// Who has reported that an API refused a token.
    pub reports: Vec<Reported>,
    /// What brings what a login leaves behind, if nothing else helps.
    pub login_command: Option<String>,
    /// What is wrong with its secrets, by their names.
    pub secret_problems: BTreeMap<String, Vec<String>>,
    /// Whether its token is one of its secrets.
    pub is_static: bool,
    /// Where it is declared, if it is.
    pub declared: Option<Place>,
    /// Whether its limits count as spent because nobody knows what is used of them.
    pub is_budget_unknown: bool,
}

/// One user's reports that an API refused a token.
#[derive(Debug, Clone, Copy)]
pub struct Reported {
    /// Who.
    pub caller: Caller,
    /// How often.
    pub reports: Reports,
    /// When the last time.
    pub last_at: Timestamp,
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    pub(super) fn snapshot(&self, name: &Name) -> Result<Snapshot, Error> {
        let missing = || Error::NotFound(name.clone());
        let entry = self.entries.get(name).ok_or_else(missing)?;
        let now = self.clock.now();
        let view = self.keeper.view(name, now).ok_or_else(missing)?;
        Ok(Snapshot {
            credential: Arc::clone(&entry.credential),
            state: view.state,
            token: view.token.cloned(),
            expired: view.token.is_some_and(|token| token.is_expired(now)),
            setback: view.setback.map(|(setback, at)| (setback.clone(), at)),
            consecutive_failures: view.consecutive_failures,
            retry_at: view.retry_in.map(|wait: Duration| after(now.wall, wait)),
            last_use: entry.slot.last_use(),
            login_command: match view.setback {
                Some((Setback::LoginNeeded(_), _)) => Some(self.login_command(name)),
                _ => None,
            },
            reports: view.reports.into_iter().map(|report| reported(report, now)).collect(),
            secret_problems: self.secret_problems(entry),
            is_static: view.terms.origin == Origin::Static,
            declared: self.binding(&entry.credential),
            is_budget_unknown: entry.is_budget_unknown,
        })
    }

    pub(super) fn snapshots(&self, behind: Option<&Name>, limit: usize) -> Vec<Snapshot> {
        let start = behind.map_or(Bound::Unbounded, Bound::Excluded);
        self.entries
            .range::<Name, _>((start, Bound::Unbounded))
            .take(limit)
            .filter_map(|(name, _)| self.snapshot(name).ok())
            .collect()
    }
}

fn reported((caller, reports): (Caller, Reports), now: Moment) -> Reported {
    let last_at = before(now.wall, reports.last_at.until(now.boot));
    Reported { caller, reports, last_at }
}
