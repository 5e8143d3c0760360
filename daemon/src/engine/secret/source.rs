//! Secrets that files and commands of this machine yield.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokend_core::{BootTime, Cause, IssuanceId, Name, Random, State};
use tokio::sync::oneshot;
use tracing::{info, warn};

use super::Engine;
use crate::{
    credential::{Replacement, Source, is_same},
    engine::{Author, Change, Supplier},
    ports::{Clock, Issuer, Look, Sources, Store, Supplied, Yield},
};

/// A source is read within ten seconds. An issuance is sent within 45 from here, or not at
/// all.
const LONGEST_HOLD: Duration = Duration::from_secs(20);

/// An issuance that waits until its credential's sources have been looked at.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Held {
    since: BootTime,
    issuance: IssuanceId,
    cause: Cause,
    spends: bool,
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Has secrets read from these sources from now on.
    #[must_use]
    pub fn with_sources(mut self, sources: Arc<dyn Sources>) -> Self {
        self.sources = Some(sources);
        let names: Vec<Name> = self.entries.keys().cloned().collect();
        for name in &names {
            self.mind(name);
        }
        self
    }

    /// Has the sources of a credential minded as they are now, if it is still there.
    pub(in super::super) fn mind(&mut self, name: &Name) {
        let Some(sources) = &self.sources else { return };
        let none = BTreeMap::new();
        let entry = self.entries.get_mut(name);
        let minded = entry.as_ref().map_or(&none, |entry| &entry.credential.supply.sources);
        sources.mind(name, minded);
        if let Some(entry) = entry {
            let minded = &entry.credential.supply.sources;
            entry.notes.sources.retain(|input, _| minded.contains_key(input));
        }
    }

    /// Holds an issuance back until commands that are due have been run. Returns whether it
    /// is.
    pub(in super::super) fn hold(
        &mut self,
        name: &Name,
        issuance: IssuanceId,
        cause: Cause,
        spends: bool,
    ) -> bool {
        let Some(sources) = &self.sources else { return false };
        if self.stopping || !self.has_commands(name) {
            return false;
        }
        let since = self.clock.now().boot;
        self.held.insert(name.clone(), Held { since, issuance, cause, spends });
        sources.look(name, Look::Issuance);
        true
    }

    /// Lets an issuance go on that was held back.
    pub(in super::super) fn release(&mut self, name: &Name) {
        if let Some(Held { issuance, cause, spends, .. }) = self.held.remove(name)
            // A login may have brought a token meanwhile.
            && self.keeper.is_reserving(name, issuance)
        {
            self.reserve(name, issuance, cause, spends);
        }
    }

    /// Lets those go on that have waited for too long.
    pub(in super::super) fn release_overdue(&mut self) {
        let now = self.clock.now().boot;
        let overdue = self.held.iter().filter(|(_, held)| held.since.until(now) > LONGEST_HOLD);
        let overdue: Vec<Name> = overdue.map(|(name, _)| name.clone()).collect();
        for name in overdue {
            warn!(credential = %name, "its sources aren't read in time; going on without");
            self.release(&name);
        }
    }

    /// Lets it go on if what the sources yielded has been written, or can't be.
    pub(in super::super) fn release_after(&mut self, name: &Name, from: Supplier) {
        if from == Supplier::Source {
            self.release(name);
        }
    }

    /// Looks whether another secret is there instead of one that the provider has refused.
    pub(in super::super) fn look_after_refusal(&self, name: &Name) {
        let has_some = |name| {
            self.entries.get(name).is_some_and(|it| !it.credential.supply.sources.is_empty())
        };
        if let Some(sources) = self.sources.as_ref().filter(|_| has_some(name)) {
            sources.look(name, Look::Refusal);
        }
    }

    /// Takes in what the sources of a credential yielded.
    pub fn supplied(&mut self, supplied: Supplied) {
        let Supplied { name, readings, look } = supplied;
        let mut replacement = Replacement::default();
        for (input, (source, reading)) in readings {
            let Some(entry) = self.entries.get(&name) else { return };
            let credential = Arc::clone(&entry.credential);
            // It may come from elsewhere by now.
            if credential.supply.sources.get(&input) != Some(&source) {
                continue;
            }
            match reading {
                Ok(Yield { secret, warning }) => {
                    let held = credential.secrets.get(&input);
                    let is_held = held.is_some_and(|held| is_same(held, &secret));
                    let warning =
                        warning.map(|warning| format!("the {input} of {name}: {warning}"));
                    // Whether another is taken isn't known yet.
                    if is_held {
                        self.note_source(&name, &input, warning);
                    }
                    if !is_held {
                        replacement.secrets.insert(input.clone(), secret);
                        replacement.sources.insert(input, source);
                    }
                }
                Err(problem) => {
                    let problem =
                        format!("no new {input} of {name}, the last one holds: {problem}");
                    self.note_source(&name, &input, Some(problem));
                }
            }
        }
        if self.stopping || replacement.secrets.is_empty() {
            self.release(&name);
            if look == Some(Look::Refusal) && self.is_refused(&name) && self.has_commands(&name) {
                self.look_after_refusal(&name);
            }
            return;
        }
        let Some(entry) = self.entries.get(&name) else { return };
        let (etag, from) = (Some(entry.credential.etag()), Supplier::Source);
        // Nobody waits for the answer.
        let reply = oneshot::channel().0;
        // Nobody but the daemon itself.
        let author = Author { uid: 0, pid: None };
        self.change(Change::Replace { name, etag, replacement, from, reply }, author);
    }

    /// Notes what is wrong with a source, or that nothing is; the log tells once.
    pub(super) fn note_source(&mut self, name: &Name, input: &str, problem: Option<String>) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        let notes = &mut entry.notes.sources;
        let before = match &problem {
            Some(problem) => notes.insert(input.to_owned(), problem.clone()),
            None => notes.remove(input),
        };
        match (problem, before) {
            (Some(problem), before) if before.as_ref() != Some(&problem) => {
                warn!(credential = %name, "{problem}");
            }
            (None, Some(_)) => {
                info!(credential = %name, secret = input, "its source is in order again");
            }
            _ => {}
        }
    }

    fn has_commands(&self, name: &Name) -> bool {
        let is_command = |source: &Source| matches!(source, Source::Command { .. });
        let entry = self.entries.get(name);
        entry.is_some_and(|it| it.credential.supply.sources.values().any(is_command))
    }

    fn is_refused(&self, name: &Name) -> bool {
        let view = self.keeper.view(name, self.clock.now());
        view.is_some_and(|view| view.state == State::Refused)
    }
}
