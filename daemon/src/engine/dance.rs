//! Between the core, which knows when, and the definitions, which know how.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokend_core::{
    Failure, Lifetime, Limit, Origin, Period, Quota, Session, Terms, Verdict, Window, after,
};
use tokend_provider::{
    AcceptedInputs, Definition, Expiry, Held, Inputs, Issued, Library, Operation, RetryAfter,
};
use tracing::warn;

use super::Error;
use crate::{
    credential::{Credential, Grant},
    published::Presentation,
};

/// A definition with the inputs that it accepted.
#[derive(Debug, Clone)]
pub(super) struct Dance {
    pub(super) definition: Arc<Definition>,
    pub(super) inputs: Arc<AcceptedInputs>,
}

/// How a credential's dance goes, while it isn't danced: what goes into it is worked out of the
/// credential each time that it is.
#[derive(Debug)]
pub(super) struct Routine {
    pub(super) definition: Arc<Definition>,
    account: Arc<str>,
    limits: Box<[tokend_provider::Limit]>,
    /// What goes into it, as long as somebody has that.
    inputs: Mutex<Weak<AcceptedInputs>>,
}

impl Routine {
    /// Remembers a dance.
    pub(super) fn of(dance: &Dance) -> Self {
        Self {
            definition: Arc::clone(&dance.definition),
            account: dance.account().into(),
            limits: dance.inputs.limits().into(),
            inputs: Mutex::default(),
        }
    }

    /// Returns the dance of a credential, which is the one that it was remembered for.
    pub(super) fn dance(&self, credential: &Credential) -> Result<Dance, Error> {
        let definition = Arc::clone(&self.definition);
        let mut known = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(inputs) = known.upgrade() {
            return Ok(Dance { definition, inputs });
        }
        let inputs = Arc::new(definition.accept(inputs(credential))?);
        *known = Arc::downgrade(&inputs);
        Ok(Dance { definition, inputs })
    }

    /// Forgets what went into it, which else keeps its room.
    pub(super) fn rest(&self) {
        *self.inputs.lock().unwrap_or_else(PoisonError::into_inner) = Weak::new();
    }

    /// Returns the account at the provider, whose issuances the limits count.
    pub(super) fn account(&self) -> &Arc<str> {
        &self.account
    }

    /// Returns the limits on issuances: the definition's, and what else is known
    /// of the account.
    pub(super) fn limits<'a>(
        &'a self,
        credential: &'a Credential,
    ) -> impl Iterator<Item = Limit> + 'a {
        self.limits.iter().chain(&credential.limits).map(limit)
    }
}

fn inputs(credential: &Credential) -> Inputs {
    let (variables, secrets) = (credential.variables.clone(), credential.secrets.clone());
    Inputs { variables, secrets }
}

impl Dance {
    /// Finds a credential's definition and hands it the inputs.
    pub(super) fn of(library: &Library, credential: &Credential) -> Result<Self, Error> {
        Self::with(library, &credential.provider, inputs(credential))
    }

    /// Hands a definition a credential's inputs.
    pub(super) fn by(definition: Arc<Definition>, credential: &Credential) -> Result<Self, Error> {
        let inputs = Arc::new(definition.accept(inputs(credential))?);
        Ok(Self { definition, inputs })
    }

    /// Finds a definition and hands it these inputs.
    pub(super) fn with(library: &Library, provider: &str, inputs: Inputs) -> Result<Self, Error> {
        let Some(definition) = library.get(provider) else {
            let name = provider.to_owned();
            let suggestion = library.suggest(&name).map(str::to_owned);
            return Err(Error::ProviderNotFound { name, suggestion });
        };
        let inputs = definition.accept(inputs)?;
        Ok(Self { definition, inputs: Arc::new(inputs) })
    }

    /// Tells whether to revoke this ends a person's login.
    pub(super) fn ends_login(&self, held: Option<&Held>) -> bool {
        self.definition.ends_login(&self.inputs, held)
    }

