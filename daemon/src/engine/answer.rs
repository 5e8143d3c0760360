//! Takes in what the store and the issuer answer.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use secrecy::SecretString;
use tokend_core::{Failure, Fate, Input, IssuanceId, Name, Random, Receipt, Verdict, after};
use tokend_provider::{Issued, Outcome};
use tracing::{debug, warn};

use super::{Engine, change::Pending, dance, dance::Dance};
use crate::{
    credential::Grant,
    ports::{self, Clock, Happening, Issuer, Store, Write, Written},
};

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Takes in an answer of the store.
    pub fn written(&mut self, written: Written) {
        let Some(pending) = self.writing.remove(&written.ticket) else { return };
        self.tell_of_store(written.result.as_ref().err());
        match pending {
            Pending::Reservation { name, issuance, basis } => {
                let is_awaited = self.keeper.is_reserving(&name, issuance);
                let input = match written.result {
                    Ok(ports::Reply::Reserved(_)) if !is_awaited => {
                        self.take_back(issuance);
                        return;
                    }
                    Ok(ports::Reply::Reserved(allowance)) => {
                        self.note_unknown(&name, false);
                        self.noted = Some(basis);
                        Input::Reserved { issuance, allowance }
                    }
                    // No store answers a reservation with less.
                    Ok(ports::Reply::Done) => return,
                    Ok(ports::Reply::Refused { retry_after, unknown }) => {
                        let retry_at = after(self.clock.now().wall, retry_after);
                        self.tell(Some(&name), Happening::Limited { retry_at, unknown });
                        self.note_unknown(&name, unknown);
                        Input::Refused { issuance, retry_after }
                    }
                    Err(failure) => Input::Unwritten { issuance, failure },
                };
                self.step(&name, input);
            }
            Pending::Token { name, credential, issuance, settling } => {
                self.settle_secrets(&name, settling, written.result.is_ok());
                if written.result.is_err() && !self.is_there(&name, credential) {
                    return self.settle_thrown_away(issuance, self.settled_now());
                }
                let input = match written.result {
                    Ok(_) => {
                        self.forget_told(&name, issuance);
                        Input::Persisted(issuance)
                    }
                    Err(failure) => {
                        warn!(credential = %name, %issuance,
                            "the token isn't served yet, since it can't be stored: {}",
                            failure.message);
                        Input::Unwritten { issuance, failure }
                    }
                };
                self.step(&name, input);
            }
            Pending::Rotation { name, token_id } => {
                let input = match written.result {
                    Ok(_) => Input::Kept(token_id),
                    Err(failure) => Input::Unkept { token_id, failure },
                };
                self.step(&name, input);
            }
            Pending::Discard(name) => self.discarded(&name, &written.result.map(drop)),
            Pending::Revocation { id, leaving } => {
                self.revocation_written(id, leaving, written.result.map(drop));
            }
            Pending::Attempt(id) => {
                if let Err(failure) = written.result {
                    // After a restart it is tried sooner, which does no harm.
                    warn!(revocation = %id, "failed attempt not stored: {}", failure.message);
                }
            }
            Pending::RevocationEnd { id, dropped } => {
                self.revocation_ended(id, dropped, written.result.map(drop));
            }
            Pending::Trial(trial) => self.trial_reserved(*trial, written.result),
            Pending::Login(login) => self.login_reserved(*login, written.result),
            Pending::Settlement { issuance } => {
                self.settlement_written(written.ticket, issuance, written.result.map(drop));
            }
            Pending::Acceptance(acceptance) => {
                self.accepted(acceptance, written.result.map(drop));
            }
            Pending::Change(change, author) => {
                self.changed(change, author, written.result.map(|_| ()));
            }
        }
    }

    /// Settles an issuance that no one waits for any more: nothing of it is sent.
    fn take_back(&mut self, issuance: IssuanceId) {
        let failure = Failure::local("it was needed no more".to_owned());
        let (fate, settled) = (Fate::Unsent, self.settled_now());
        let write = Write::Failure { issuance, fate, spent: false, failure, settled };
        self.submit(Pending::Settlement { issuance }, write);
    }

    /// Takes in how a dance ended.
    pub fn issued(&mut self, ended: ports::Issuance) {
        let Some((ended, proven)) = self.attempted(ended) else { return };
        let is_for_no_one = self.is_for_no_one(&ended);
        let ended = self.turned_away(ended);
        if is_for_no_one {
            return self.settle_for_no_one(ended);
        }
        let ports::Issuance { name, issuance, sent_at, took, fate, outcome } = ended;
        let input = match outcome {
            Outcome::Issued(issued) => {
                debug!(credential = %name, %issuance, ?took, "the provider gave a token");
                self.note_told(&name, issuance, &issued.quotas);
                self.arrived(&name, issuance, (sent_at, took), issued, proven)
            }
            Outcome::KeptAlive { date } => {
                self.note_told(&name, issuance, &[]);
                let receipt = Receipt { date, took, ..Receipt::default() };
                Input::KeptAlive { issuance, sent_at, receipt }
            }
            Outcome::Revoked | Outcome::Told(_) => {
                warn!(credential = %name, %issuance, "a dance ended as no issuance does");
                return;
            }
            Outcome::Failed(failed) => {
                self.note_told(&name, issuance, &failed.quotas);
                let receipt = Receipt { date: failed.date, took, ..Receipt::default() };
                let failure = dance::failure(failed, self.clock.now().wall);
                Input::Failed { issuance, fate, failure, receipt }
            }
        };
        let is_denied = matches!(&input,
            Input::Failed { failure, .. } if failure.verdict == Verdict::Denied);
        self.step(&name, input);
        if is_denied {
            self.look_after_refusal(&name);
        }
    }

    fn arrived(
        &self,
        name: &Name,
        issuance: IssuanceId,
        (sent_at, took): (Timestamp, Duration),
        issued: Issued,
        proven: BTreeMap<String, SecretString>,
    ) -> Input<Grant> {
        if let Some(mismatch) = issued.expiry_mismatch {
            warn!(credential = %name, %issuance, ?mismatch,
                "the answer contradicts itself about the token's end; the earlier counts");
        }
        let entry = self.entries.get(name);
        let dance = entry.and_then(super::Entry::dance);
        let dance = dance.as_ref();
        let idle = dance.and_then(|dance| dance.inputs.lifetimes().idle);
        let told = dance::told(issued.expiry);
        let free = dance.is_some_and(Dance::is_static);
        let receipt = Receipt { date: issued.date, took, free, renewed: true };
        let held = entry.and_then(|entry| entry.slot.published());
        let before = held.as_ref().map(|held| dance::held(&held.token().payload));
        let replaced = dance.is_some_and(|dance| issued.rotates(&dance.inputs, before.as_ref()));
        let payload = Grant { proven, ..dance::grant(issued) };
        let came = dance::held(&payload);
        Input::Issued {
            issuance,
            sent_at,
            lifetime: dance::unused(told, idle, sent_at),
            same: held.is_some_and(|held| dance::is_same(&held.token().payload, &payload)),
            refreshable: dance.is_some_and(|dance| dance.can_refresh(&came)),
            replaced,
            session: dance.and_then(|dance| dance.session(&came, told, sent_at)),
            payload,
            receipt,
        }
    }
}
