//! What happens to a credential.

use std::time::Duration;

use jiff::Timestamp;

use super::{Doubt, Login, Report, Rotation, Want};
use crate::{
    Allowance, Failure, IssuanceId, Lifetime, Session, StoreFailure, Terms, Token, TokenId,
};

/// What happened to a credential.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "each is handed on once and not kept")]
pub enum Input<P> {
    /// It was read from the store, or has just been written to it.
    Loaded {
        /// The stored token, expired or not.
        token: Option<Token<P>>,
        /// How its latest issuances went.
        history: History,
        /// What is settled for it.
        terms: Terms,
        /// Whether it is new: its first token is asked for at once, whatever the
        /// policy.
        new: bool,
    },
    /// Something else is settled for it from now on, or other limits hold.
    Settled(Terms),
    /// Some of its secrets have been replaced.
    Resupplied {
        /// Whether a refresh token is among them, of which there is no doubt yet.
        refresh_token: bool,
    },
    /// There is a way again to ask for its tokens.
    Possible,
    /// A caller wants a token and the published one doesn't do.
    Requested(Waiter),
    /// An operator wants a new token, whatever is held and whatever failed.
    Forced(WaiterId),
    /// A caller who may have the token replaced wants a new one, whatever is held.
    Wanted(Want),
    /// A caller says that an API refused a token.
    Reported(Report),
    /// An API handed a caller a newer token.
    Rotated(Rotation<P>),
    /// A person has logged in.
    LoggedIn(Login<P>),
    /// The provider has ended this token, as an operator wished.
    Revoked(TokenId),
    /// The ledger holds the issuance: it may be sent.
    Reserved {
        /// Which.
        issuance: IssuanceId,
        /// What the limits allow.
        allowance: Allowance,
    },
    /// The limits allow no issuance.
    Refused {
        /// The issuance that isn't to be.
        issuance: IssuanceId,
        /// How long to wait.
        retry_after: Duration,
    },
    /// No issuance is possible with what is configured; only a person can mend
    /// that.
    Impossible {
        /// The issuance that isn't to be.
        issuance: IssuanceId,
        /// Why, for people.
        message: String,
    },
    /// The provider issued a token.
    Issued {
        /// The issuance that brought it.
        issuance: IssuanceId,
        /// When the request was sent.
        sent_at: Timestamp,
        /// How long the token lives.
        lifetime: Lifetime,
        /// Whether it is the token that is held, given once more.
        same: bool,
        /// Whether it brought something by which to refresh it.
        refreshable: bool,
        /// Whether another refresh token came in the place of the one that was there.
        replaced: bool,
        /// How its life can be prolonged, if it can.
        session: Option<Session>,
        /// The secret and what belongs to it.
        payload: P,
        /// What the ledger notes of the answer.
        receipt: Receipt,
    },
    /// The provider has noticed that the token is used.
    KeptAlive {
        /// Which issuance that was, so to speak.
        issuance: IssuanceId,
        /// When the request was sent.
        sent_at: Timestamp,
        /// What the ledger notes of the answer.
        receipt: Receipt,
    },
    /// The provider gave no token.
    Failed {
        /// The issuance that failed.
        issuance: IssuanceId,
        /// How far it came.
        fate: Fate,
        /// Why.
        failure: Failure,
        /// What the ledger notes of the answer.
        receipt: Receipt,
    },
    /// The token is on disk.
    Persisted(IssuanceId),
    /// A reservation or a token couldn't be written.
    Unwritten {
        /// The issuance that it belongs to.
        issuance: IssuanceId,
        /// Why.
        failure: StoreFailure,
    },
    /// The token that no issuance brought is on disk.
    Kept(TokenId),
    /// It couldn't be written.
    Unkept {
        /// Which.
        token_id: TokenId,
        /// Why.
        failure: StoreFailure,
    },
}

/// How far an issuance came that brought no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing of it was sent: it isn't counted.
    Unsent,
    /// It may have reached the provider, whose answer never came.
    Lost,
    /// Something answered, and it isn't the provider's last word: it may have done all the
    /// same what it was asked for.
    Unsure,
    /// The provider answered.
    Answered,
    /// The provider answered that it doesn't recognise who asks: it looked at nothing else
    /// that was sent.
    Unrecognised,
}

/// What the ledger notes of a provider's answer. It passes through the core.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The provider's own time (the Date header), if there was an answer.
    pub date: Option<Timestamp>,
    /// How long the issuance took.
    pub took: Duration,
    /// Whether it cost the provider nothing: the token is one of the inputs.
    pub free: bool,
    /// Whether a token came, and with it an end to doubts about a refresh token.
    pub renewed: bool,
}

/// A caller who waits for an answer, as the shell numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WaiterId(pub u64);

/// A caller who waits, and what it asked for.
#[derive(Debug, Clone, Copy)]
pub struct Waiter {
    /// Who.
    pub id: WaiterId,
    /// The life that the token must have left; `None` for the default.
    pub min_ttl: Option<Duration>,
}

/// How the latest issuances of a credential went, as the ledger tells.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// How many have failed since the last success; those of unknown fate count.
    pub consecutive_failures: u32,
    /// The last one, if it failed: why, when, and how long ago that was.
    pub last_failure: Option<(Failure, Timestamp, Duration)>,
    /// For how much longer the provider wants to be left alone, by the last of these that said so.
    pub away: Option<Duration>,
    /// The last issuance, if it brought no token.
    pub latest: Option<IssuanceId>,
    /// How often the secrets had been replaced when the last one was reserved, token or not,
    /// if that is known. It is the shell's business.
    pub replacements: Option<u64>,
    /// Whether the refresh token that is stored may be of no use any more.
    pub doubt: Option<Doubt>,
}