    /// Tells whether the token is one of the inputs, so that nobody is asked for it.
    pub(super) fn is_static(&self) -> bool {
        self.definition.is_static(&self.inputs)
    }

    /// Returns the account at the provider, whose issuances the limits count.
    pub(super) fn account(&self) -> &str {
        self.inputs.account().as_str()
    }

    /// Returns what is settled for the credential.
    pub(super) fn terms(&self, credential: &Credential) -> Terms {
        let lifetimes = self.inputs.lifetimes();
        Terms {
            policy: credential.policy,
            origin: if self.is_static() {
                Origin::Static
            } else if self.definition.needs_login(&self.inputs) {
                Origin::Login
            } else {
                Origin::Secrets
            },
            provider: self.inputs.account().host().into(),
            same_token_until: lifetimes.same_token_until,
            ends_old_after: lifetimes.ends_old_after,
            refresh_grace: lifetimes.refresh_grace,
            is_logged_in: self.definition.can(Operation::Issue, &self.inputs, None),
            max_refreshes: lifetimes.max_refreshes,
        }
    }

    /// Tells whether what is held can be exchanged for a new token.
    pub(super) fn can_refresh(&self, held: &Held) -> bool {
        self.definition.can(Operation::Refresh, &self.inputs, Some(held))
    }

    /// Returns how the life of a token that was asked for at `sent_at` can be
    /// prolonged, if it ends for lack of use.
    pub(super) fn session(
        &self,
        held: &Held,
        told: Lifetime,
        sent_at: Timestamp,
    ) -> Option<Session> {
        let idle = self.inputs.lifetimes().idle?;
        let end = told.end(sent_at);
        let can = self.definition.can(Operation::KeepAlive, &self.inputs, Some(held));
        can.then_some(Session { idle, end })
    }

    /// Returns what callers do with a token.
    pub(super) fn presentation(&self, grant: &Grant) -> Presentation {
        let Self { definition, inputs } = self;
        let placements = definition.placements(inputs, &grant.value, &grant.extras);
        let placements = placements.unwrap_or_else(|problem| {
            warn!(provider = definition.name(), "no placement for the token: {problem}");
            Vec::new()
        });
        let base_url = definition.base_url(inputs, &grant.value, &grant.extras).unwrap_or_default();
        let mut hosts = inputs.hosts().to_vec();
        // Who doesn't say where the API is has the provider's word for it.
        if hosts.is_empty() {
            hosts.extend(base_url.as_ref().and_then(|url| url.host_str()).map(str::to_owned));
        }
        let base_url = base_url.map(|url| url.to_string());
        let rejection = definition.rejection().clone();
        let rotations = definition.rotations().to_vec();
        Presentation { placements, base_url, hosts, rejection, rotations, is_refreshed: true }
    }
}

/// How long a token is taken to live if neither the answer nor the definition
/// says. An hour is what most servers give, and the worst of taking it is to ask
/// more often than need be; a token that is taken to live for ever is served dead.
const ASSUMED_LIFE: Duration = Duration::from_secs(3_600);

/// Returns a limit as definitions and people write it, as `50/12h`.
pub fn limit_text(limit: &Limit) -> String {
    let window = match &limit.window {
        Window::Sliding(length) => tokend_provider::Window::Sliding(*length),
        Window::Calendar { period, zone } => tokend_provider::Window::Calendar {
            period: match period {
                Period::Hour => tokend_provider::Period::Hour,
                Period::Day => tokend_provider::Period::Day,
                Period::Month => tokend_provider::Period::Month,
            },
            zone: zone.clone(),
        },
    };
    tokend_provider::Limit { count: limit.count, window }.to_string()
}

