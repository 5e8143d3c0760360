//! Carries out what the core decides.

use std::sync::Arc;

use tokend_core::{
    BootTime, Cause, Effect, Failure, Fate, Input, IssuanceId, Moment, Name, Operation, Policy,
    Random, Receipt, Refusal, Setback, Token, WaiterId,
};
use tokend_provider::{Definition, Library};
use tracing::debug;

use super::{
    Engine, Entry, Error,
    change::Pending,
    dance::{self, Dance},
};
use crate::{
    credential::{Credential, Fingerprint, Grant, refresh_token},
    ports::{
        Clock, Happening, Issuer, Job, LONGEST_ISSUANCE, Reservation, Store, StoredCredential,
        Write,
    },
    published::{Presentation, Published, Slot},
};

/// What a reservation is for: what is sent is that, whatever has changed meanwhile.
#[derive(Debug)]
pub(super) struct Basis {
    /// The refresh token that is sent, if one is.
    spends: Option<Fingerprint>,
    /// Whose account it counts against.
    dance: Dance,
}

/// How many failures in a row are worth a warning each.
pub(super) const LOUD_FAILURES: u32 = 3;

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    pub(super) fn step(&mut self, name: &Name, input: Input<Grant>) {
        let now = self.clock.now();
        let effects = self.keeper.handle(now, &mut self.random, &*self.slots, name, input);
        self.carry_out_all(effects);
        self.show_health(name);
        self.answer_all_replaced(name);
    }

    pub(super) fn carry_out_all(&mut self, effects: Vec<(Name, Effect<Grant>)>) {
        for (name, effect) in effects {
            self.carry_out(&name, effect);
            self.show_health(&name);
        }
    }

    pub(super) fn carry_out(&mut self, name: &Name, effect: Effect<Grant>) {
        match effect {
            Effect::Answer { waiter, answer } => self.answer(name, waiter, answer.map(drop)),
            Effect::Publish(token) => {
                self.tell_of_token(name, &token);
                self.publish(name, token);
            }
            Effect::Withdraw => self.withdraw(name),
            Effect::Discard => {
                if let Some(entry) = self.entries.get(name) {
                    let credential = entry.credential.id;
                    self.submit(Pending::Discard(name.clone()), Write::Discard(credential));
                }
            }
            Effect::Reserve { issuance, cause, spends } => {
                self.telling.wanted(name, issuance, cause);
                if !self.hold(name, issuance, cause, spends) {
                    self.reserve(name, issuance, cause, spends);
                }
            }
            Effect::Send { issuance, operation, reserved_at } => {
                self.send(name, issuance, operation, reserved_at);
            }
            Effect::Rule { waiter, ruling } => self.rule(name, waiter, ruling),
            Effect::Persist { issuance, mut token, receipt } => {
                if let Some(entry) = self.entries.get(name) {
                    if !receipt.renewed {
                        // What came with it is the credential's already.
                        let grant = &mut Arc::make_mut(&mut token).payload;
                        (grant.secrets, grant.proven) = Default::default();
                    }
                    let credential = entry.credential.id;
                    self.telling.came(name, issuance, token.id, &receipt);
                    let settled = self.settled(name, issuance, receipt, None);
                    let settling = self.defer_for(name, &token);
                    let name = name.clone();
                    let pending = Pending::Token { name, credential, issuance, settling };
                    self.submit(pending, Write::Token { credential, token, issuance, settled });
                }
            }
            Effect::Keep(token) => {
                if let Some(entry) = self.entries.get(name) {
                    let (credential, token_id) = (entry.credential.id, token.id);
                    let pending = Pending::Rotation { name: name.clone(), token_id };
                    self.submit(pending, Write::Rotation { credential, token });
                }
            }
            Effect::Acknowledge { waiter, reception } => {
                self.acknowledge(name, waiter, reception);
            }
            Effect::Settle { issuance, fate, spent, failure, receipt, quota } => {
                self.tell_of_failure(name, issuance, &failure, receipt.took);
                let settled = self.settled(name, issuance, receipt, quota);
                self.forget_told(name, issuance);
                let write = Write::Failure { issuance, fate, spent, failure, settled };
                self.submit(Pending::Settlement { issuance }, write);
            }
        }
    }

    fn answer(&mut self, name: &Name, waiter: WaiterId, answer: Result<(), Refusal>) {
        let Some(reply) = self.waiting.remove(&waiter) else { return };
        let published = self.entries.get(name).and_then(|entry| entry.slot.published());
        let answer = match (answer, published) {
            (Ok(()), Some(published)) => Ok(published),
            (Ok(()), None) => Err(Error::Refused(Refusal::Removed)),
            (Err(refusal), _) => Err(self.refusal(name, refusal)),
        };
        // The caller may have given up; the token is there for the next one.
        let _ = reply.send(answer);
    }

    fn publish(&mut self, name: &Name, token: Arc<Token<Grant>>) {
        if let Some(Entry { credential, routine, slot, .. }) = self.entries.get(name) {
            let definition = routine.as_ref().ok().map(|routine| {
                routine.rest();
                Arc::clone(&routine.definition)
            });
            slot.publish(published(Arc::clone(credential), definition, token));
        }
    }

    /// Lets callers see the same token with what has changed about it.
    pub(super) fn publish_again(&mut self, name: &Name) {
        let published = self.entries.get(name).and_then(|entry| entry.slot.published());
        if let Some(published) = published {
            self.publish(name, Arc::clone(published.token()));
        }
    }

    pub(super) fn reserve(
        &mut self,
        name: &Name,
        issuance: IssuanceId,
        cause: Cause,
        spends: bool,
    ) {
        let Some(Entry { credential, routine, slot, .. }) = self.entries.get(name) else { return };
        debug!(credential = %name, %issuance, ?cause, "issuance wanted");
        let dance = match routine {
            Ok(routine) => routine.dance(credential).map_err(|problem| problem.to_string()),
            Err(problem) => Err(problem.to_string()),
        };
        let dance = match dance {
            Ok(dance) => dance,
            Err(message) => {
                self.step(name, Input::Impossible { issuance, message });
                return;
            }
        };
        let account = self.accounts.get(dance.account());
        let spends = sent_by(credential, slot).filter(|_| spends);
        let reservation = Reservation {
            issuance,
            credential: credential.id,
            account,
            cause,
            replacements: credential.supply.replacements,
            spends,
            within: LONGEST_ISSUANCE,
            at: self.clock.stamp(),
        };
        let basis = Basis { spends, dance };
        let pending = Pending::Reservation { name: name.clone(), issuance, basis };
        self.submit(pending, Write::Reserve(reservation));
    }

    fn send(
        &mut self,
        name: &Name,
        issuance: IssuanceId,
        operation: Operation,
        reserved_at: BootTime,
    ) {
        let noted = self.noted.take();
        if self.stopping {
            let failure = Failure::local("tokend was about to end".to_owned());
            self.send_nothing(name, issuance, failure);
            return;
        }
        // Nothing is sent without a reservation.
        let Some(Basis { spends, dance: reserved }) = noted else { return };
        let Some(entry @ Entry { slot, credential, .. }) = self.entries.get(name) else { return };
        let dance = match entry.dance() {
            Some(dance) if Arc::ptr_eq(&dance.definition, &reserved.definition) => dance,
            // Another definition holds since, by which it may be another account.
            _ => reserved,
        };
        // It is noted which refresh token is sent: a person may have set another since.
        if spends.is_some() && spends != sent_by(credential, slot) {
            let message = "another refresh token was set meanwhile".to_owned();
            self.send_nothing(name, issuance, Failure::transient(message));
            return;
        }
        self.sent.note(issuance, credential, &dance);
        let held = slot.published().map(|published| dance::held(&published.token().payload));
        let mut entropy = [0; 32];
        self.random.fill(&mut entropy);
        let job = Job {
            name: name.clone(),
            issuance,
            reserved_at,
            operation: dance::operation(operation),
            held,
            entropy,
            definition: Arc::clone(&dance.definition),
            inputs: Arc::clone(&dance.inputs),
        };
        let job = self.note_attempt(job);
        self.issuer.issue(job);
    }

    /// Ends an issuance of which nothing is sent.
    fn send_nothing(&mut self, name: &Name, issuance: IssuanceId, failure: Failure) {
        let receipt = Receipt::default();
        self.step(name, Input::Failed { issuance, fate: Fate::Unsent, failure, receipt });
    }

    pub(super) fn show_health(&mut self, name: &Name) {
        if let Some(entry) = self.entries.get(name) {
            let view = self.keeper.view(name, self.clock.now());
            let setback = view.as_ref().and_then(|view| view.setback).map(|(setback, _)| setback);
            entry.slot.set_setback(setback);
            // It takes the definition to find out.
            let command = match setback {
                Some(Setback::LoginNeeded(_)) => self.login_command(name),
                _ => String::new(),
            };
            let needed = self.logins.note(name, &command, setback);
            self.ailing.note(name, setback);
            let failing = view.is_some_and(|view| view.setback.is_some() && view.overdue);
            entry.slot.set_failing(failing);
            if let Some(message) = needed {
                self.tell(Some(name), Happening::LoginNeeded { command, message });
            }
        }
    }
}

/// Returns what callers see of a stored token at `now`, before an engine has taken it up.
pub fn foresee(library: &Library, stored: StoredCredential, now: Moment) -> Option<Published> {
    let StoredCredential { credential, token, .. } = stored;
    let token = Token { taken_up: Some(now), ..token? };
    let definition = library.get(&credential.provider);
    Some(published(Arc::new(credential), definition, Arc::new(token)))
}

fn published(
    credential: Arc<Credential>,
    definition: Option<Arc<Definition>>,
    token: Arc<Token<Grant>>,
) -> Published {
    Published::new(token, move |token| {
        let dance = definition.and_then(|definition| Dance::by(definition, &credential).ok());
        let presentation = dance.map(|dance| dance.presentation(&token.payload));
        let is_refreshed = credential.policy != Policy::OnDemand;
        Presentation { is_refreshed, ..presentation.unwrap_or_default() }
    })
}

/// Identifies the refresh token that the next dance sends, if it sends one.
pub(super) fn sent_by(credential: &Credential, slot: &Slot) -> Option<Fingerprint> {
    let published = slot.published();
    let grant = published.as_ref().map(|published| &published.token().payload);
    refresh_token(credential, grant).map(Fingerprint::of)
}
