//! What the services want changed about stored credentials.

use std::collections::BTreeMap;

use secrecy::SecretString;
use tokend_core::{Name, Policy};
use tokend_provider::Limit;

use super::Reply;
use crate::{
    credential::{Declared, Reader, Replacement, Role, Supply},
    engine::{Error, Snapshot},
};

/// A change to a stored credential. It is answered when it is on disk.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "each is handed on once and not kept")]
pub enum Change {
    /// A new credential.
    Create {
        /// What is to be stored.
        new: NewCredential,
        /// The answer.
        reply: Reply<Snapshot>,
    },
    /// A credential as a file declares it, whether it is there yet or not.
    Declare {
        /// How it is to be.
        declared: Box<Declared>,
        /// The etag that it must have, empty if it mustn't be there.
        etag: String,
        /// The answer.
        reply: Reply<Snapshot>,
    },
    /// Its removal.
    Remove {
        /// Which.
        name: Name,
        /// The etag that it must have.
        etag: Option<String>,
        /// Whether its token is to be ended on the far side, if that can be done and isn't
        /// its user's to do.
        revoke: bool,
        /// Whether it is being ended.
        reply: Reply<bool>,
    },
    /// The end of the token that is held, on the far side.
    End {
        /// Of which credential.
        name: Name,
        /// The answer, when the token has ended.
        reply: Reply<Snapshot>,
    },
    /// More readers, submitters or refreshers.
    Grant {
        /// Of which credential.
        name: Name,
        /// The etag that it must have.
        etag: Option<String>,
        /// Who.
        readers: Vec<Reader>,
        /// As what.
        role: Role,
        /// The answer.
        reply: Reply<Snapshot>,
    },
    /// Another policy or other limits.
    Keep {
        /// Of which credential.
        name: Name,
        /// The etag that it must have.
        etag: Option<String>,
        /// The policy, if it is to change.
        policy: Option<Policy>,
        /// The limits, if they are to change.
        limits: Option<Vec<Limit>>,
        /// The answer.
        reply: Reply<Snapshot>,
    },
    /// Other secrets.
    Replace {
        /// Of which credential.
        name: Name,
        /// The etag that it must have.
        etag: Option<String>,
        /// Which.
        replacement: Replacement,
        /// Who or what brings them, for the log.
        from: Supplier,
        /// The answer.
        reply: Reply<Snapshot>,
    },
    /// Fewer readers, submitters or refreshers. Who may read no more may do nothing else either.
    Revoke {
        /// Of which credential.
        name: Name,
        /// The etag that it must have.
        etag: Option<String>,
        /// Who.
        readers: Vec<Reader>,
        /// As what.
        role: Role,
        /// The answer.
        reply: Reply<Snapshot>,
    },
}

/// Who or what brings other secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supplier {
    /// A person.
    Operator,
    /// A file or a command of this machine.
    Source,
}

/// A credential to be stored.
#[derive(Debug)]
pub struct NewCredential {
    /// Its name.
    pub name: Name,
    /// The name of its provider definition.
    pub provider: String,
    /// The definition's variables.
    pub variables: BTreeMap<String, String>,
    /// The definition's secrets.
    pub secrets: BTreeMap<String, SecretString>,
    /// What else is known of them.
    pub supply: Supply,
    /// Who may read its tokens.
    pub readers: Vec<Reader>,
    /// Who may submit newer tokens, and read as well.
    pub submitters: Vec<Reader>,
    /// Who may have the token replaced now, and read as well.
    pub refreshers: Vec<Reader>,
    /// When its tokens are refreshed ahead of their end.
    pub policy: Policy,
    /// Limits on issuances beside those of the definition.
    pub limits: Vec<Limit>,
}

impl Change {
    pub(in crate::engine) fn name(&self) -> &Name {
        match self {
            Self::Create { new, .. } => &new.name,
            Self::Declare { declared, .. } => &declared.name,
            Self::Remove { name, .. }
            | Self::End { name, .. }
            | Self::Grant { name, .. }
            | Self::Keep { name, .. }
            | Self::Replace { name, .. }
            | Self::Revoke { name, .. } => name,
        }
    }

    pub(in crate::engine) fn refuse(self, error: Error) {
        // Whoever asked may have gone; there is no one else to tell.
        match self {
            Self::Create { reply, .. }
            | Self::Declare { reply, .. }
            | Self::End { reply, .. }
            | Self::Grant { reply, .. }
            | Self::Keep { reply, .. }
            | Self::Replace { reply, .. }
            | Self::Revoke { reply, .. } => {
                let _ = reply.send(Err(error));
            }
            Self::Remove { reply, .. } => {
                let _ = reply.send(Err(error));
            }
        }
    }
}
