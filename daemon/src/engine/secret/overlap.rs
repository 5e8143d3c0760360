//! Secrets that were replaced lately: the new ones are tried first, and those before are
//! there until the new ones have worked once.

use std::{collections::BTreeMap, sync::Arc};

use secrecy::{ExposeSecret, SecretString};
use tokend_core::{Fate, IssuanceId, Name, Random};
use tokend_provider::{
    AcceptedInputs, Ambient, Exchange, Operation, Outcome, Program, Request, Step, Verdict,
};
use tracing::{info, warn};

use super::{Engine, Notes, names};
use crate::{
    credential::{Credential, REFRESH_TOKEN},
    engine::dance::Dance,
    ports::{Clock, Issuance, Issuer, Job, Store},
};

/// An issuance that tries secrets which haven't worked yet.
#[derive(Debug)]
pub(in super::super) struct Attempt {
    issuance: IssuanceId,
    /// The secrets that are tried.
    unproven: BTreeMap<String, SecretString>,
    /// The same with the other secrets, until they are tried.
    other: Option<Job>,
    /// Whether those before go first.
    is_reversed: bool,
    /// How the provider refused what was tried first.
    refused: Option<Issuance>,
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Notes that an issuance tries new secrets, if it does, and returns how it begins. Those
    /// that were refused aren't tried first time and again, which locks accounts: those before
    /// go first then.
    pub(in super::super) fn note_attempt(&mut self, job: Job) -> Job {
        self.attempts.remove(&job.name);
        let Some(entry) = self.entries.get(&job.name) else { return job };
        let (credential, is_refused) = (&entry.credential, entry.notes.has_refusal());
        let unproven = credential.unproven_secrets();
        if unproven.is_empty() || job.operation == Operation::KeepAlive {
            return job;
        }
        let secrets = credential.former_secrets();
        let is_other = differ(&secrets, &credential.secrets);
        let before = Credential { secrets, ..(**credential).clone() };
        // They may not fit by themselves.
        let dance = Dance::of(&self.definitions.now(), &before).ok().filter(|_| is_other);
        let mut entropy = [0; 32];
        self.random.fill(&mut entropy);
        let former = dance.map(|Dance { definition, inputs }| Job {
            name: job.name.clone(),
            held: job.held.clone(),
            entropy,
            definition,
            inputs,
            ..job
        });
        let now = self.clock.now().wall;
        let tells_apart = job.operation == Operation::Issue
            || former.as_ref().is_none_or(|former| differs(&job, &former.inputs, now));
        // A refresh that takes none of them shows nothing.
        if tells_apart {
            let (issuance, is_reversed) = (job.issuance, is_refused && former.is_some());
            let (first, other) = match former {
                Some(former) if is_reversed => (former, Some(job)),
                former => (job, former),
            };
            let attempt = Attempt { issuance, unproven, other, is_reversed, refused: None };
            self.attempts.insert(first.name.clone(), attempt);
            return first;
        }
        job
    }

    /// Takes in the end of an issuance that may have tried new secrets. Returns what it
    /// comes to and which secrets it shows to work; `None` if those before are tried now.
    pub(in super::super) fn attempted(
        &mut self,
        ended: Issuance,
    ) -> Option<(Issuance, BTreeMap<String, SecretString>)> {
        let name = ended.name.clone();
        let is_this = self.attempts.get(&name).is_some_and(|it| it.issuance == ended.issuance);
        let attempt = if is_this { self.attempts.remove(&name) } else { None };
        // What may have gone through in part isn't begun again with others.
        let is_refused = !matches!(ended.fate, Fate::Lost | Fate::Unsure)
            && matches!(&ended.outcome,
                Outcome::Failed(failure) if failure.verdict == Verdict::Denied);
        let Some(mut attempt) = attempt else { return Some((ended, BTreeMap::new())) };
        let is_issued = matches!(&ended.outcome, Outcome::Issued(_));
        match (attempt.refused.take(), attempt.other.take()) {
            (None, Some(other)) if is_refused => {
                if self.stopping {
                    return Some((put_off(ended), BTreeMap::new()));
                }
                let secrets = names(attempt.unproven.keys());
                let first = if attempt.is_reversed { "former" } else { "new" };
                info!(credential = %name, secrets, "{first} secrets refused; trying the others");
                self.issuer.issue(other);
                attempt.refused = Some(ended);
                self.attempts.insert(name, attempt);
                None
            }
            (None, _) if is_issued && attempt.is_reversed => Some((ended, BTreeMap::new())),
            (None, _) if is_issued => Some((ended, attempt.unproven)),
            (Some(_), _) if is_issued && attempt.is_reversed => Some((ended, attempt.unproven)),
            (Some(refused), _) if is_issued => {
                self.note_refusal(&name, &refused);
                Some((ended, BTreeMap::new()))
            }
            // What people want to know is what is wrong with the new ones.
            (Some(refused), _) if is_refused => {
                if let Some(entry) = self.entries.get_mut(&name) {
                    // Neither works.
                    entry.notes.refused = None;
                }
                let told = if attempt.is_reversed { &ended } else { &refused };
                let outcome = match &told.outcome {
                    Outcome::Failed(failure) => Outcome::Failed(failure.clone()),
                    _ => return Some((ended, BTreeMap::new())),
                };
                let took = refused.took.saturating_add(ended.took);
                Some((Issuance { took, outcome, ..refused }, BTreeMap::new()))
            }
            _ => Some((ended, BTreeMap::new())),
        }
    }

