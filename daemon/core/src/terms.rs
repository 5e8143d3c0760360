//! What is settled for a credential beforehand, and what its callers want.

use std::{sync::Arc, time::Duration};

use crate::{BootTime, Name};

/// What is settled for a credential beforehand: by its operator and by how its
/// provider's tokens are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// When tokens are refreshed ahead of their end.
    pub policy: Policy,
    /// Where a token can be had from.
    pub origin: Origin,
    /// The provider. Only so many issuances of one provider are under way at a
    /// time, whatever the number of its credentials.
    pub provider: Arc<str>,
    /// Until this long before a token's end the provider gives the same token
    /// again; `None` if it gives a new one each time.
    pub same_token_until: Option<Duration>,
    /// A new token ends the one before after this time; `None` if it doesn't.
    pub ends_old_after: Option<Duration>,
    /// How long the provider takes a refresh token once more that has been exchanged;
    /// [`Duration::MAX`] if it replaces none, `None` if that isn't known.
    pub refresh_grace: Option<Duration>,
    /// Whether what a login left behind is there, if one is needed.
    pub is_logged_in: bool,
    /// How often a token is refreshed before it is asked for anew; `None` if the
    /// provider sets no limit.
    pub max_refreshes: Option<u32>,
}

/// When tokens are refreshed ahead of their end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Policy {
    /// Always: a token is at hand whenever someone asks.
    #[default]
    Always,
    /// While someone has asked within a day, or within a token's life if that is
    /// longer. The start of the daemon counts as if someone had.
    Used,
    /// Never: the first to ask when the token has expired waits for the next.
    OnDemand,
}

/// Where a token can be had from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Origin {
    /// The stored secrets are enough to ask for one at any time.
    #[default]
    Secrets,
    /// A person's login, which only that person can repeat.
    Login,
    /// The stored secret is the token: asking again brings no other.
    Static,
}

/// What callers have lately wanted of a credential.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Demand {
    /// When a token was last asked for.
    pub last_use: Option<BootTime>,
    /// How often one was asked for.
    pub uses: u64,
    /// The longest life that was asked for lately.
    pub min_ttl: Duration,
}

/// Tells what callers want. Those who find what they want in memory never come
/// by here, so the shell keeps count.
pub trait Callers {
    /// Returns what has lately been wanted of a credential.
    fn demand(&self, name: &Name) -> Demand;
}

/// No callers.
impl Callers for () {
    fn demand(&self, _: &Name) -> Demand {
        Demand::default()
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            origin: Origin::default(),
            provider: Arc::from(""),
            same_token_until: None,
            ends_old_after: None,
            refresh_grace: None,
            is_logged_in: true,
            max_refreshes: None,
        }
    }
}
