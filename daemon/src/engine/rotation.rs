//! Newer tokens that an API has handed to callers.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use tokend_core::{Caller, Input, Name, Random, Reception, TokenId, WaiterId};
use tokend_provider::Held;
use tracing::warn;

use super::{Engine, Entry, Error, Named, Reply, Rotation, dance};
use crate::{
    credential::Grant,
    ports::{Clock, Issuer, Store},
};

/// What became of a newer token that a caller handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotated {
    /// Callers see it; its id.
    Accepted(TokenId),
    /// It is the one that is held, whose id this is.
    Unchanged(TokenId),
}

/// Who has handed over a newer token, and which.
#[derive(Debug)]
pub(super) struct Submitter {
    newer: Newer,
    caller: Caller,
    reply: Reply<Rotated>,
}

/// What is newer.
#[derive(Debug)]
struct Newer {
    value: Option<SecretString>,
    extras: BTreeMap<String, SecretString>,
}

impl Submitter {
    pub(super) fn refuse(self, error: Error) {
        let _ = self.reply.send(Err(error));
    }
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Hands a newer token to the core, if it isn't the one that is held.
    pub(super) fn rotate(&mut self, name: &Name, rotation: Rotation, reply: Reply<Rotated>) {
        let Rotation { previous, caller, value, extras } = rotation;
        let newer = Newer { value, extras };
        let waiter = WaiterId(self.number());
        match self.taken(name, &previous, &newer, waiter, caller) {
            Ok(rotation) => {
                self.submitting.insert(waiter, Submitter { newer, caller, reply });
                self.step(name, Input::Rotated(rotation));
            }
            Err(answer) => drop(reply.send(answer)),
        }
    }

    /// Returns what goes into the core; else the answer.
    fn taken(
        &self,
        name: &Name,
        previous: &Named,
        newer: &Newer,
        waiter: WaiterId,
        caller: Caller,
    ) -> Result<tokend_core::Rotation<Grant>, Result<Rotated, Error>> {
        let Some(Entry { slot, .. }) = self.entries.get(name) else {
            return Err(Err(self.missing(name)));
        };
        let dance = self.danced(name).map_err(Err)?;
        let superseded = || Err(Error::Superseded(name.clone()));
        let published = slot.published().ok_or_else(superseded)?;
        let held = published.token();
        let (before, extras) = (dance::held(&held.payload), newer.extras.clone());
        let came = dance
            .definition
            .rotate(&dance.inputs, before, newer.value.clone(), extras)
            .map_err(|error| Err(error.into()))?;
        if newer.is_held(&held.payload) {
            return Err(Ok(Rotated::Unchanged(held.id)));
        }
        // One that isn't held any more is taken for an older one.
        let token_id = self.named(name, previous).unwrap_or(TokenId([0; 16]));
        let sent_at = self.clock.now().wall;
        let told = dance::told(dance.inputs.life());
        let unused = dance::unused(told, dance.inputs.lifetimes().idle, sent_at);
        let lifetime = newer.value.is_some().then_some(unused);
        let refreshable = dance.can_refresh(&came);
        let session = dance.session(&came, told, sent_at);
        let Held { value, refresh_token, extras } = came;
        let token_type = held.payload.token_type.clone();
        let (secrets, proven) = (BTreeMap::new(), BTreeMap::new());
        let payload = Grant { value, token_type, refresh_token, extras, secrets, proven };
        Ok(tokend_core::Rotation {
            waiter,
            token_id,
            caller,
            lifetime,
            refreshable,
            session,
            payload,
        })
    }

    /// Tells a caller what became of the token that it handed over.
    pub(super) fn acknowledge(&mut self, name: &Name, waiter: WaiterId, reception: Reception) {
        let Some(Submitter { newer, caller, reply }) = self.submitting.remove(&waiter) else {
            return;
        };
        let answer = match reception {
            Reception::Accepted(id) => {
                self.tell_of_submission(name, id, caller.0);
                Ok(Rotated::Accepted(id))
            }
            Reception::Superseded => match self.held_already(name, &newer) {
                Some(id) => Ok(Rotated::Unchanged(id)),
                None => Err(Error::Superseded(name.clone())),
            },
            Reception::Throttled { retry_after } => {
                Err(Error::TooManyRotations { name: name.clone(), retry_after })
            }
            Reception::Refused(refusal) => {
                warn!(credential = %name, "a newer token of an API isn't served: {refusal}");
                Err(refusal.into())
            }
        };
        // The caller may have given up; the token is there for the next one.
        let _ = reply.send(answer);
    }

    fn held_already(&self, name: &Name, newer: &Newer) -> Option<TokenId> {
        let published = self.entries.get(name)?.slot.published()?;
        let held = published.token();
        newer.is_held(&held.payload).then_some(held.id)
    }
}

impl Newer {
    /// Tells whether nothing is newer than what is held.
    fn is_held(&self, held: &Grant) -> bool {
        let is_held = |(name, extra): (&String, &SecretString)| {
            let held = held.extras.get(name).map(ExposeSecret::expose_secret);
            held == Some(extra.expose_secret())
        };
        let value = self.value.as_ref().map_or(held.value.expose_secret(), |v| v.expose_secret());
        value == held.value.expose_secret() && self.extras.iter().all(is_held)
    }
}
