//! What the services ask of the engine.

mod change;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use secrecy::SecretString;
use tokend_core::{Caller, Name, RevocationId, Ruling};
use tokend_provider::LoginMethod;
use tokio::sync::oneshot;

pub use self::change::{Change, NewCredential, Supplier};
use super::{
    AccountBudget, Accounts, Approach, Bound, Candidate, Error, Issuance, LoginPlan, NewLogin,
    PendingRevocation, Plan, Rotated, Snapshot, Tried,
};
use crate::{
    credential::Declared,
    ports::{Happening, Number, Redefined, Redefinition, Rekey, Rekeyed},
    published::Published,
};

/// Where the answer to a command goes.
pub type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// What someone wants of the engine. Whether they may is decided before.
#[derive(Debug)]
pub enum Command {
    /// A token; the published one doesn't do.
    Acquire {
        /// Of which credential.
        name: Name,
        /// The life that it must have left; `None` for the default.
        min_ttl: Option<Duration>,
        /// The answer.
        reply: Reply<Arc<Published>>,
    },
    /// A new token, whatever is held and whatever failed.
    Refresh {
        /// Of which credential.
        name: Name,
        /// The answer.
        reply: Reply<Arc<Published>>,
    },
    /// A new token, if nothing speaks against it but that one is held.
    Renew {
        /// Of which credential.
        name: Name,
        /// Who wants it.
        caller: Caller,
        /// The answer.
        reply: Reply<Arc<Published>>,
    },
    /// Another token: an API refused this one.
    Report {
        /// Of which credential.
        name: Name,
        /// What the caller says.
        rejection: Rejection,
        /// The answer.
        reply: Reply<Ruling>,
    },
    /// A newer token is there: an API handed it to a caller.
    Rotate {
        /// Of which credential.
        name: Name,
        /// What the caller says.
        rotation: Rotation,
        /// The answer.
        reply: Reply<Rotated>,
    },
    /// A change to a stored credential, and who wants it.
    Change(Change, Author),
    /// The end of the token that is held, on the far side and here.
    Revoke {
        /// Of which credential.
        name: Name,
        /// Whether it is dropped here only.
        local: bool,
        /// Who wants it.
        author: Author,
        /// The answer.
        reply: Reply<Snapshot>,
    },
    /// A look at the tokens that are to be ended on the far side still.
    Revocations {
        /// The answer, in the order in which they were asked for.
        reply: Reply<Vec<PendingRevocation>>,
    },
    /// A token that was to be ended is left to live on.
    DropRevocation {
        /// Which.
        id: RevocationId,
        /// Who wants it.
        author: Author,
        /// The answer.
        reply: Reply<()>,
    },
    /// An operation on the far side, one of the definition's.
    Remote {
        /// With which credential.
        name: Name,
        /// Which.
        operation: String,
        /// What it is to be done with.
        arguments: BTreeMap<String, String>,
        /// Who wants it.
        author: Author,
        /// The answer, which can hold secrets.
        reply: Reply<serde_json::Value>,
    },
    /// How a person logs in.
    PlanLogin {
        /// With which credential.
        name: Name,
        /// How, if that is said.
        method: Option<LoginMethod>,
        /// The answer.
        reply: Reply<LoginPlan>,
    },
    /// A login.
    LogIn {
        /// Which.
        new: NewLogin,
        /// Who wants it.
        author: Author,
        /// The answer, once a token is served.
        reply: Reply<Arc<Published>>,
    },
    /// A trial of a definition.
    Try {
        /// What to try.
        candidate: Candidate,
        /// Who wants it.
        author: Author,
        /// The answer.
        reply: Reply<Tried>,
    },
    /// A look at a credential.
    Get {
        /// Which.
        name: Name,
        /// The answer.
        reply: Reply<Snapshot>,
    },
    /// A look at some credentials, in the order of their names.
    List {
        /// Those behind this name; from the first one if left out.
        after: Option<Name>,
        /// At most this many.
        limit: usize,
        /// The answer.
        reply: Reply<Vec<Snapshot>>,
    },
    /// What it takes to look whether providers can be reached.
    Approaches {
        /// The answer, in the order of the credentials' names.
        reply: Reply<Vec<Approach>>,
    },
    /// A look at issuances, the latest first.
    Issuances {
        /// Of which credential; of all if left out.
        name: Option<Name>,
        /// Those before this one; from the latest if left out.
        before: Option<Number>,
        /// At most this many.
        limit: usize,
        /// The answer.
        reply: Reply<Vec<Issuance>>,
    },
    /// A look at the limits of all accounts.
    Budgets {
        /// The answer, in the order of the accounts.
        reply: Reply<Vec<AccountBudget>>,
    },
    /// How many issuances the ledger keeps.
    LedgerRows {
        /// The answer.
        reply: Reply<u64>,
    },
    /// An operator knows how many issuances a restored ledger lacks.
    AcceptBudget {
        /// Of which accounts.
        accounts: Accounts,
        /// How many, of each.
        used: u32,
        /// Who says so.
        author: Author,
        /// The answer, once it is on disk, in the order of the accounts.
        reply: Reply<Vec<AccountBudget>>,
    },
    /// Other keys for the store.
    Rekey {
        /// Which.
        rekey: Rekey,
        /// Who wants them.
        author: Author,
        /// The answer, once they are on disk.
        reply: Reply<Rekeyed>,
    },
    /// Where the store's key is.
    KeySource {
        /// The answer, as in tokend.toml; `None` if it is where it was when tokend started.
        reply: Reply<Option<String>>,
    },
    /// What would become of a credential that is declared.
    Plan {
        /// How it is to be.
        declared: Box<Declared>,
        /// The answer.
        reply: Reply<Plan>,
    },
    /// What is declared from now on, and so isn't changed by hand.
    Bind {
        /// What.
        bound: Bound,
        /// What isn't declared any more, a sentence each.
        reply: Reply<Vec<String>>,
    },
    /// The configuration has been read again.
    Redefine {
        /// What it says now.
        redefinition: Redefinition,
        /// The answer, once all credentials go by it.
        reply: Reply<Redefined>,
    },
    /// Something has happened that isn't the engine's doing, and that those who listen are told.
    Tell(Happening),
    /// What is wrong with the daemon as a whole.
    Problems {
        /// The answer, a sentence each.
        reply: Reply<Vec<String>>,
    },
}

