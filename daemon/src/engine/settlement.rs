//! How issuances ended, on its way to the ledger, however long that takes.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use tokend_core::{
    BootTime, Failure, Fate, IssuanceId, Name, Quota, Random, Receipt, Stamp, StoreFailure,
};
use tokend_provider::Outcome;
use tracing::{debug, warn};

use super::{Engine, change::Pending, dance, effect::LOUD_FAILURES};
use crate::{
    credential::CredentialId,
    ports::{Clock, Issuance, Issuer, Settled, Store, Ticket, Write},
};

/// So many wait at most: the store writes them in one go. Of more the oldest stay unsettled, and
/// count against their limits as what nobody has heard of does.
const MOST: usize = 256;

/// What an answer told, and when.
#[derive(Debug)]
pub(super) struct Told {
    issuance: IssuanceId,
    at: Stamp,
    quotas: Vec<Quota>,
}

/// What the store is to write of the ends of issuances, in the order in which they ended.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    /// What is being written.
    submitted: BTreeMap<Ticket, Write>,
    /// What couldn't be written.
    waiting: VecDeque<Write>,
    /// How often in a row that failed.
    failures: u32,
    retry_at: Option<BootTime>,
}

impl Unsettled {
    /// Returns how long nothing is to be written again.
    pub(super) fn idle(&self, now: BootTime) -> Option<Duration> {
        self.retry_at.map(|at| now.until(at))
    }
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Returns how an issuance is settled: as of when its answer came, whenever that is written.
    pub(super) fn settled(
        &self,
        name: &Name,
        issuance: IssuanceId,
        receipt: Receipt,
        quota: Option<Quota>,
    ) -> Settled {
        let told = self.told.get(name).filter(|told| told.issuance == issuance);
        let at = told.map_or_else(|| self.clock.stamp(), |told| told.at);
        let quotas = told.map(|told| told.quotas.clone()).unwrap_or_default();
        let quotas = quotas.into_iter().chain(quota).collect();
        let Receipt { date, took, free, renewed } = receipt;
        Settled { at: Stamp { date, ..at }, took, quotas, free, renewed }
    }

    /// Notes that the answer of an issuance has come, and what it told of limits.
    pub(super) fn note_told(
        &mut self,
        name: &Name,
        issuance: IssuanceId,
        quotas: &[tokend_provider::Quota],
    ) {
        if self.entries.contains_key(name) {
            let (at, quotas) = (self.clock.stamp(), dance::quotas(quotas));
            self.told.insert(name.clone(), Told { issuance, at, quotas });
        }
    }

    /// Forgets it: it is on its way to the disk.
    pub(super) fn forget_told(&mut self, name: &Name, issuance: IssuanceId) {
        if self.told.get(name).is_some_and(|told| told.issuance == issuance) {
            self.told.remove(name);
        }
    }

    /// Tells whether what has ended was asked for by a credential that was removed meanwhile.
    pub(super) fn is_for_no_one(&self, ended: &Issuance) -> bool {
        let credential = self.sent.credential(ended.issuance);
        credential.is_some_and(|credential| !self.is_there(&ended.name, credential))
    }

    /// Tells whether this credential is still the one of its name.
    pub(super) fn is_there(&self, name: &Name, credential: CredentialId) -> bool {
        self.entries.get(name).is_some_and(|entry| entry.credential.id == credential)
    }

    /// Settles an issuance of which nobody wants to know any more: others count what it was.
    pub(super) fn settle_for_no_one(&mut self, ended: Issuance) {
        let Issuance { issuance, took, fate, outcome, .. } = ended;
        let now = self.settled_now();
        let settled = |date, quotas: &[tokend_provider::Quota]| {
            let (at, quotas) = (Stamp { date, ..now.at }, dance::quotas(quotas));
            Settled { at, took, quotas, ..now }
        };
        match outcome {
            Outcome::Issued(issued) => {
                self.settle_thrown_away(issuance, settled(issued.date, &issued.quotas));
            }
            Outcome::KeptAlive { date } => self.settle_thrown_away(issuance, settled(date, &[])),
            Outcome::Failed(failed) => {
                let mut settled = settled(failed.date, &failed.quotas);
                let failure = dance::failure(failed, now.at.moment.wall);
                settled.quotas.extend(failure.quota());
                let write = Write::Failure { issuance, fate, spent: false, failure, settled };
                self.submit(Pending::Settlement { issuance }, write);
            }
            Outcome::Revoked | Outcome::Told(_) => {}
        }
    }

    /// Settles an issuance whose token nobody is there for.
    pub(super) fn settle_thrown_away(&mut self, issuance: IssuanceId, settled: Settled) {
        let failure = Failure::transient("the credential was removed meanwhile".to_owned());
        let fate = Fate::Answered;
        let write = Write::Failure { issuance, fate, spent: false, failure, settled };
        self.submit(Pending::Settlement { issuance }, write);
    }

    pub(super) fn submit(&mut self, pending: Pending, write: Write) {
        // What the ledger is to hold next builds on what it lacks.
        if matches!(write, Write::Reserve(_) | Write::Token { .. } | Write::Failure { .. }) {
            self.settle_waiting();
        }
        let ticket = Ticket(self.number());
        if matches!(pending, Pending::Settlement { .. }) {
            self.unsettled.submitted.insert(ticket, write.clone());
        }
        self.writing.insert(ticket, pending);
        self.store.submit(ticket, write);
    }

    /// Writes all that couldn't be written before.
    pub(super) fn settle_waiting(&mut self) {
        self.unsettled.retry_at = None;
        for write in std::mem::take(&mut self.unsettled.waiting) {
            if let Write::Failure { issuance, .. } = write {
                self.submit(Pending::Settlement { issuance }, write);
            }
        }
    }

    /// Does so if it is time.
    pub(super) fn settle_overdue(&mut self) {
        let now = self.clock.now().boot;
        if self.unsettled.retry_at.is_some_and(|at| at <= now) {
            self.settle_waiting();
        }
    }

    /// An end has been written, or not. It is written later then: until it is, the issuance
    /// counts, and others of the account don't know what the provider told.
    pub(super) fn settlement_written(
        &mut self,
        ticket: Ticket,
        issuance: IssuanceId,
        result: Result<(), StoreFailure>,
    ) {
        let Some(write) = self.unsettled.submitted.remove(&ticket) else { return };
        let Err(failure) = result else {
            if self.unsettled.waiting.is_empty() {
                self.unsettled.failures = 0;
            }
            return;
        };
        if self.unsettled.failures < LOUD_FAILURES {
            warn!(%issuance, "failed issuance not settled yet: {}", failure.message);
        } else {
            debug!(%issuance, "failed issuance not settled yet: {}", failure.message);
        }
        self.unsettled.waiting.push_back(write);
        if self.unsettled.waiting.len() > MOST
            && let Some(Write::Failure { issuance, .. }) = self.unsettled.waiting.pop_front()
        {
            warn!(%issuance, "too many wait to be settled: this one counts as spent");
        }
        if self.unsettled.retry_at.is_none() {
            self.unsettled.failures = self.unsettled.failures.saturating_add(1);
            let wait = failure.wait(self.unsettled.failures, &mut self.random);
            self.unsettled.retry_at = Some(self.clock.now().boot.after(wait));
        }
    }
}
