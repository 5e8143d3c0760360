//! The flags that say how a credential's tokens are kept.

use clap::{Args, ValueEnum};
use tokend_proto::v1::credential::RefreshPolicy;

use crate::arguments::Form;

/// The policies, as help shows them.
pub(super) const WHEN: &str = "always|used|on-demand";

/// When tokens are refreshed ahead of their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Policy {
    /// A token is at hand whenever someone asks.
    Always,
    /// While someone has asked within a day, or within a token's life if that is longer.
    Used,
    /// Never: the first to ask after the token's end waits for the next.
    OnDemand,
}

impl From<Policy> for RefreshPolicy {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Always => Self::Always,
            Policy::Used => Self::Used,
            Policy::OnDemand => Self::OnDemand,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The credential's name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) change: Change,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Change {
    /// When to refresh tokens ahead of their end: always, while someone has asked within a day, or
    /// never
    #[arg(long, value_name = WHEN, hide_possible_values = true)]
    pub(crate) refresh: Option<Policy>,
    /// Ask for at most so many tokens: 50/12h, 24/day, 1000/month@Europe/Berlin; takes the place
    /// of all limits before
    #[arg(long = "limit", value_name = "LIMIT")]
    pub(crate) limits: Vec<String>,
    /// Take all limits of the credential's own away
    #[arg(long, conflicts_with = "limits")]
    pub(crate) no_limits: bool,
}
