//! How a token dance ended.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::expiry::Expiry;
use crate::quota::Quota;

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
}

impl Failure {
    /// One of which no answer tells more.
    pub fn new(verdict: Verdict, message: &str) -> Self {
        let message = message.to_owned();
        Self { verdict, retry_after: None, message, date: None, quotas: Vec::new() }
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
}

/// When to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// This long after the answer came; at most ten years.
    After(Duration),
    /// At this time, by the provider's clock, whose skew isn't known.
    At(Timestamp),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Limited => "limited",
            Self::Denied => "denied",
            Self::Transient => "transient",
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
