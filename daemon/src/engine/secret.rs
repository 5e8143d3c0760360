//! Secrets of a credential that an answer of its provider has replaced.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use secrecy::SecretString;
use tokend_core::{Name, Random, Token};
use tracing::info;

use super::{Engine, dance::Dance};
use crate::{
    credential::Grant,
    ports::{Clock, Issuer, Store},
};

/// Secrets that are being written together with the token that they came with.
#[derive(Debug)]
pub(super) struct Replacement {
    secrets: BTreeMap<String, SecretString>,
    /// When the token was asked for.
    at: Timestamp,
    /// Whether changes of the credential wait for it, and for nothing before it.
    defers: bool,
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Makes changes of a credential wait until its new secrets are written: they would
    /// write the old ones back.
    pub(super) fn defer_for(&mut self, name: &Name, token: &Token<Grant>) -> Option<Replacement> {
        let secrets = &token.payload.secrets;
        if secrets.is_empty() {
            return None;
        }
        let defers = !self.deferred.contains_key(name);
        self.deferred.entry(name.clone()).or_default();
        Some(Replacement { secrets: secrets.clone(), at: token.issued_at, defers })
    }

    /// Goes on with the secrets that are on disk.
    pub(super) fn replace(&mut self, name: &Name, replaces: Option<Replacement>, written: bool) {
        let Some(Replacement { secrets, at, defers }) = replaces else { return };
        if written && let Some(entry) = self.entries.get_mut(name) {
            let names: Vec<&str> = secrets.keys().map(String::as_str).collect();
            info!(credential = %name, secrets = names.join(" "), "secrets replaced by the provider");
            entry.credential = Arc::new(entry.credential.with_secrets(&secrets, at));
            entry.dance = Dance::of(&self.definitions, &entry.credential);
            self.settle([name.clone()]);
        }
        if defers {
            self.go_on_changing(name);
        }
    }
}
