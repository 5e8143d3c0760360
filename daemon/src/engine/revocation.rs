//! Tokens that are ended on the far side: first the disk knows, then callers see them no
//! more, and then the provider is asked, for as long as it takes.

mod late;
mod local;
mod outset;
mod pending;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use secrecy::SecretString;
use tokend_core::{
    BootTime, Failure, Moment, Random, RevocationId, Sequel, StoreFailure, TokenId, Verdict, after,
};
use tokend_provider::{Exchange, Inputs, Operation, Outcome};
use tracing::{info, warn};

pub(super) use self::late::Sent;
pub use self::pending::PendingRevocation;
use super::{
    Engine, Error, Reply, Snapshot,
    change::Pending,
    dance::{self, Dance},
    errand::{Errand, MOST},
};
use crate::{
    credential::{CredentialId, is_same},
    ports::{Clock, ErrandEnded, Happening, Issuer, Revocation, Store, Write},
};

/// So many are under way at once: the other errands are for operators who wait.
const AT_ONCE: usize = MOST / 2;

/// All tokens that are to be ended.
#[derive(Debug, Default)]
pub(super) struct Revocations {
    all: BTreeMap<RevocationId, Ending>,
    unreadable: BTreeMap<RevocationId, String>,
    /// Whether tokens are ended when the daemon is.
    at_the_end: bool,
}

/// A token that is to be ended, and who waits for that.
#[derive(Debug)]
struct Ending {
    stored: Arc<Revocation>,
    course: tokend_core::Revocation,
    stage: Stage,
    waiting: Vec<Reply<Snapshot>>,
}

/// Where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// On its way to the disk.
    Coming,
    /// On the disk.
    Stored,
    /// On its way from the disk: nothing is left to do.
    Leaving,
}

impl Ending {
    fn new(stored: Arc<Revocation>, stage: Stage, now: Moment) -> Self {
        let course = tokend_core::Revocation::new(now, stored.ends_at);
        Self { stored, course, stage, waiting: Vec::new() }
    }

    /// Returns whose token it is and which, if it is about one.
    fn stored_token(&self) -> Option<(CredentialId, TokenId)> {
        let Revocation { credential, token, .. } = &*self.stored;
        token.as_ref().map(|token| (*credential, token.id))
    }

    /// Returns when the provider is to be asked.
    fn due_at(&self) -> Option<BootTime> {
        self.course.due_at().filter(|_| self.stage == Stage::Stored)
    }

    /// Tells everyone who waits how it went.
    fn answer(&mut self, answer: impl Fn() -> Result<Snapshot, Error>) {
        for reply in self.waiting.drain(..) {
            // Whoever asked may have gone; it goes on all the same.
            let _ = reply.send(answer());
        }
    }

    fn tell_pending(&mut self, message: &str, retry_after: Option<Duration>) {
        let name = self.stored.name.clone();
        self.answer(|| {
            let (name, message) = (name.clone(), message.to_owned());
            Err(Error::RevocationPending { name, message, retry_after })
        });
    }
}

impl Revocations {
    /// Tells whether a token is to be ended, and so isn't served.
    pub(super) fn has(&self, credential: CredentialId, token: TokenId) -> bool {
        self.all.values().any(|Ending { stored, .. }| {
            stored.credential == credential
                && stored.token.as_ref().is_some_and(|ended| ended.id == token)
        })
    }

    /// Tells whether a token is to be ended, whichever time it was given.
    fn has_value(&self, credential: CredentialId, value: &SecretString) -> bool {
        self.all.values().filter(|ending| ending.stored.credential == credential).any(|ending| {
            let token = ending.stored.token.as_ref();
            token.is_some_and(|ended| is_same(&ended.payload.value, value))
        })
    }

