//! Trials of provider definitions: one issuance, counted like any other, whose token
//! is thrown away.

use std::sync::Arc;

use tokend_core::{Cause, Failure, Fate, IssuanceId, Random, Refusal, Stamp};
use tokend_provider::{AcceptedInputs, Definition, Exchange, Inputs, Operation, Outcome};
use tracing::info;

use super::{
    Author, Engine, Error, Reply,
    change::Pending,
    dance,
    errand::{Errand, Start},
};
use crate::{
    credential::CredentialId,
    ports::{
        self, Clock, ErrandEnded, Issuer, LONGEST_ISSUANCE, Reservation, Settled, Store, Watcher,
        Write,
    },
};

/// A definition to try, and with what.
#[derive(Debug)]
pub struct Candidate {
    /// How the dance goes.
    pub definition: Arc<Definition>,
    /// What goes into it.
    pub inputs: Inputs,
    /// Who looks on.
    pub watcher: Watcher,
}

/// How a trial ended.
#[derive(Debug)]
pub struct Tried {
    /// What was found in the answers, a name and a value each, without secrets.
    pub findings: Vec<(String, String)>,
    /// Why there is no token, if there is none.
    pub problem: Option<Error>,
}

/// A trial that is under way.
#[derive(Debug)]
pub(super) struct Trial {
    issuance: IssuanceId,
    begun_at: tokend_core::BootTime,
    definition: Arc<Definition>,
    inputs: Arc<AcceptedInputs>,
    watcher: Watcher,
    reply: Reply<Tried>,
}

impl Trial {
    pub(super) fn refuse(self, error: Error) {
        let _ = self.reply.send(Err(error));
    }
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Tries a definition, if the limits of the account allow it.
    pub(super) fn try_out(&mut self, candidate: Candidate, author: Author, reply: Reply<Tried>) {
        let Candidate { definition, inputs, watcher } = candidate;
        let accepted = self.check_room().and_then(|()| Ok(definition.accept(inputs)?));
        let inputs = match accepted {
            Ok(inputs) => Arc::new(inputs),
            Err(error) => return drop(reply.send(Err(error))),
        };
        let Author { uid, pid } = author;
        let issuance = IssuanceId::draw(&mut self.random);
        let mut account = self.accounts.get(inputs.account().as_str());
        info!(provider = definition.name(), account = account.name, %issuance, uid, pid,
            "a definition is being tried");
        for limit in inputs.limits().iter().map(dance::limit) {
            if !account.limits.contains(&limit) {
                account.limits.push(limit);
            }
        }
        let at = self.clock.stamp();
        let reservation = Reservation {
            issuance,
            // No credential's: the token won't be kept.
            credential: CredentialId::draw(&mut self.random),
            account,
            cause: Cause::Forced,
            replacements: 0,
            // It begins with nothing that is held.
            spends: None,
            within: LONGEST_ISSUANCE,
            at,
        };
        let begun_at = at.moment.boot;
        let trial = Trial { issuance, begun_at, definition, inputs, watcher, reply };
        self.submit(Pending::Trial(Box::new(trial)), Write::Reserve(reservation));
    }

    /// The ledger has the trial's issuance, or not.
    pub(super) fn trial_reserved(
        &mut self,
        trial: Trial,
        result: Result<ports::Reply, tokend_core::StoreFailure>,
    ) {
        match result {
            Ok(ports::Reply::Reserved(_)) => {}
            Ok(ports::Reply::Refused { retry_after, .. }) => {
                trial.refuse(Refusal::BudgetExhausted { retry_after }.into());
                return;
            }
            // No store answers a reservation with less.
            Ok(ports::Reply::Done) => return,
            Err(failure) => {
                trial.refuse(Error::Store(failure));
                return;
            }
        }
        if self.stopping {
            self.unsent(trial, Error::Stopping);
            return;
        }
        let ambient = self.ambient();
        let (definition, inputs) = (&trial.definition, Arc::clone(&trial.inputs));
        match Exchange::start(definition, &inputs, Operation::Issue, None, ambient) {
            Ok(first) => {
                let (begun_at, watcher) = (trial.begun_at, Some(trial.watcher.clone()));
                let (credential, within, person) = (None, LONGEST_ISSUANCE, None);
                let start = Start { credential, begun_at, within, first, inputs, watcher, person };
                self.begin(Errand::Trial(trial), start);
            }
            Err(problem) => self.unsent(trial, problem.into()),
        }
    }

    /// Gives a trial up of which nothing has been sent.
    fn unsent(&mut self, trial: Trial, error: Error) {
        let failure = Failure::transient(error.to_string());
        let settled = self.settled_now();
        self.settle_trial(&trial, Fate::Unsent, failure, settled);
        trial.refuse(error);
    }

    /// A trial has ended.
    pub(super) fn tried(&mut self, trial: Trial, ended: ErrandEnded) {
        let ErrandEnded { took, fate, outcome, .. } = ended;
        let findings = outcome.findings();
        let (date, quotas) = match &outcome {
            Outcome::Issued(issued) => (issued.date, dance::quotas(&issued.quotas)),
            Outcome::Failed(failed) => (failed.date, dance::quotas(&failed.quotas)),
            Outcome::KeptAlive { .. } | Outcome::Revoked | Outcome::Told(_) => (None, Vec::new()),
        };
        let at = Stamp { date, ..self.clock.stamp() };
        let (fate, failure, problem) = match outcome {
            Outcome::Issued(_) => {
                (fate, Failure::transient("the token was thrown away".to_owned()), None)
            }
            outcome => {
                let error = self.not_done("there is no token".to_owned(), outcome);
                let failure = match &error {
                    Error::NotDone { failure, .. } => failure.clone(),
                    other => Failure::transient(other.to_string()),
                };
                (fate, failure, Some(error))
            }
        };
        let quotas = quotas.into_iter().chain(failure.quota()).collect();
        let settled = Settled { at, took, quotas, free: false, renewed: false };
        self.settle_trial(&trial, fate, failure, settled);
        // Whoever looked on may have gone.
        let _ = trial.reply.send(Ok(Tried { findings, problem }));
    }

    fn settle_trial(&mut self, trial: &Trial, fate: Fate, mut failure: Failure, settled: Settled) {
        let issuance = trial.issuance;
        let prefix = format!("a trial of {}: ", trial.definition.name());
        failure.message.insert_str(0, &prefix);
        info!(%issuance, ?fate, "{}", failure.message);
        let write = Write::Failure { issuance, fate, spent: false, failure, settled };
        self.submit(Pending::Settlement { issuance }, write);
    }
}
