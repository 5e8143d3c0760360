//! Looks whether providers can be reached, without asking them for anything.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokend_provider::AcceptedInputs;
use url::Url;

/// Looks whether hosts can be reached as an issuer would reach them.
pub trait Prober: Send + Sync {
    /// Connects to all of these and hangs up. Nothing is looked at any more once this is dropped.
    fn probe(&self, destinations: Vec<Destination>) -> Probing;
}

/// What was found, in the order of the destinations; `None` if nobody could look.
pub type Probing = BoxFuture<'static, Option<Vec<Probed>>>;

/// A host that requests go to.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The host, without a path.
    pub url: Url,
    /// Whose requests: they say how it is reached.
    pub inputs: Arc<AcceptedInputs>,
}

/// What was found of a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// It can be reached.
    Reached,
    /// The proxy can be reached. It wants a password before it lets anyone further.
    ProxyReached,
    /// It can't, and why.
    Unreachable(String),
}
