//! What is to be done for a credential.

use std::sync::Arc;

use super::{Fate, Receipt, Reception, Ruling, WaiterId};
use crate::{BootTime, Failure, IssuanceId, Quota, Refusal, Token};

/// What is to be done for a credential.
#[derive(Debug)]
pub enum Effect<P> {
    /// Write an issuance into the ledger, if the limits allow it.
    Reserve {
        /// Its id.
        issuance: IssuanceId,
        /// Why it is wanted.
        cause: Cause,
        /// Whether it sends the refresh token, which may be of no use then.
        spends: bool,
    },
    /// Run the provider's dance.
    Send {
        /// For which issuance.
        issuance: IssuanceId,
        /// Which of the provider's dances.
        operation: Operation,
        /// When the ledger was asked: it counts an issuance of which nothing is heard
        /// from soon after that.
        reserved_at: BootTime,
    },
    /// Write a token, and into the ledger that its issuance succeeded, at once.
    Persist {
        /// The issuance that brought it.
        issuance: IssuanceId,
        /// The token.
        token: Arc<Token<P>>,
        /// What the ledger notes of the answer.
        receipt: Receipt,
    },
    /// Write into the ledger that an issuance failed.
    Settle {
        /// Which.
        issuance: IssuanceId,
        /// How far it came: one of which nothing was sent isn't counted.
        fate: Fate,
        /// Whether the refresh token that it sent is of no use any more.
        spent: bool,
        /// Why.
        failure: Failure,
        /// What the ledger notes of the answer.
        receipt: Receipt,
        /// What the failure tells of the provider's limits.
        quota: Option<Quota>,
    },
    /// Write a token that no issuance brought.
    Keep(Arc<Token<P>>),
    /// Let callers see no token any more.
    Withdraw,
    /// Take the token that is held from the disk.
    Discard,
    /// Let callers see a token; it is on disk.
    Publish(Arc<Token<P>>),
    /// Answer a caller.
    Answer {
        /// Whom.
        waiter: WaiterId,
        /// With what.
        answer: Result<Arc<Token<P>>, Refusal>,
    },
    /// Tell a caller what its report came to.
    Rule {
        /// Whom.
        waiter: WaiterId,
        /// What.
        ruling: Ruling,
    },
    /// Tell a caller what became of the newer token that it handed over.
    Acknowledge {
        /// Whom.
        waiter: WaiterId,
        /// What.
        reception: Reception,
    },
}

/// Which of a provider's dances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// The one that starts from the stored secrets.
    Issue,
    /// The one that exchanges what is held for a new token.
    Refresh,
    /// The one that prolongs the life of the token that is held.
    KeepAlive,
}

/// Why an issuance is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// There is no usable token, or one that callers can hardly do with.
    Absent,
    /// The token is due for replacement.
    Aging,
    /// A caller needs a longer life than the token has left.
    MinTtl,
    /// An API refused the token.
    Rejected,
    /// A caller who may have the token replaced asked for it.
    Wanted,
    /// An operator asked for it.
    Forced,
    /// A person logs in.
    Login,
    /// The token would end for lack of use. This issues none, and no limit counts
    /// it.
    KeepAlive,
}

impl Cause {
    /// Tells whether an issuance of this cause replaces a token that has ended or is
    /// about to. The others are unforeseen.
    pub fn is_planned(self) -> bool {
        matches!(self, Self::Absent | Self::Aging | Self::KeepAlive)
    }

    /// Tells whether a person asked for it, who may spend what is kept back.
    pub fn is_wish(self) -> bool {
        matches!(self, Self::Forced | Self::Login)
    }
}
