//! How a token dance ended.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::expiry::Expiry;
use crate::input::AcceptedInputs;
use crate::input::declaration::REFRESH_TOKEN;
use crate::quota::Quota;
use crate::renewal::Held;

/// How a token dance ended.
#[derive(Debug)]
pub enum Outcome {
    /// The provider issued a token.
    Issued(Issued),
    /// The token that is held counts as used, and goes on living.
    KeptAlive {
        /// The provider's clock, by the answer's `Date` header.
        date: Option<Timestamp>,
    },
    /// The token that was held has ended on the far side.
    Revoked,
    /// An operation on the far side was done.
    Told(serde_json::Value),
    /// It did none of this.
    Failed(Failure),
}

impl Outcome {
    /// Tells whether it failed and may have been done all the same: see
    /// [`Failure::is_unsure`].
    pub fn is_unsure(&self) -> bool {
        matches!(self, Self::Failed(failure) if failure.is_unsure)
    }

    /// Tells whether the provider didn't recognise the client: see
    /// [`Failure::is_unrecognised`].
    pub fn is_unrecognised(&self) -> bool {
        matches!(self, Self::Failed(failure) if failure.is_unrecognised)
    }
}

/// What a provider issued.
#[derive(Debug)]
pub struct Issued {
    /// The token: 1 to 102,400 visible ASCII characters.
    pub value: SecretString,
    /// What the provider calls the token's type, such as `Bearer`.
    pub token_type: Option<String>,
    /// The token by which to get the next one, if there is one.
    pub refresh_token: Option<SecretString>,
    /// When the token expires.
    pub expiry: Expiry,
    /// By how much the life and the end in the answer contradict each other, if by
    /// more than a minute; the earlier counts.
    pub expiry_mismatch: Option<Duration>,
    /// The other values that callers need, by the definition's names.
    pub extras: BTreeMap<String, SecretString>,
    /// Secrets of the inputs that no longer hold, by name, with what holds from now
    /// on: to be stored together with the token.
    pub secrets: BTreeMap<String, SecretString>,
    /// The provider's clock, by the answer's `Date` header.
    pub date: Option<Timestamp>,
    /// How many tokens are left, by the answer's headers; at most eight.
    pub quotas: Vec<Quota>,
}

/// Why a dance came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What to do about it.
    pub verdict: Verdict,
    /// When the provider wants to be asked again.
    pub retry_after: Option<RetryAfter>,
    /// What happened, for people: at most 200 printable characters in which
    /// the secrets of the inputs and what was held are masked.
    pub message: String,
    /// The provider's clock, by the answer's `Date` header.
    pub date: Option<Timestamp>,
    /// How many tokens are left, by the answer's headers; at most eight.
    pub quotas: Vec<Quota>,
    /// Whether the provider may have done all the same what it was asked for: a gateway
    /// answered in its place, its success can't be read, or an earlier request of the
    /// dance went through that was more than a look at metadata. What was sent may be spent
    /// then.
    pub is_unsure: bool,
    /// Whether the provider says that it doesn't recognise the client (`invalid_client`,
    /// RFC 6749 §5.2): then it has looked at nothing else that was sent.
    pub is_unrecognised: bool,
    /// How a login ended, if the person ended it.
    pub login: Option<LoginEnd>,
}

/// How a person ended a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginEnd {
    /// They declined.
    Declined,
    /// They didn't type the code in time.
    Expired,
}

impl Failure {
    /// One of which no answer tells more.
    pub fn new(verdict: Verdict, message: &str) -> Self {
        let message = message.to_owned();
        let (retry_after, date, login) = (None, None, None);
        let (quotas, is_unsure, is_unrecognised) = (Vec::new(), false, false);
        Self { verdict, retry_after, message, date, quotas, is_unsure, is_unrecognised, login }
    }
}

/// What to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The provider's limit on issuances is reached: wait.
    Limited,
    /// The provider refuses these inputs: a person has to act.
    Denied,
    /// Anything else: try again later.
    Transient,
    /// The machine lacks what it takes to ask, which no definition can tell.
    Local,
}

/// When to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// This long after the answer came; at most ten years.
    After(Duration),
    /// At this time, by the provider's clock, whose skew isn't known.
    At(Timestamp),
}

impl Issued {
    /// Tells whether the refresh token that the dance began with has been replaced: the one
    /// before must not be sent any more.
    pub fn rotates(&self, inputs: &AcceptedInputs, held: Option<&Held>) -> bool {
        let before = held.and_then(|held| held.refresh_token.as_ref());
        let before = before.or_else(|| inputs.secrets().get(REFRESH_TOKEN));
        let after = self.secrets.get(REFRESH_TOKEN).or(self.refresh_token.as_ref());
        let pair = before.zip(after);
        pair.is_some_and(|(before, after)| before.expose_secret() != after.expose_secret())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Limited => "limited",
            Self::Denied => "denied",
            Self::Transient => "transient",
            Self::Local => "local",
        })
    }
}

impl fmt::Display for RetryAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(delay) => write!(f, "after {} s", delay.as_secs()),
            Self::At(at) => write!(f, "at {at}"),
        }
    }
}
