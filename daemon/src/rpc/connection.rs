//! One connection: who is at its other end, and what is written down of it.

use std::ops::Deref;

use tokend_core::Name;
use tonic::Status;

use super::{Context, Door, Peer};
use crate::{
    audit::{self, Action, Told, Who},
    engine::{Command, Reply},
    published::Published,
};

/// Those who share turns and open calls: a user's connections, or, being `None`, all at a
/// listener, since one who is in a container may have thousands of users' numbers.
pub(super) type Party = Option<u32>;

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    peer: Peer,
    party: Party,
    told: Told,
}

impl Connection {
    /// Makes one that counts as its own user's.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn new(peer: Peer) -> Self {
        let user = peer.uid;
        Self::shared(peer, user)
    }

    /// Makes one that counts as this user's ([`sharer`](crate::connections::Process::sharer)).
    pub(super) fn shared(peer: Peer, user: u32) -> Self {
        let party = (!matches!(peer.door, Door::Listener(_))).then_some(user);
        Self { peer, party, told: Told::default() }
    }

    /// Returns with whom it shares turns and open calls.
    pub(super) fn party(&self) -> Party {
        self.party
    }

    /// Returns whom the audit log is to name.
    pub(super) fn who(&self) -> Who {
        self.peer.who()
    }
}

impl Deref for Connection {
    type Target = Peer;

    fn deref(&self) -> &Peer {
        &self.peer
    }
}

impl Context {
    /// Writes down that someone isn't let do something.
    pub(super) fn deny(&self, action: Action, connection: &Connection, name: &Name) {
        self.audit.denied(action, connection.who(), Some(name), self.clock.now().boot);
    }

    /// Writes down that someone is given a token.
    pub(super) fn grant(&self, connection: &Connection, name: &Name, given: &Published) {
        let token = given.token().id;
        self.audit.granted(&connection.told, || connection.who(), name, token);
    }

    /// Asks the engine for a change, and writes down who wants it and what came of it.
    pub(super) async fn change<T>(
        &self,
        action: Action,
        connection: &Connection,
        name: Option<&Name>,
        command: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<T, Status> {
        let change = audit::Change::begin(action, connection.who(), name);
        let answer = self.ask(command).await;
        change.end(answer.is_ok());
        answer
    }
}
