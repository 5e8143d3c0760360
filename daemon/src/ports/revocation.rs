//! Tokens that are to be ended at their providers.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use secrecy::SecretString;
use tokend_core::{Failure, Name, RevocationId, Token};

use crate::credential::{CredentialId, Grant};

/// A token that is to be ended at its provider, with all that this takes: it can outlive
/// its credential.
#[derive(Debug, Clone)]
pub struct Revocation {
    /// Tells it from others.
    pub id: RevocationId,
    /// The credential's name when it was asked for.
    pub name: Name,
    /// The credential.
    pub credential: CredentialId,
    /// The name of its provider definition.
    pub provider: String,
    /// The values of the definition's variables.
    pub variables: BTreeMap<String, String>,
    /// The secrets that the definition asks for.
    pub secrets: BTreeMap<String, SecretString>,
    /// The token, with its refresh token and extras; `None` if only a login is to be ended.
    pub token: Option<Arc<Token<Grant>>>,
    /// When nothing is left to end; `None` if there always is.
    pub ends_at: Option<Timestamp>,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// How many attempts have failed.
    pub attempts: u32,
    /// Why the last one did, and when.
    pub last_failure: Option<(Failure, Timestamp)>,
}

/// What isn't stored any more once a revocation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// The token, unless another has taken its place.
    Token,
    /// The token, and the refresh token of the person's login among the secrets.
    Login,
    /// The credential.
    Credential,
}
