//! The seams of the daemon: what the engine asks of the clock, the store and the
//! issuer, and how they answer.
//!
//! The rooms on either side know these types and not each other. Whoever drives
//! the engine puts the answers back into it, so that a simulation can stand where
//! SQLite, HTTP and the machine's clock stand.

mod backup;
pub mod event;
mod issuer;
mod probe;
mod pulse;
mod rekey;
mod reload;
mod revocation;
mod shelf;
mod source;

use std::{
    collections::BTreeSet,
    fmt::{Display, Formatter},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokend_core::{
    Allowance, BootId, BootTime, Cause, Failure, Fate, History, IssuanceId, Limit, Moment, Name,
    Quota, RevocationId, Stamp, StoreFailure, Token, TokenId, Usage, Verdict,
};

pub use self::backup::{Backups, Contents, RestoreFailure, Restores, StoreCopy, Unchecked};
pub use self::event::{Event, Happening, Listener, Subject};
pub use self::issuer::{
    Ended, Errand, ErrandEnded, ErrandId, Issuance, Issuer, Job, LONGEST_ISSUANCE, LoginNeeded,
    Notices, Person, Progress, Spoken, Watcher,
};
pub use self::probe::{Destination, Probed, Prober, Probing};
pub use self::pulse::{EndWait, Pulse, Standing};
pub use self::rekey::{Rekey, RekeyEnded, RekeyFailure, Rekeyed};
pub use self::reload::{FailedReload, Mistake, Redefined, Redefinition, Reload, Reloaded};
pub use self::revocation::{Leaving, Revocation};
pub use self::shelf::Shelf;
pub use self::source::{Look, Reading, Sources, Supplied, Yield};
use crate::credential::{Access, Credential, CredentialId, Fingerprint, Grant};

/// Reads the machine's clocks.
pub trait Clock {
    /// Reads both clocks together.
    fn now(&self) -> Moment;

    /// Identifies this boot of the machine.
    fn boot_id(&self) -> BootId;

    /// Returns `now` in the form that outlives the boot.
    fn stamp(&self) -> Stamp {
        Stamp { moment: self.now(), boot_id: self.boot_id(), date: None }
    }
}

/// Keeps credentials, tokens and the ledger.
pub trait Store {
    /// Starts a write. It ends in one [`Written`] with the same ticket; an `Ok`
    /// means that it is on disk. Writes take effect in the order in which they
    /// were submitted.
    fn submit(&mut self, ticket: Ticket, write: Write);

    /// Starts a look at the ledger. It ends in one [`Found`] with the same ticket
    /// and sees all writes that were submitted before.
    fn look(&mut self, ticket: Ticket, query: Query);

    /// Starts giving it other keys. `now` is for the wait after wrong passphrases. It ends in one [`RekeyEnded`] with the same ticket; no write
    /// that was submitted before or after is lost by it.
    fn rekey(&mut self, ticket: Ticket, rekey: Rekey, now: BootTime);
}

/// Tells the answers of the store apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// A change to what is stored, done whole or not at all.
#[derive(Debug, Clone)]
pub enum Write {
    /// Stores a credential in place of the one with the same id, if there is one.
    Credential(Arc<Credential>),
    /// Stores a new credential whose refresh token may have been replaced already.
    Doubted(Arc<Credential>),
    /// Stores a credential in place of another, which goes with its token.
    Anew {
        /// The one that goes.
        before: CredentialId,
        /// The one that comes.
        credential: Arc<Credential>,
    },
    /// Removes a credential and its token. The ledger keeps its issuances.
    Remove(CredentialId),
    /// Writes an issuance into the ledger, if the limits allow it.
    Reserve(Reservation),
    /// Stores a token in place of the one before, and settles its issuance.
    Token {
        /// Whose.
        credential: CredentialId,
        /// The token.
        token: Arc<Token<Grant>>,
        /// Its issuance.
        issuance: IssuanceId,
        /// When the answer came.
        settled: Settled,
    },
    /// Stores a token that no issuance brought in place of the one before.
    Rotation {
        /// Whose.
        credential: CredentialId,
        /// The token.
        token: Arc<Token<Grant>>,
    },
    /// Removes a credential's token.
    Discard(CredentialId),
    /// Stores a token that is to be ended at its provider, and takes it from where it was
    /// served from.
    Revoke {
        /// What is to be ended.
        revocation: Arc<Revocation>,
        /// What isn't stored any more from then on.
        leaving: Leaving,
    },
    /// Stores how an attempt to end a token failed, if it is still to be ended.
    Attempt(Arc<Revocation>),
    /// Removes what was stored to end a token.
    EndRevocation {
        /// Which.
        id: RevocationId,
        /// Whose token and which, to be removed if it is still stored.
        token: Option<(CredentialId, TokenId)>,
    },
    /// Stores how many issuances the ledger lacks of each of some accounts.
    Accept {
        /// The accounts' names.
        accounts: Vec<String>,
        /// How many.
        used: u32,
    },
    /// Settles an issuance that failed.
    Failure {
        /// Which.
        issuance: IssuanceId,
        /// How far it came: one of which nothing was sent doesn't count against a budget.
        fate: Fate,
        /// Whether the refresh token that it sent is of no use any more.
        spent: bool,
        /// Why.
        failure: Failure,
        /// When that was known.
        settled: Settled,
    },
}

/// An issuance to write into the ledger.
#[derive(Debug, Clone)]
pub struct Reservation {
    /// Its id.
    pub issuance: IssuanceId,
    /// The credential that wants it.
    pub credential: CredentialId,
    /// The account at the provider, whose limits must still be kept with this
    /// issuance counted.
    pub account: Account,
    /// Why it is wanted.
    pub cause: Cause,
    /// How often the credential's secrets had been replaced by then.
    pub replacements: u64,
    /// The refresh token that it sends, if it sends one.
    pub spends: Option<Fingerprint>,
    /// Within this from now on all of it is sent, if it is sent at all.
    pub within: Duration,
    /// Now.
    pub at: Stamp,
}

impl Reservation {
    /// Returns what takes it back: nothing is sent for it, since the store can't be written.
    pub fn unsent(&self, failure: &StoreFailure) -> Write {
        let message = failure.message.clone();
        let settled = Settled {
            at: self.at,
            took: Duration::ZERO,
            quotas: Vec::new(),
            free: false,
            renewed: false,
        };
        Write::Failure {
            issuance: self.issuance,
            fate: Fate::Unsent,
            spent: false,
            failure: Failure { verdict: Verdict::Transient, retry_after: None, message },
            settled,
        }
    }
}

/// When an issuance was settled.
#[derive(Debug, Clone)]
pub struct Settled {
    /// Now, by both clocks; with the provider's Date, if the answer had one.
    pub at: Stamp,
    /// How long the issuance took.
    pub took: Duration,
    /// What the answer told of the provider's limits.
    pub quotas: Vec<Quota>,
    /// Whether it doesn't count against a limit, though it brought a token.
    pub free: bool,
    /// Whether it brought a token, and with it all that came in the place of a refresh
    /// token.
    pub renewed: bool,
}

/// The answer to a write.
#[derive(Debug)]
pub struct Written {
    /// The write's ticket.
    pub ticket: Ticket,
    /// What became of it. After an error nothing has changed.
    pub result: Result<Reply, StoreFailure>,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It is on disk.
    Done,
    /// The issuance is in the ledger.
    Reserved(Allowance),
    /// The limits allow no issuance; nothing was written.
    Refused {
        /// How long to wait.
        retry_after: Duration,
        /// Whether nobody knows what is used, since the ledger was restored.
        unknown: bool,
    },
}

/// A look at the ledger.
#[derive(Debug, Clone)]
pub enum Query {
    /// Issuances, the latest first.
    Issuances {
        /// Of this credential; of all if left out.
        credential: Option<CredentialId>,
        /// Those before this one; from the latest if left out.
        before: Option<Number>,
        /// At most this many.
        limit: usize,
    },
    /// How much of the limits of some accounts is used.
    Budgets {
        /// Which.
        accounts: Vec<Account>,
        /// Now.
        at: Stamp,
    },
    /// How many issuances it keeps.
    Rows,
}

/// The place of an issuance in the order in which they were reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(pub i64);

/// An account at a provider.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its limits, as far as they are known beforehand.
    pub limits: Vec<Limit>,
    /// How many credentials share them.
    pub sharers: u32,
}

