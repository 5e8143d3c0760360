//! Errands for operators: what is done on the far side that keeps no token fresh.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokend_core::{Name, Random, Refusal, RevocationId};
use tokend_provider::{AcceptedInputs, Ambient, Exchange, Held, Outcome, Step};
use tracing::{info, warn};

use super::{
    Author, Engine, Error, Reply,
    change::Pending,
    dance::{self, Dance},
    login::Login,
    trial::Trial,
};
use crate::{
    credential::Grant,
    ports::{self, Clock, ErrandEnded, ErrandId, Issuer, LONGEST_ISSUANCE, Person, Store, Watcher},
};

/// How many errands may be under way at once.
pub(super) const MOST: usize = 16;

/// An errand that is under way, and who waits for it.
#[derive(Debug)]
pub(super) enum Errand {
    /// A token is being ended.
    Revocation(RevocationId),
    /// An operation of the definition's is being done.
    Remote { name: Name, operation: String, reply: Reply<serde_json::Value> },
    /// A definition is being tried.
    Trial(Trial),
    /// Somebody logs in.
    Login(Login),
}

/// How an errand begins.
pub(super) struct Start {
    pub(super) credential: Option<Name>,
    pub(super) begun_at: tokend_core::BootTime,
    pub(super) within: Duration,
    pub(super) first: Step,
    pub(super) inputs: Arc<AcceptedInputs>,
    pub(super) watcher: Option<Watcher>,
    pub(super) person: Option<Person>,
}

impl Errand {
    /// Tells whoever waits that it comes to nothing.
    pub(super) fn refuse(self, error: Error) {
        match self {
            // Whoever waits for it is told elsewhere: it isn't lost.
            Self::Revocation(_) => {}
            Self::Remote { reply, .. } => drop(reply.send(Err(error))),
            Self::Trial(trial) => trial.refuse(error),
            Self::Login(login) => login.refuse(error),
        }
    }
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Has an operation of the definition's done.
    pub(super) fn run_remote(
        &mut self,
        name: &Name,
        operation: String,
        arguments: BTreeMap<String, String>,
        author: Author,
        reply: Reply<serde_json::Value>,
    ) {
        match self.remote(name, &operation, arguments) {
            Ok(start) => {
                let Author { uid, pid } = author;
                info!(credential = %name, operation, uid, pid, "remote operation wanted");
                let name = name.clone();
                self.begin(Errand::Remote { name, operation, reply }, start);
            }
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn remote(
        &mut self,
        name: &Name,
        operation: &str,
        arguments: BTreeMap<String, String>,
    ) -> Result<Start, Error> {
        self.check_room()?;
        let Dance { definition, inputs } = self.danced(name)?;
        let now = self.clock.now();
        let token = self.held(name).filter(|token| !token.is_expired(now));
        let held: Option<Held> = token.map(|token| dance::held(&token.payload));
        let ambient = self.ambient();
        let first =
            Exchange::remote(&definition, &inputs, operation, arguments, held.as_ref(), ambient)?;
        Ok(self.start_of(name, first, inputs))
    }

    /// Checks that one more errand may begin.
    pub(super) fn check_room(&self) -> Result<(), Error> {
        let begins = |pending: &&Pending| matches!(pending, Pending::Trial(_) | Pending::Login(_));
        let to_begin = self.writing.values().filter(begins).count();
        if self.errands.len() + to_begin < MOST { Ok(()) } else { Err(Error::TooManyErrands) }
    }

    pub(super) fn danced(&self, name: &Name) -> Result<Dance, Error> {
        let entry = self.entries.get(name).ok_or_else(|| self.missing(name))?;
        let impossible =
            |problem: &Error| Error::Refused(Refusal::Impossible { message: problem.to_string() });
        let routine = entry.routine.as_ref().map_err(|problem| impossible(problem))?;
        routine.dance(&entry.credential).map_err(|problem| impossible(&problem))
    }

    pub(super) fn held(&self, name: &Name) -> Option<Arc<tokend_core::Token<Grant>>> {
        let published = self.entries.get(name)?.slot.published()?;
        Some(Arc::clone(published.token()))
    }

    /// Draws what a dance needs of chance.
    pub(super) fn ambient(&mut self) -> Ambient {
        let mut entropy = [0; 32];
        self.random.fill(&mut entropy);
        Ambient { now: self.clock.now().wall, entropy }
    }

    pub(super) fn start_of(&self, name: &Name, first: Step, inputs: Arc<AcceptedInputs>) -> Start {
        let begun_at = self.clock.now().boot;
        let (credential, within) = (Some(name.clone()), LONGEST_ISSUANCE);
        Start { credential, begun_at, within, first, inputs, watcher: None, person: None }
    }

    pub(super) fn begin(&mut self, errand: Errand, start: Start) {
        let id = ErrandId(self.number());
        self.errands.insert(id, errand);
        let Start { credential, begun_at, within, first, inputs, watcher, person } = start;
        self.issuer.run(ports::Errand {
            id,
            credential,
            begun_at,
            within,
            first,
            inputs,
            watcher,
            person,
        });
    }

    /// Takes in how an errand ended.
    pub fn returned(&mut self, ended: ErrandEnded) {
        match self.errands.remove(&ended.id) {
            Some(Errand::Revocation(id)) => self.revocation_returned(id, ended),
            Some(Errand::Remote { name, operation, reply }) => {
                let answer = match ended.outcome {
                    Outcome::Told(result) => Ok(result),
                    outcome => Err(self.not_done(format!("`{operation}` isn't done"), outcome)),
                };
                match &answer {
                    Ok(_) => info!(credential = %name, operation, "remote operation done"),
                    Err(problem) => warn!(credential = %name, operation, "{problem}"),
                }
                // Whoever asked may have gone; there is no one else to tell.
                let _ = reply.send(answer);
            }
            Some(Errand::Trial(trial)) => self.tried(trial, ended),
            Some(Errand::Login(login)) => self.login_ended(login, ended),
            None => {}
        }
    }

    /// Returns why an errand came to nothing.
    pub(super) fn not_done(&self, what: String, outcome: Outcome) -> Error {
        match outcome {
            Outcome::Failed(failed) => {
                Error::NotDone { what, failure: dance::failure(failed, self.clock.now().wall) }
            }
            _ => Error::Refused(Refusal::Impossible {
                message: format!("{what}: the dance ended as none of its kind does"),
            }),
        }
    }
}
