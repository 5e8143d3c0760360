//! What is to be done for a credential.

use std::sync::Arc;

use super::{Receipt, WaiterId};
use crate::{Failure, IssuanceId, Refusal, Token};

/// What is to be done for a credential.
#[derive(Debug)]
pub enum Effect<P> {
    /// Write an issuance into the ledger, if the limits allow it.
    Reserve {
        /// Its id.
        issuance: IssuanceId,
        /// Why it is wanted.
        cause: Cause,
    },
    /// Run the provider's dance.
    Send(IssuanceId),
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
        /// Whether any of it may have reached the provider; if not, it isn't
        /// counted.
        sent: bool,
        /// Why.
        failure: Failure,
        /// What the ledger notes of the answer.
        receipt: Receipt,
    },
    /// Let callers see a token; it is on disk.
    Publish(Arc<Token<P>>),
    /// Answer a caller.
    Answer {
        /// Whom.
        waiter: WaiterId,
        /// With what.
        answer: Result<Arc<Token<P>>, Refusal>,
    },
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
    /// An operator asked for it.
    Forced,
}