/// The answer to a look.
#[derive(Debug)]
pub struct Found {
    /// The look's ticket.
    pub ticket: Ticket,
    /// What there is.
    pub result: Result<Findings, StoreFailure>,
}

/// What a look at the ledger finds.
#[derive(Debug)]
pub enum Findings {
    /// Issuances, the latest first.
    Issuances(Vec<Entry>),
    /// For each account that was asked for, in that order.
    Budgets(Vec<Spending>),
    /// How many issuances there are.
    Rows(u64),
}

/// An issuance in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub number: Number,
    /// Whose.
    pub credential: CredentialId,
    /// When it was reserved.
    pub at: Timestamp,
    /// Why it was wanted; `None` if that can't be read any more.
    pub cause: Option<Cause>,
    /// How it ended: with a token or not; `None` if that isn't known.
    pub end: Option<Result<(), Failure>>,
    /// How long it took, if it is known to have ended.
    pub took: Option<Duration>,
    /// Whether it counts against the limits.
    pub counts: bool,
    /// When it ended, by two clocks, if the provider has told its own.
    pub dated: Option<Dated>,
}

/// One moment by two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dated {
    /// By this machine's.
    pub here: Timestamp,
    /// By the provider's, in whole seconds.
    pub there: Timestamp,
}

/// What was spent of an account's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spending {
    /// How much of each limit is used.
    pub usages: Vec<Usage>,
    /// The issuances of the last 24 hours.
    pub last_day: u32,
}

