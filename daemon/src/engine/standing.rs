//! How all credentials are, counted as they change.

use std::{collections::BTreeMap, mem, time::Duration};

use tokend_core::{BootTime, Name, Random, Setback, Verdict};
use tracing::{error, info};

use super::Engine;
use crate::ports::{Clock, EndWait, Issuer, Standing, Store};

/// After so long the store is told to be silent. A disk that is busy, or spins up, takes seconds.
const LONG_SILENCE: Duration = Duration::from_secs(30);

/// What is wrong with a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ailment {
    Login,
    Refused,
    Failing,
    Limited,
}

/// The credentials with which something is wrong.
#[derive(Debug, Default)]
pub(super) struct Ailing {
    by_name: BTreeMap<Name, Ailment>,
    counts: BTreeMap<Ailment, usize>,
}

impl Ailing {
    /// Notes what went wrong last with a credential.
    pub(super) fn note(&mut self, name: &Name, setback: Option<&Setback>) {
        let ailment = setback.map(Ailment::of);
        if self.by_name.get(name).copied() == ailment {
            return;
        }
        self.forget(name);
        if let Some(ailment) = ailment {
            self.by_name.insert(name.clone(), ailment);
            *self.counts.entry(ailment).or_default() += 1;
        }
    }

    /// Forgets a credential that is gone.
    pub(super) fn forget(&mut self, name: &Name) {
        if let Some(ailment) = self.by_name.remove(name) {
            *self.counts.entry(ailment).or_default() -= 1;
        }
    }

    fn count(&self, ailment: Ailment) -> usize {
        self.counts.get(&ailment).copied().unwrap_or_default()
    }
}

impl Ailment {
    fn of(setback: &Setback) -> Self {
        match setback {
            Setback::LoginNeeded(_) => Self::Login,
            Setback::Impossible(_) => Self::Refused,
            Setback::Budget => Self::Limited,
            Setback::Store(_) => Self::Failing,
            Setback::Issuance(failure) => match failure.verdict {
                Verdict::Denied => Self::Refused,
                Verdict::Limited | Verdict::Transient | Verdict::Local => Self::Failing,
            },
        }
    }
}

/// How long the store has had something to do and has answered nothing.
///
/// It is told, and nothing else: tokens that are held are served without the store, while a
/// daemon that is started anew couldn't even open it. And a disk that is slow isn't told apart
/// from one that is dead.
#[derive(Debug, Default)]
pub(super) struct Silence {
    since: Option<BootTime>,
    is_told: bool,
}

impl Silence {
    /// Notes whether the store owes an answer, and whether it has given one just now. Returns
    /// whether it has been silent for long.
    pub(super) fn note(&mut self, owes: bool, is_heard: bool, now: BootTime) -> bool {
        if !owes {
            self.since = None;
        } else if is_heard || self.since.is_none() {
            self.since = Some(now);
        }
        let silence = self.since.map(|since| since.until(now)).unwrap_or_default();
        let is_silent = silence >= LONG_SILENCE;
        if is_silent != mem::replace(&mut self.is_told, is_silent) {
            if is_silent {
                error!(?silence, "the store doesn't answer: is its disk in order?");
            } else {
                info!("the store answers again");
            }
        }
        is_silent
    }
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Returns how things are.
    pub fn standing(&self) -> Standing {
        Standing {
            credentials: self.entries.len(),
            logins: self.ailing.count(Ailment::Login),
            refused: self.ailing.count(Ailment::Refused),
            failing: self.ailing.count(Ailment::Failing),
            limited: self.ailing.count(Ailment::Limited),
            damaged: self.damaged.len(),
            ending: self.stopping.then(|| self.end_wait()),
            is_silent: false,
        }
    }

    fn end_wait(&self) -> EndWait {
        EndWait { answers: self.errands.len() + self.issuing().count(), writes: self.writing.len() }
    }

    /// Tells whether the store owes an answer to a write or a look. To give it other keys takes
    /// as long as it takes, and isn't counted.
    pub(super) fn awaits_store(&self) -> bool {
        self.rekeying.is_empty() && !(self.writing.is_empty() && self.looking.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_silent_if_it_owes_an_answer_for_long_and_gives_none() {
        let at = |seconds| BootTime(Duration::from_secs(seconds));
        let mut silence = Silence::default();
        assert!(!silence.note(false, false, at(0)));
        assert!(!silence.note(false, false, at(100)), "it owes nothing");
        assert!(!silence.note(true, false, at(101)));
        assert!(!silence.note(true, false, at(130)));
        assert!(silence.note(true, false, at(131)));
        assert!(!silence.note(true, true, at(140)), "it answers, if not everything");
        assert!(!silence.note(true, false, at(160)));
        assert!(!silence.note(false, true, at(180)));
        assert!(!silence.note(true, false, at(200)));
    }
}