    /// Returns those that can't be read, each with what is wrong.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = (&RevocationId, &String)> {
        self.unreadable.iter()
    }

    /// Returns the one that goes first of those that are due: those that someone waits for,
    /// then those that have waited for longest.
    fn next(&self, now: BootTime) -> Option<RevocationId> {
        let due = self.all.iter().filter_map(|(id, ending)| {
            let at = ending.due_at().filter(|at| *at <= now)?;
            Some((ending.waiting.is_empty(), at, *id))
        });
        due.min().map(|(_, _, id)| id)
    }
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Says whether tokens are ended at their providers when the daemon ends.
    #[must_use]
    pub fn revoking_at_the_end(mut self, revoking: bool) -> Self {
        self.set_revoking_at_the_end(revoking);
        self
    }

    /// Says it from now on.
    pub(super) fn set_revoking_at_the_end(&mut self, revoking: bool) {
        self.revocations.at_the_end = revoking;
    }

    /// Takes up what the store held.
    pub(super) fn resume_revocations(
        &mut self,
        all: Vec<Revocation>,
        unreadable: Vec<(RevocationId, String)>,
    ) {
        let now = self.clock.now();
        for revocation in all {
            let (id, attempts) = (revocation.id, revocation.attempts);
            let mut ending = Ending::new(Arc::new(revocation), Stage::Stored, now);
            let last = ending.stored.last_failure.as_ref().map(|(failure, at)| {
                let ago = Duration::try_from(now.wall.duration_since(*at)).unwrap_or_default();
                (failure, ago)
            });
            ending.course = ending.course.resumed(attempts, last, &mut self.random);
            self.revocations.all.insert(id, ending);
        }
        for (id, problem) in unreadable {
            warn!(revocation = %id, "stored row can't be opened: {problem}");
            self.revocations.unreadable.insert(id, problem);
        }
        if !self.revocations.all.is_empty() {
            info!(revocations = self.revocations.all.len(), "tokens are to be revoked still");
        }
    }

    /// Begins those that are due, as many as may be under way.
    pub(super) fn begin_revocations(&mut self) {
        let now = self.clock.now().boot;
        while let Some(id) = self.next_revocation(now) {
            self.attempt(id);
        }
    }

    /// Returns the one that is to begin now, if there is room.
    fn next_revocation(&self, now: BootTime) -> Option<RevocationId> {
        let most = match (self.stopping, self.revocations.at_the_end) {
            (false, _) => AT_ONCE,
            (true, true) => MOST,
            (true, false) => return None,
        };
        let is_revocation = |errand: &&Errand| matches!(errand, Errand::Revocation(_));
        let has_room = self.errands.values().filter(is_revocation).count() < most;
        self.revocations.next(now).filter(|_| has_room && self.check_room().is_ok())
    }

    /// Returns how long no revocation can begin.
    pub(super) fn idle_of_revocations(&self, now: BootTime) -> Option<Duration> {
        if self.next_revocation(now).is_some() {
            return Some(Duration::ZERO);
        }
        // Those that are due wait for others to end.
        let later = self.revocations.all.values().filter_map(Ending::due_at);
        later.filter(|at| *at > now).min().map(|at| now.until(at))
    }

    fn attempt(&mut self, id: RevocationId) {
        let now = self.clock.now();
        let Some(ending) = self.revocations.all.get_mut(&id) else { return };
        let stored = Arc::clone(&ending.stored);
        if ending.course.attempts() > 0 && ending.course.is_over(now) {
            let name = &stored.name;
            info!(credential = %name, revocation = %id, "its token has ended by itself");
            ending.answer(|| Err(Error::NoToken(name.clone())));
            self.end_revocation(id);
            return;
        }
        ending.course.begun();
        let begun = self.dance_of(&stored).and_then(|dance| {
            let first = self.first_step(&dance, &stored)?;
            Ok(self.start_of(&stored.name, first, dance.inputs))
        });
        match begun {
            Ok(start) => self.begin(Errand::Revocation(id), start),
            Err(problem) => {
                let (verdict, message) = (Verdict::Transient, problem.to_string());
                self.attempt_failed(id, Failure { verdict, retry_after: None, message });
            }
        }
    }

    fn dance_of(&self, revocation: &Revocation) -> Result<Dance, Error> {
        let Revocation { provider, variables, secrets, .. } = revocation;
        let inputs = Inputs { variables: variables.clone(), secrets: secrets.clone() };
        Dance::with(&self.definitions.now(), provider, inputs)
    }

    fn first_step(
        &mut self,
        dance: &Dance,
        revocation: &Revocation,
    ) -> Result<tokend_provider::Step, Error> {
        let Dance { definition, inputs } = dance;
        let held = revocation.token.as_ref().map(|token| dance::held(&token.payload));
        let ambient = self.ambient();
        Ok(Exchange::start(definition, inputs, Operation::Revoke, held.as_ref(), ambient)?)
    }

    /// Takes in how an attempt ended.
    pub(super) fn revocation_returned(&mut self, id: RevocationId, ended: ErrandEnded) {
        // It may have been dropped meanwhile.
        let Some(ending) = self.revocations.all.get(&id) else { return };
        let failure = match ended.outcome {
            Outcome::Revoked => {
                let (name, took) = (ending.stored.name.clone(), ended.took);
                if let Revocation { credential, token: Some(token), .. } = &*ending.stored {
                    self.sent.note_revoked(*credential, &token.payload.value);
                }
                self.tell(Some(&name), Happening::Revoked { revocation: id, took });
                self.end_revocation(id);
                self.begin_revocations();
                return;
            }
            Outcome::Failed(mut failed) => {
                if failed.is_unrecognised {
                    // That says nothing of the token.
                    failed.verdict = tokend_provider::Verdict::Transient;
                }
                dance::failure(failed, self.clock.now().wall)
            }
            _ => Failure {
                verdict: Verdict::Transient,
                retry_after: None,
                message: "the dance ended as none of its kind does".to_owned(),
            },
        };
        self.attempt_failed(id, failure);
        self.begin_revocations();
    }

    fn attempt_failed(&mut self, id: RevocationId, failure: Failure) {
        let now = self.clock.now();
        let Some(ending) = self.revocations.all.get_mut(&id) else { return };
        if ending.stage != Stage::Stored {
            return;
        }
        let sequel = ending.course.failed(now.boot, &failure, &mut self.random);
        let attempts = ending.course.attempts();
        let name = ending.stored.name.clone();
        let message = &failure.message;
        let retry_at = match sequel {
            Sequel::Denied => None,
            Sequel::Again(wait) => Some(after(now.wall, wait)),
        };
        let told = Happening::RevocationFailed {
            revocation: id,
            attempts,
            message: message.clone(),
            retry_at,
        };
        match sequel {
            Sequel::Denied => {
                ending.answer(|| {
                    let what = format!(
                        "the token of {name} is served to no one any more, but the provider \
                         refuses to revoke it, so that tokend has given up"
                    );
                    Err(Error::NotDone { what, failure: failure.clone() })
                });
                self.end_revocation(id);
            }
            Sequel::Again(wait) => {
                ending.tell_pending(message, Some(wait));
                let stored = Revocation::clone(&ending.stored);
                let last_failure = Some((failure, now.wall));
                let stored = Arc::new(Revocation { attempts, last_failure, ..stored });
                ending.stored = Arc::clone(&stored);
                self.submit(Pending::Attempt(id), Write::Attempt(stored));
            }
        }
        self.tell(Some(&name), told);
    }

    /// Removes a revocation from the disk: nothing is left to do.
    fn end_revocation(&mut self, id: RevocationId) {
        let Some(ending) = self.revocations.all.get_mut(&id) else { return };
        ending.stage = Stage::Leaving;
        let token = ending.stored_token();
        let pending = Pending::RevocationEnd { id, dropped: None };
        self.submit(pending, Write::EndRevocation { id, token });
    }

    /// A revocation is gone from the disk, or not.
    pub(super) fn revocation_ended(
        &mut self,
        id: RevocationId,
        dropped: Option<Reply<()>>,
        result: Result<(), StoreFailure>,
    ) {
        let (now, ending) = (self.clock.now(), self.revocations.all.remove(&id));
        let is_attempt = |errand: &Errand| matches!(errand, Errand::Revocation(of) if *of == id);
        let is_under_way = self.errands.values().any(is_attempt);
        match result {
            Ok(()) => {
                self.revocations.unreadable.remove(&id);
                if let Some(mut ending) = ending {
                    let name = ending.stored.name.clone();
                    ending.answer(|| self.snapshot(&name));
                }
                if let Some(reply) = dropped {
                    let _ = reply.send(Ok(()));
                }
            }
            Err(failure) => {
                warn!(revocation = %id, "ended revocation not removed: {}", failure.message);
                if let Some(mut ending) = ending {
                    ending.answer(|| Err(Error::NotDiscarded(failure.clone())));
                    // A provider can be asked twice; not to be asked would be worse.
                    let (verdict, message) = (Verdict::Transient, failure.message.clone());
                    let again = Failure { verdict, retry_after: None, message };
                    // It may have been dropped while it was tried, and then ends with that.
                    if !is_under_way {
                        ending.course.failed(now.boot, &again, &mut self.random);
                    }
                    ending.stage = Stage::Stored;
                    self.revocations.all.insert(id, ending);
                }
                if let Some(reply) = dropped {
                    let _ = reply.send(Err(Error::Store(failure)));
                }
            }
        }
    }

    /// Tells those who wait that the daemon ends, and goes on when it starts again.
    pub(super) fn dismiss_revocations(&mut self) {
        for ending in self.revocations.all.values_mut() {
            match ending.stage {
                Stage::Coming => ending.answer(|| Err(Error::Stopping)),
                Stage::Stored => ending.tell_pending("tokend is shutting down", None),
                Stage::Leaving => ending.answer(|| Err(Error::Stopping)),
            }
        }
    }
}
