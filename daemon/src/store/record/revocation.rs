//! A token that is to be ended at its provider, as it is sealed.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use tokend_core::{Failure, RevocationId};

use super::{FailureForm, Invalid, Secret, Time, TokenRecord, open_all, seal_all};
use crate::{credential::CredentialId, ports::Revocation};

/// A revocation but for its id, which is in the clear.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct RevocationRecord {
    name: String,
    credential: [u8; 16],
    provider: String,
    variables: BTreeMap<String, String>,
    secrets: BTreeMap<String, Secret>,
    token: Option<TokenRecord>,
    ends_at: Option<Time>,
    asked_at: Time,
    attempts: u32,
    last_failure: Option<FailedRecord>,
}

#[derive(Serialize, Deserialize)]
struct FailedRecord {
    #[serde(with = "FailureForm")]
    failure: Failure,
    at: Time,
}

impl From<&Revocation> for RevocationRecord {
    fn from(revocation: &Revocation) -> Self {
        let failed =
            |(failure, at): &(Failure, _)| FailedRecord { failure: failure.clone(), at: Time(*at) };
        Self {
            name: revocation.name.to_string(),
            credential: revocation.credential.0,
            provider: revocation.provider.clone(),
            variables: revocation.variables.clone(),
            secrets: seal_all(&revocation.secrets),
            token: revocation.token.as_deref().map(TokenRecord::from),
            ends_at: revocation.ends_at.map(Time),
            asked_at: Time(revocation.asked_at),
            attempts: revocation.attempts,
            last_failure: revocation.last_failure.as_ref().map(failed),
        }
    }
}

impl RevocationRecord {
    /// Restores the revocation that has the id `id`.
    pub(in crate::store) fn restore(self, id: RevocationId) -> Result<Revocation, Invalid> {
        Ok(Revocation {
            id,
            name: self.name.parse()?,
            credential: CredentialId(self.credential),
            provider: self.provider,
            variables: self.variables,
            secrets: open_all(self.secrets),
            token: self.token.map(|token| Arc::new(token.into())),
            ends_at: self.ends_at.map(|time| time.0),
            asked_at: self.asked_at.0,
            attempts: self.attempts,
            last_failure: self.last_failure.map(|failed| (failed.failure, failed.at.0)),
        })
    }
}
