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
    /// How many there were, without a day between them.
    pub count: u32,
    /// How many of them led to an issuance.
    pub heard: u32,
    /// When the last one came.
    pub last_at: BootTime,
    /// When the last one that was heard would have come, if those that are heard came
    /// no faster than they may all along (the generic cell rate algorithm, ITU-T I.371).
    due_at: BootTime,
}

/// So many reports of a user are heard however fast they come ..
pub(super) const BURST: u32 = 4;

/// .. and then one in this time, or in the time between refreshes that the limits allow
/// if that is longer: who reports every token costs little, and one whose tokens are
/// refused now and then is always heard ..
pub(super) const INTERVAL: Duration = Duration::from_secs(3_600);

/// .. in this time at least.
pub(super) const LONGEST_INTERVAL: Duration = Duration::from_secs(6 * 3_600);

/// Reports this far apart have nothing to do with each other.
const ROW: Duration = Duration::from_secs(24 * 3_600);

/// A token that replaced a refused one is new for this long. If it is refused as
/// well, the next one would be, too.
const NEW: Duration = Duration::from_secs(60);

/// The reports of so many users are kept; of more, those who reported last.
pub(super) const USERS: usize = 32;

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
    fn note(&mut self, caller: Caller, interval: Duration, now: BootTime) -> Option<Ruling> {
        if self.by.len() >= USERS && !self.by.contains_key(&caller) {
            let quietest = self.by.iter().min_by_key(|(_, reports)| reports.last_at);
            if let Some(caller) = quietest.map(|(caller, _)| *caller) {
                self.by.remove(&caller);
            }
        }
        let none = Reports { count: 0, heard: 0, last_at: now, due_at: now };
        let reports = self.by.entry(caller).or_insert(none);
        if reports.last_at.until(now) >= ROW {
            *reports = none;
        }
        reports.count = reports.count.saturating_add(1);
        reports.last_at = now;
        let ahead = now.until(reports.due_at);
        let retry_after = ahead.saturating_sub(interval * (BURST - 1));
        if self.replaced_at.is_some_and(|at| at.until(now) < NEW) {
            Some(Ruling::NotATokenProblem)
        } else if retry_after.is_zero() {
            None
        } else {
            Some(Ruling::Suppressed { retry_after })
        }
    }

    fn heard(&mut self, caller: Caller, interval: Duration, now: BootTime) {
        if let Some(reports) = self.by.get_mut(&caller) {
            reports.heard = reports.heard.saturating_add(1);
            reports.due_at = reports.due_at.max(now).after(interval);
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
        if self.report_awaits_rotation(waiter, turn) {
            return;
        }
        let pace = self.allowance.pace.unwrap_or_default();
        let interval = pace.clamp(INTERVAL, LONGEST_INTERVAL);
        let own = self.rejections.note(caller, interval, now);
        // A report that was heard already waits for its token like any other.
        let own = own.filter(|_| !self.is_refused());
        let ruling = match (own, self.objection(turn)) {
            (
                Some(Ruling::Suppressed { retry_after: own }),
                Some(Ruling::Suppressed { retry_after }),
            ) => Some(Ruling::Suppressed { retry_after: retry_after.max(own) }),
            (Some(Ruling::Suppressed { .. }), Some(dead)) => Some(dead),
            (own, other) => own.or(other),
        };
        if let Some(ruling) = ruling {
            turn.effects.push(Effect::Rule { waiter, ruling });
            return;
        }
        if !self.is_refused() {
            self.rejections.heard(caller, interval, now);
            self.refused = Some(token_id);
        }
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
            // One that is there but for the write must not be lost for another.
            Activity::Refused | Activity::Unsaved { .. } => Some(self.ruling(turn)),
            Activity::Waiting { retry_at } if retry_at > turn.now.boot => Some(self.ruling(turn)),
            _ => None,
        }
    }

    /// Returns what reporters are told when no token came.
    pub(super) fn ruling(&self, turn: &Turn<'_, P>) -> Ruling {
        match self.refusal(turn.now) {
            Refusal::BudgetExhausted { retry_after }
            | Refusal::TooSoon { retry_after }
            | Refusal::Unavailable { retry_after, .. }
            | Refusal::Local { retry_after, .. }
            | Refusal::Store { retry_after, .. } => Ruling::Suppressed { retry_after },
            dead => Ruling::CredentialDead { message: dead.to_string() },
        }
    }
}
