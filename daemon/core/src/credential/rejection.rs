//! Reports of callers that an API refused a token.

use std::{collections::BTreeMap, time::Duration};

use super::{Activity, Cause, Credential, Effect, Turn, WaiterId};
use crate::{BootTime, Origin, Refusal, TokenId};

/// Whom a caller runs as: the number of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Caller(pub u32);

/// A caller's report that an API refused a token.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    /// Who waits for the ruling.
    pub waiter: WaiterId,
    /// The token that was refused.
    pub token_id: TokenId,
    /// Who reports it.
    pub caller: Caller,
}

/// What a report came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// Another token has taken that one's place already.
    Superseded,
    /// A new token has been issued.
    Refreshed,
    /// No new token for now; the one that is held is still served.
    Suppressed {
        /// When a report can be heard again.
        retry_after: Duration,
    },
    /// A new token was refused as well, or would be the same: it isn't the token
    /// that is wrong.
    NotATokenProblem,
    /// No issuance can bring another token; a person has to act.
    CredentialDead {
        /// Why, for people.
        message: String,
    },
}

/// The reports of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reports {
    /// How many there were since the first one of this row.
    pub count: u32,
    /// How many of them led to an issuance.
    pub heard: u32,
    /// When the last one came.
    pub last_at: BootTime,
    heard_at: BootTime,
}

/// How long a user isn't heard after a first report. Each further one makes it
/// four times as long ..
const FIRST_PAUSE: Duration = Duration::from_secs(60);

/// .. up to this: someone who reports every token costs a handful a day.
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 3_600);

/// Reports this far apart have nothing to do with each other.
const ROW: Duration = Duration::from_secs(24 * 3_600);

/// A token that replaced a refused one is new for this long. If it is refused as
/// well, the next one would be, too.
const NEW: Duration = Duration::from_secs(60);

/// The reports of so many users are kept; of more, those who reported last.
const USERS: usize = 32;

/// Who has reported tokens of a credential.
#[derive(Debug, Default)]
pub(super) struct Rejections {
    by: BTreeMap<Caller, Reports>,
    /// When a token was last issued because of a report.
    replaced_at: Option<BootTime>,
}

impl Rejections {
    /// Returns who has reported, and how often.
    pub(super) fn reports(&self) -> impl Iterator<Item = (Caller, Reports)> {
        self.by.iter().map(|(caller, reports)| (*caller, *reports))
    }

    /// Notes that a report has led to another token.
    pub(super) fn replaced(&mut self, now: BootTime) {
        self.replaced_at = Some(now);
    }

    /// Notes a report, and tells what speaks against hearing it.
    fn note(&mut self, caller: Caller, now: BootTime) -> Option<Ruling> {
        if self.by.len() >= USERS && !self.by.contains_key(&caller) {
            let quietest = self.by.iter().min_by_key(|(_, reports)| reports.last_at);
            if let Some(caller) = quietest.map(|(caller, _)| *caller) {
                self.by.remove(&caller);
            }
        }
        let none = Reports { count: 0, heard: 0, last_at: now, heard_at: now };
        let reports = self.by.entry(caller).or_insert(none);
        if reports.heard_at.until(now) >= ROW {
            *reports = none;
        }
        reports.count = reports.count.saturating_add(1);
        reports.last_at = now;
        let pause = reports.heard.checked_sub(1).map_or(Duration::ZERO, |repeated| {
            FIRST_PAUSE.saturating_mul(4_u32.saturating_pow(repeated)).min(LONGEST_PAUSE)
        });
        let retry_after = pause.saturating_sub(reports.heard_at.until(now));
        if self.replaced_at.is_some_and(|at| at.until(now) < NEW) {
            Some(Ruling::NotATokenProblem)
        } else if retry_after.is_zero() {
            None
        } else {
            Some(Ruling::Suppressed { retry_after })
        }
    }

    fn heard(&mut self, caller: Caller, now: BootTime) {
        if let Some(reports) = self.by.get_mut(&caller) {
            reports.heard = reports.heard.saturating_add(1);
            reports.heard_at = now;
        }
    }
}

impl<P: Clone> Credential<P> {
    /// Rules on a report: only one about the token that is held can cost an
    /// issuance.
    pub(super) fn reported(&mut self, report: Report, turn: &mut Turn<'_, P>) {
        let Report { waiter, token_id, caller } = report;
        let now = turn.now.boot;
        if self.token.as_ref().is_none_or(|token| token.id != token_id) {
            turn.effects.push(Effect::Rule { waiter, ruling: Ruling::Superseded });
            return;
        }
        if let Activity::Issuing { reporters, .. } = &mut self.activity {
            reporters.push(waiter);
            return;
        }
        let ruling = self.rejections.note(caller, now).or_else(|| self.objection(turn));
        if let Some(ruling) = ruling {
            turn.effects.push(Effect::Rule { waiter, ruling });
            return;
        }
        self.rejections.heard(caller, now);
        self.start(Cause::Rejected, Vec::new(), turn);
        if let Activity::Issuing { reporters, .. } = &mut self.activity {
            reporters.push(waiter);
        }
    }

    /// Returns what keeps a report from being heard, whoever makes it.
    fn objection(&self, turn: &Turn<'_, P>) -> Option<Ruling> {
        if self.terms.origin == Origin::Static {
            let message = "the stored secret is the token itself; make a new one at the provider";
            return Some(Ruling::CredentialDead { message: message.to_owned() });
        }
        match self.activity {
            Activity::Refused => Some(self.ruling(turn)),
            Activity::Waiting { retry_at } | Activity::Unsaved { retry_at, .. }
                if retry_at > turn.now.boot =>
            {
                Some(self.ruling(turn))
            }
            _ => None,
        }
    }

    /// Returns what reporters are told when no token came.
    pub(super) fn ruling(&self, turn: &Turn<'_, P>) -> Ruling {
        match self.refusal(turn.now) {
            Refusal::BudgetExhausted { retry_after }
            | Refusal::Unavailable { retry_after, .. }
            | Refusal::Store { retry_after, .. } => Ruling::Suppressed { retry_after },
            dead => Ruling::CredentialDead { message: dead.to_string() },
        }
    }
}
