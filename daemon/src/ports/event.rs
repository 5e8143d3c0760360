//! What the engine tells of, in a word each: whoever looks after the daemon cares.

use std::{fmt::Debug, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokend_core::{Cause, IssuanceId, Name, RevocationId, Ruling, TokenId, Verdict};

/// Hears of what happens. It must not wait for anything: the engine does, meanwhile.
pub trait Listener: Debug + Send + Sync {
    /// Something happened.
    fn hear(&self, event: &Event);
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// To which credential; `None` if it is about the daemon.
    pub subject: Option<Subject>,
    /// What.
    pub what: Happening,
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The credential.
    pub name: Name,
    /// The name of its provider definition.
    pub provider: Arc<str>,
}

/// What happened. Texts hold no secret: providers' are masked before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// The daemon started.
    Started {
        /// How many credentials there are.
        credentials: usize,
    },
    /// A token was issued and is served, or the one that is held lives on.
    Issued {
        /// Which issuance.
        issuance: IssuanceId,
        /// Why.
        cause: Cause,
        /// The token.
        token_id: TokenId,
        /// How long the provider took.
        took: Duration,
        /// When the token ends.
        expires_at: Option<Timestamp>,
    },
    /// An issuance failed.
    Failed {
        /// Which.
        issuance: IssuanceId,
        /// Why it was wanted.
        cause: Cause,
        /// What the failure means.
        verdict: Verdict,
        /// What happened.
        message: String,
        /// How long the provider took.
        took: Duration,
        /// How many have failed in a row.
        consecutive: u32,
        /// When the next follows, if one does by itself.
        retry_at: Option<Timestamp>,
    },
    /// The limits allowed no issuance.
    Limited {
        /// When they may.
        retry_at: Timestamp,
        /// Whether nobody knows what is used of them.
        unknown: bool,
    },
    /// Only a login helps.
    LoginNeeded {
        /// What to run.
        command: String,
        /// Why.
        message: String,
    },
    /// A caller reported that an API refused its token.
    Rejected {
        /// The caller's user.
        uid: u32,
        /// What came of it.
        ruling: Ruling,
        /// Whether this user does so time and again.
        repeated: bool,
    },
    /// A caller submitted a newer token.
    Submitted {
        /// The caller's user.
        uid: u32,
        /// The token.
        token_id: TokenId,
        /// When the token ends.
        expires_at: Option<Timestamp>,
    },
    /// The token expired, and no other has come in its place.
    Expired {
        /// When.
        at: Timestamp,
        /// Whether anyone asked for it while it lived.
        used: bool,
    },
    /// The stored credential is another.
    Changed(Change, Doer),
    /// The token was dropped here, and lives on at the provider.
    Dropped(TokenId, Doer),
    /// The provider ended a token.
    Revoked {
        /// By which revocation.
        revocation: RevocationId,
        /// How long the provider took.
        took: Duration,
    },
    /// The provider didn't end a token.
    RevocationFailed {
        /// Which revocation.
        revocation: RevocationId,
        /// How many attempts have failed.
        attempts: u32,
        /// What happened.
        message: String,
        /// When the next attempt is due; `None` if it is given up.
        retry_at: Option<Timestamp>,
    },
    /// The store was restored from a backup.
    Restored,
    /// The configuration was read again, and the daemon goes by it.
    Reloaded {
        /// What is new, in a line.
        message: String,
    },
    /// The configuration was read again and isn't used.
    ReloadFailed {
        /// What is wrong with it, in a line.
        message: String,
    },
    /// The store can't be written.
    StoreFailed {
        /// Why.
        message: String,
    },
    /// The store can be written again.
    StoreRecovered,
}

/// What changed about a stored credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Created(Shared),
    /// Who may use it.
    Access(Shared),
    /// Its policy or its limits.
    Terms,
    /// Whatever its file says.
    Declared(Shared),
    /// Everything: it is for another account, as its file says.
    Anew(Shared),
    /// Its secrets; which, where that is known.
    Secrets(Option<String>),
    /// It is gone.
    Removed,
}

/// Who may use a credential, as the log has it; `None` for nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shared {
    /// Who may read.
    pub readers: Option<String>,
    /// Who may submit newer tokens.
    pub submitters: Option<String>,
    /// Who may have the token replaced.
    pub refreshers: Option<String>,
}

/// Who does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doer {
    /// An operator.
    Operator {
        /// The user.
        uid: u32,
        /// The process, if tokend can see it.
        pid: Option<i32>,
    },
    /// A file or a command of this machine.
    Source,
    /// The provider.
    Provider,
}

impl Doer {
    /// Returns the user, if it is one.
    pub fn uid(self) -> Option<u32> {
        match self {
            Self::Operator { uid, .. } => Some(uid),
            Self::Source | Self::Provider => None,
        }
    }
}