/// A caller's report that an API refused a token.
#[derive(Debug)]
pub struct Rejection {
    /// Which token.
    pub token: Named,
    /// Who says so.
    pub caller: Caller,
    /// The HTTP status of the API's answer, if it is known.
    pub status: Option<u16>,
    /// The API's code for the error; empty if there is none.
    pub code: String,
}

/// A newer token that an API handed a caller.
#[derive(Debug)]
pub struct Rotation {
    /// The token in whose place it came.
    pub previous: Named,
    /// Who hands it over.
    pub caller: Caller,
    /// The token's value, if that is newer.
    pub value: Option<SecretString>,
    /// The extras that are newer.
    pub extras: BTreeMap<String, SecretString>,
}

/// How a caller names a token.
#[derive(Debug)]
pub enum Named {
    /// By its id.
    Id(String),
    /// By the SHA-256 hash of its value.
    Hash([u8; 32]),
}

/// Who wants something: the log tells.
#[derive(Debug, Clone, Copy)]
pub struct Author {
    /// The user.
    pub uid: u32,
    /// The process, if tokend can see it.
    pub pid: Option<i32>,
}

impl Command {
    pub(super) fn refuse(self, error: Error) {
        match self {
            Self::PlanLogin { reply, .. } => {
                let _ = reply.send(Err(error));
            }
            Self::Acquire { reply, .. }
            | Self::Refresh { reply, .. }
            | Self::Renew { reply, .. }
            | Self::LogIn { reply, .. } => {
                let _ = reply.send(Err(error));
            }
            Self::Change(change, _) => change.refuse(error),
            Self::Revoke { reply, .. } | Self::Get { reply, .. } => {
                let _ = reply.send(Err(error));
            }
            Self::Remote { reply, .. } => {
                let _ = reply.send(Err(error));
            }
            Self::Try { reply, .. } => {
                let _ = reply.send(Err(error));
            }
            Self::Revocations { reply } => {
                let _ = reply.send(Err(error));
            }
            Self::DropRevocation { reply, .. } => {
                let _ = reply.send(Err(error));
            }
            Self::Approaches { reply } => {
                let _ = reply.send(Err(error));
            }
            Self::List { reply, .. } => {
                let _ = reply.send(Err(error));
            }
            Self::Report { reply, .. } => {
                let _ = reply.send(Err(error));
            }
            Self::Rotate { reply, .. } => {
                let _ = reply.send(Err(error));
            }
            Self::Issuances { reply, .. } => {
                let _ = reply.send(Err(error));
            }
            Self::Budgets { reply } | Self::AcceptBudget { reply, .. } => {
                let _ = reply.send(Err(error));
            }
            Self::LedgerRows { reply } => drop(reply.send(Err(error))),
            Self::Rekey { reply, .. } => {
                let _ = reply.send(Err(error));
            }
            Self::KeySource { reply } => {
                let _ = reply.send(Err(error));
            }
            Self::Plan { reply, .. } => {
                let _ = reply.send(Err(error));
            }
            Self::Problems { reply } | Self::Bind { reply, .. } => {
                let _ = reply.send(Err(error));
            }
            Self::Redefine { reply, .. } => {
                let _ = reply.send(Err(error));
            }
            Self::Tell(_) => {}
        }
    }
}
