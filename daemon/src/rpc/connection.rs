//! One connection: who is at its other end, and what is written down of it.

use std::ops::Deref;

use tokend_core::Name;
use tonic::Status;

use super::{Context, Peer};
use crate::{
    audit::{self, Action, Told, Who},
    engine::{Command, Reply},
    published::Published,
};

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    peer: Peer,
    told: Told,
}

impl Connection {
    pub(super) fn new(peer: Peer) -> Self {
        Self { peer, told: Told::default() }
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
