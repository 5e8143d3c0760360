//! Between the core, which knows when, and the definitions, which know how.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokend_core::{Failure, Lifetime, Limit, Verdict};
use tokend_provider::{
    AcceptedInputs, Definition, Expiry, Inputs, Issued, Library, Placement, RetryAfter,
};
use tracing::warn;

use super::Error;
use crate::credential::{Credential, Grant};

/// A definition with the inputs that it accepted.
#[derive(Debug, Clone)]
pub(super) struct Dance {
    pub(super) definition: Arc<Definition>,
    pub(super) inputs: Arc<AcceptedInputs>,
}

impl Dance {
    /// Finds a credential's definition and hands it the inputs.
    pub(super) fn of(library: &Library, credential: &Credential) -> Result<Self, Error> {
        let Some(definition) = library.get(&credential.provider) else {
            let name = credential.provider.clone();
            let suggestion = library.suggest(&name).map(str::to_owned);
            return Err(Error::ProviderNotFound { name, suggestion });
        };
        let inputs = definition.accept(Inputs {
            variables: credential.variables.clone(),
            secrets: credential.secrets.clone(),
        })?;
        Ok(Self { definition, inputs: Arc::new(inputs) })
    }

    /// Returns the account at the provider, whose issuances the limits count.
    pub(super) fn account(&self) -> String {
        self.inputs.account().as_str().to_owned()
    }

    /// Returns the limits on issuances.
    pub(super) fn limits(&self) -> Vec<Limit> {
        let limits = self.inputs.limits().iter();
        limits.map(|limit| Limit { count: limit.count, window: limit.window }).collect()
    }

    /// Returns where callers put a token, and the hosts that it may go to.
    pub(super) fn presentation(&self, grant: &Grant) -> (Vec<Placement>, Vec<String>) {
        let Self { definition, inputs } = self;
        let placements = definition.placements(inputs, &grant.value, &grant.extras);
        let placements = placements.unwrap_or_else(|problem| {
            warn!(provider = definition.name(), "no placement for the token: {problem}");
            Vec::new()
        });
        (placements, inputs.hosts().to_vec())
    }
}

/// How long a token is taken to live if neither the answer nor the definition
/// says. An hour is what most servers give, and the worst of taking it is to ask
/// more often than need be; a token that is taken to live for ever is served dead.
const ASSUMED_LIFE: Duration = Duration::from_secs(3_600);

/// Returns how long a token lives.
pub(super) fn lifetime(issued: &Issued) -> Lifetime {
    match issued.expiry {
        Expiry::After(life) => Lifetime::For(life),
        Expiry::At(end) => Lifetime::Until(end),
        Expiry::Never => Lifetime::Unlimited,
        Expiry::Unknown => Lifetime::For(ASSUMED_LIFE),
    }
}

/// Returns the secret part of what was issued.
pub(super) fn grant(issued: Issued) -> Grant {
    let Issued { value, token_type, refresh_token, extras, .. } = issued;
    Grant { value, token_type, refresh_token, extras }
}

/// Returns a failure as the core knows it, at `now`.
pub(super) fn failure(failure: tokend_provider::Failure, now: Timestamp) -> Failure {
    // A date is the provider's; so is the one in the answer that it is held against.
    let now = failure.date.unwrap_or(now);
    let until = |at: Timestamp| Duration::try_from(at.duration_since(now)).unwrap_or_default();
    Failure {
        verdict: match failure.verdict {
            tokend_provider::Verdict::Limited => Verdict::Limited,
            tokend_provider::Verdict::Denied => Verdict::Denied,
            tokend_provider::Verdict::Transient => Verdict::Transient,
        },
        retry_after: failure.retry_after.map(|retry| match retry {
            RetryAfter::After(wait) => wait,
            RetryAfter::At(at) => until(at),
        }),
        message: failure.message,
    }
}
