//! Callers who may have the token replaced, whatever is held.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Activity, Caller, Cause, Credential, Turn, Waiter, WaiterId,
    rejection::{BURST, INTERVAL, LONGEST_INTERVAL, USERS},
    request::refusals,
};
use crate::{BootTime, Refusal};

/// A caller's wish for another token.
#[derive(Debug, Clone, Copy)]
pub struct Want {
    /// Who waits for it.
    pub waiter: WaiterId,
    /// Who wants it.
    pub caller: Caller,
}

/// Who has wanted another token: when the last wish that was heard would have come, if those that
/// are heard came no faster than they may all along (the generic cell rate algorithm, ITU-T
/// I.371).
#[derive(Debug, Default)]
pub(super) struct Wants(BTreeMap<Caller, BootTime>);

impl Wants {
    /// Returns how long a user isn't heard.
    fn wait(&self, caller: Caller, interval: Duration, now: BootTime) -> Duration {
        let ahead = self.0.get(&caller).map(|due_at| now.until(*due_at)).unwrap_or_default();
        ahead.saturating_sub(interval * (BURST - 1))
    }

    fn heard(&mut self, caller: Caller, interval: Duration, now: BootTime) {
        if self.0.len() >= USERS && !self.0.contains_key(&caller) {
            let first = self.0.iter().min_by_key(|(_, due_at)| **due_at);
            if let Some(caller) = first.map(|(caller, _)| *caller) {
                self.0.remove(&caller);
            }
        }
        let due_at = self.0.entry(caller).or_insert(now);
        *due_at = (*due_at).max(now).after(interval);
    }
}

impl<P: Clone> Credential<P> {
    /// Asks for another token, as fast as reports are heard. Unlike an operator's wish it ends no
    /// wait and mends nothing.
    pub(super) fn wanted(&mut self, want: Want, turn: &mut Turn<'_, P>) {
        let Want { waiter: id, caller } = want;
        let waiter = Waiter { id, min_ttl: Some(Duration::ZERO) };
        let now = turn.now.boot;
        if let Activity::Issuing { waiters, .. } = &mut self.activity {
            waiters.push(waiter);
            return;
        }
        if self.awaits_rotation(waiter, turn) {
            return;
        }
        let stands = match &self.activity {
            // One that is there but for the write must not be lost for another.
            Activity::Refused | Activity::Unsaved { .. } => true,
            Activity::Waiting { retry_at } => *retry_at > now,
            Activity::Resting(_) | Activity::Issuing { .. } => false,
        };
        if stands {
            self.turn_away(vec![waiter], turn);
            return;
        }
        let pace = self.allowance.pace.unwrap_or_default();
        let interval = pace.clamp(INTERVAL, LONGEST_INTERVAL);
        let retry_after = self.wants.wait(caller, interval, now);
        if !retry_after.is_zero() {
            turn.effects.extend(refusals([waiter], &Refusal::TooSoon { retry_after }));
            return;
        }
        self.wants.heard(caller, interval, now);
        self.start(Cause::Wanted, vec![waiter], turn);
    }
}