/// Returns a limit as the core knows it.
pub fn limit(limit: &tokend_provider::Limit) -> Limit {
    let window = match &limit.window {
        tokend_provider::Window::Sliding(length) => Window::Sliding(*length),
        tokend_provider::Window::Calendar { period, zone } => {
            let period = match period {
                tokend_provider::Period::Hour => Period::Hour,
                tokend_provider::Period::Day => Period::Day,
                tokend_provider::Period::Month => Period::Month,
            };
            Window::Calendar { period, zone: zone.clone() }
        }
    };
    Limit { count: limit.count, window }
}

/// Returns what an answer told of the provider's limits, as the core knows it.
pub(super) fn quotas(quotas: &[tokend_provider::Quota]) -> Vec<Quota> {
    let quota = |quota: &tokend_provider::Quota| Quota {
        limit: quota.limit,
        remaining: quota.remaining,
        reset_after: quota.reset_after,
    };
    quotas.iter().map(quota).collect()
}

/// Returns how long a token lives, as far as the answer or the definition says.
pub(super) fn told(expiry: Expiry) -> Lifetime {
    match expiry {
        Expiry::After(life) => Lifetime::For(life),
        Expiry::At(end) => Lifetime::Until(end),
        Expiry::Never => Lifetime::Unlimited,
        Expiry::Unknown => Lifetime::For(ASSUMED_LIFE),
    }
}

/// Returns how long a token lives that isn't used: what its callers do with it,
/// tokend doesn't see.
pub(super) fn unused(told: Lifetime, idle: Option<Duration>, sent_at: Timestamp) -> Lifetime {
    match idle {
        Some(idle) if told.end(sent_at).is_none_or(|end| end > after(sent_at, idle)) => {
            Lifetime::For(idle)
        }
        _ => told,
    }
}

/// Tells whether a grant is the one that is held, given once more.
pub(super) fn is_same(held: &Grant, came: &Grant) -> bool {
    let (held_extras, extras) = (held.extras.iter(), came.extras.iter());
    let same = |((a, held), (b, came)): ((&String, &SecretString), (&String, &SecretString))| {
        a == b && held.expose_secret() == came.expose_secret()
    };
    held.value.expose_secret() == came.value.expose_secret()
        && held.extras.len() == came.extras.len()
        && held_extras.zip(extras).all(same)
}

/// Returns what a dance can go on from.
pub(super) fn held(grant: &Grant) -> Held {
    let Grant { value, refresh_token, extras, .. } = grant.clone();
    Held { value, refresh_token, extras }
}

/// Returns which of a definition's dances is meant.
pub(super) fn operation(operation: tokend_core::Operation) -> Operation {
    match operation {
        tokend_core::Operation::Issue => Operation::Issue,
        tokend_core::Operation::Refresh => Operation::Refresh,
        tokend_core::Operation::KeepAlive => Operation::KeepAlive,
    }
}

/// Returns the secret part of what was issued.
pub(super) fn grant(issued: Issued) -> Grant {
    let Issued { value, token_type, refresh_token, extras, secrets, .. } = issued;
    let proven = BTreeMap::new();
    Grant { value, token_type, refresh_token, extras, secrets, proven }
}

/// Returns a failure as the core knows it, at `now`. A time is held against that only if the
/// answer didn't tell the provider's own.
pub(super) fn failure(failure: tokend_provider::Failure, now: Timestamp) -> Failure {
    let until = |at: Timestamp| Duration::try_from(at.duration_since(now)).unwrap_or_default();
    Failure {
        verdict: match failure.verdict {
            tokend_provider::Verdict::Limited => Verdict::Limited,
            tokend_provider::Verdict::Denied => Verdict::Denied,
            tokend_provider::Verdict::Transient => Verdict::Transient,
            tokend_provider::Verdict::Local => Verdict::Local,
        },
        retry_after: failure.retry_after.map(|retry| match retry {
            RetryAfter::After(wait) => wait,
            RetryAfter::At(at) => until(at),
        }),
        message: failure.message,
    }
}
