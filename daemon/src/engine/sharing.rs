//! Refresh tokens that two credentials would hold.

use std::time::Duration;

use tokend_core::Random;

use super::{
    Engine, Error,
    change::{Pending, PendingChange},
    dance::Dance,
};
use crate::{
    credential::{Credential, Fingerprint, REFRESH_TOKEN},
    ports::{Clock, Issuer, Store},
};

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Checks that no other credential holds the refresh token of this one, or has held it
    /// until its last refresh: whichever of both sends it later would be taken for a thief.
    pub(super) fn check_unshared(
        &self,
        credential: &Credential,
        dance: &Dance,
    ) -> Result<(), Error> {
        let Some(held) = credential.secrets.get(REFRESH_TOKEN).map(Fingerprint::of) else {
            return Ok(());
        };
        // One that is never replaced can be sent by anyone.
        let Dance { definition, inputs } = dance;
        let is_replaced = inputs.lifetimes().refresh_grace != Some(Duration::MAX);
        if !is_replaced || !definition.needs_login(inputs) {
            return Ok(());
        }
        let coming = self.writing.values().filter_map(|pending| match pending {
            Pending::Change(
                PendingChange::Create { credential, .. }
                | PendingChange::Declare { credential, .. }
                | PendingChange::Anew { credential, .. }
                | PendingChange::Replace { credential, .. },
                _,
            ) => Some(&**credential),
            _ => None,
        });
        let stored = self.entries.values().map(|entry| &*entry.credential);
        let holds = |other: &&Credential| {
            let all = [&other.secrets, &other.supply.former];
            let mut all = all.into_iter().filter_map(|secrets| secrets.get(REFRESH_TOKEN));
            // One that is made anew has another id than the one in whose place it comes.
            let is_other = other.id != credential.id && other.name != credential.name;
            is_other && all.any(|other| Fingerprint::of(other) == held)
        };
        match stored.chain(coming).find(holds) {
            Some(other) => Err(Error::SharedRefreshToken {
                name: credential.name.clone(),
                other: other.name.clone(),
            }),
            None => Ok(()),
        }
    }
}