    fn note_refusal(&mut self, name: &Name, refused: &Issuance) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        let Outcome::Failed(failure) = &refused.outcome else { return };
        entry.notes.refused = Some(failure.message.clone());
        for input in entry.credential.supply.former.keys() {
            if let Some(refusal) = entry.notes.refusal(&entry.credential, input) {
                warn!(credential = %name, "{refusal}");
            }
        }
    }
}

impl Notes {
    /// Tells whether the provider has refused the new secrets while those before work.
    pub(in super::super) fn has_refusal(&self) -> bool {
        self.refused.is_some()
    }

    /// Returns what there is to say of a secret that the provider has refused while the one
    /// before it still works.
    pub(super) fn refusal(&self, credential: &Credential, input: &str) -> Option<String> {
        let message = self.refused.as_ref()?;
        // Of refresh tokens the provider itself gives another.
        credential.supply.former.get(input).filter(|_| input != REFRESH_TOKEN)?;
        let name = &credential.name;
        let remedy = match credential.supply.sources.get(input) {
            Some(source) => format!("put another into {source}"),
            None => format!("set it again: `tokend-cli set-secret {name} {input}`"),
        };
        Some(format!(
            "the new `{input}` of {name} was refused ({message}); the old one still works: {remedy}"
        ))
    }
}

/// The old secrets may work, and nobody tries them any more before the daemon ends.
fn put_off(ended: Issuance) -> Issuance {
    let outcome = match ended.outcome {
        Outcome::Failed(mut failure) => {
            failure.verdict = Verdict::Transient;
            Outcome::Failed(failure)
        }
        outcome => outcome,
    };
    Issuance { outcome, ..ended }
}

/// Tells whether some secrets are others.
fn differ(a: &BTreeMap<String, SecretString>, b: &BTreeMap<String, SecretString>) -> bool {
    let same = |(name, secret): (&String, &SecretString)| {
        b.get(name).is_some_and(|other| other.expose_secret() == secret.expose_secret())
    };
    a.len() != b.len() || !a.iter().all(same)
}

/// Tells whether other inputs make another request.
fn differs(job: &Job, others: &Arc<AcceptedInputs>, now: jiff::Timestamp) -> bool {
    let first = |inputs| {
        let ambient = Ambient { now, entropy: [0; 32] };
        let held = job.held.as_ref();
        Exchange::start(&job.definition, inputs, job.operation, held, ambient)
    };
    let same_request = |a: &Request, b: &Request| {
        (&a.method, &a.url, &a.headers, &a.body) == (&b.method, &b.url, &b.headers, &b.body)
    };
    let same_program = |a: &Program, b: &Program| (&a.command, &a.input) == (&b.command, &b.input);
    !match (first(&job.inputs), first(others)) {
        (Ok(Step::Send(_, a)), Ok(Step::Send(_, b))) => same_request(&a, &b),
        (Ok(Step::Run(_, a)), Ok(Step::Run(_, b))) => same_program(&a, &b),
        _ => false,
    }
}
