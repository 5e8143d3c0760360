//! Secrets of a credential that are replaced: by its provider, a person, a file or a
//! command.

mod expiry;
mod overlap;
mod replacement;
mod source;

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use tokend_core::{Name, Random, Token};
use tracing::info;

use self::expiry::Stage;
pub(super) use self::{overlap::Attempt, replacement::check_supply, source::Held};
use super::{Engine, Entry};
use crate::{
    credential::Grant,
    ports::{
        Clock, Happening, Issuer, Store,
        event::{Change, Doer},
    },
};

/// What a credential's secrets are with a token that is being written.
#[derive(Debug)]
pub(super) struct Settling {
    grant: Grant,
    /// When the token was asked for.
    at: Timestamp,
}

/// What there is to say of a credential's secrets. It is learnt anew after a restart.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// How the provider has refused the new secrets, if the ones before still work.
    refused: Option<String>,
    /// What is wrong with sources, by the names of their secrets.
    sources: BTreeMap<String, String>,
    /// How near the end is of which the log has told, by the names of the secrets.
    warned: BTreeMap<String, Stage>,
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Makes changes of a credential wait until its new secrets are written: they would
    /// write the old ones back.
    pub(super) fn defer_for(&mut self, name: &Name, token: &Token<Grant>) -> Option<Settling> {
        if !token.payload.settles_secrets() {
            return None;
        }
        self.defer_changes(name);
        Some(Settling { grant: token.payload.clone(), at: token.issued_at })
    }

    /// Goes on with the secrets that are on disk.
    pub(super) fn settle_secrets(
        &mut self,
        name: &Name,
        settling: Option<Settling>,
        written: bool,
    ) {
        let Some(Settling { grant, at }) = settling else { return };
        if written && let Some(entry) = self.entries.get_mut(name) {
            if !grant.proven.is_empty() {
                let secrets = names(grant.proven.keys());
                info!(credential = %name, secrets, "new secrets work; those before are dropped");
                entry.notes.refused = None;
            }
            entry.replace(Arc::new(entry.credential.settled_by(&grant, at)));
            entry.remember(&self.definitions.now());
            self.settle([name.clone()]);
            self.mind(name);
            if !grant.secrets.is_empty() {
                let replaced = Change::Secrets(Some(names(grant.secrets.keys())));
                self.tell(Some(name), Happening::Changed(replaced, Doer::Provider));
            }
        }
        self.go_on_changing(name);
    }

    /// Returns what is wrong with a credential's secrets, by their names.
    pub(super) fn secret_problems(&self, entry: &Entry) -> BTreeMap<String, Vec<String>> {
        let Entry { credential, notes, .. } = entry;
        let now = self.clock.now().wall;
        let mut problems: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for input in credential.secrets.keys() {
            let all = [
                notes.refusal(credential, input),
                expiry::warning(credential, input, now),
                notes.sources.get(input).cloned(),
            ];
            let all: Vec<String> = all.into_iter().flatten().collect();
            if !all.is_empty() {
                problems.insert(input.clone(), all);
            }
        }
        problems
    }
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(String::as_str).collect::<Vec<_>>().join(" ")
}