/// What the store held when it was opened.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The credentials, in the order of their names.
    pub credentials: Vec<StoredCredential>,
    /// Rows that can't be opened. They harm no one but themselves, and nothing
    /// is written over them.
    pub damaged: Vec<Damage>,
    /// Whether it has just been noticed that the store is older than one that was in its place
    /// before.
    pub is_restored: bool,
    /// Whether that was ever noticed: its ledger may lack issuances.
    pub lacks: bool,
    /// Tokens that are to be ended at their providers.
    pub revocations: Vec<Revocation>,
    /// Those of them whose rows can't be opened, each with what is wrong.
    pub unreadable: Vec<(RevocationId, String)>,
}

/// As much of what the store held as it takes to serve the first callers.
#[derive(Debug, Default)]
pub struct Outline {
    /// The credentials whose names can be read, in the order of these, and who may read them.
    /// Whatever else is wrong with one isn't known yet.
    pub credentials: Vec<(Name, CredentialId, Access)>,
    /// Tokens that are served to no one: they are to be ended at their providers.
    pub ending: BTreeSet<(CredentialId, TokenId)>,
}

/// A credential as it was stored.
#[derive(Debug)]
pub struct StoredCredential {
    /// The credential.
    pub credential: Credential,
    /// Its token, expired or not.
    pub token: Option<Token<Grant>>,
    /// How its latest issuances went.
    pub history: History,
}

/// A row that can't be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The credential; another name stands for its own if that can't be read. It can be
    /// removed, which is the only thing left to do with it.
    pub credential: (Name, CredentialId),
    /// Which row, and what is wrong with it.
    pub message: String,
}

impl Display for Damage {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "the credential {} is damaged: {}", self.credential.0, self.message)
    }
}
