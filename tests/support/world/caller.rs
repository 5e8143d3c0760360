//! Those who ask the daemon for something: callers and operators.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use tokend::{
    credential::{Credential, Reader, Replacement, Role, Supply},
    engine::{
        Author, Change, Command, Error, Named, NewCredential, Rejection, Reply, Rotated, Rotation,
        Snapshot, Supplier,
    },
    published::{Published, Slot},
};
use tokend_core::{Caller, Policy, Ruling, TokenId};
use tokend_provider::Limit;
use tokio::sync::oneshot::{self, error::TryRecvError};

use super::{World, after};

/// An answer that may not be there yet.
pub type Waiting<T> = oneshot::Receiver<Result<T, Error>>;

/// What comes of asking for a token.
#[derive(Debug)]
pub enum Acquired {
    /// The published one did.
    Served(Arc<Published>),
    /// The engine was asked.
    Waiting(Waiting<Arc<Published>>),
}

/// Nobody waits longer than this: an issuance ends within a minute.
const PATIENCE: Duration = Duration::from_secs(600);

impl World {
    /// Asks the engine something.
    pub fn ask<T>(&mut self, command: impl FnOnce(Reply<T>) -> Command) -> Waiting<T> {
        let (reply, answer) = oneshot::channel();
        self.daemon().engine.command(command(reply));
        self.attend();
        answer
    }

    /// Lets time pass until there is an answer.
    ///
    /// # Panics
    /// If there is none for ten minutes.
    pub fn wait<T>(&mut self, mut answer: Waiting<T>) -> Result<T, Error> {
        let end = after(self.truth(), PATIENCE);
        loop {
            match answer.try_recv() {
                Ok(answer) => return answer,
                Err(TryRecvError::Closed) => panic!("the daemon has forgotten someone"),
                Err(TryRecvError::Empty) => assert!(self.step(end), "no answer comes"),
            }
        }
    }

    /// Adds a credential and waits until it is stored.
    pub fn add(&mut self, new: NewCredential) -> Snapshot {
        let answer = self.create(new);
        self.wait(answer).unwrap()
    }

    /// Adds a credential.
    pub fn create(&mut self, new: NewCredential) -> Waiting<Snapshot> {
        self.ask(|reply| Command::Change(Change::Create { new, reply }, AUTHOR))
    }

    /// Removes a credential, and ends its token.
    pub fn remove(&mut self, name: &str) -> Waiting<bool> {
        self.remove_with(name, true)
    }

    /// Removes a credential, and ends its token if it is to be ended.
    pub fn remove_with(&mut self, name: &str, revoke: bool) -> Waiting<bool> {
        let name = name.parse().unwrap();
        let remove = |reply| Change::Remove { name, etag: None, revoke, reply };
        self.ask(|reply| Command::Change(remove(reply), AUTHOR))
    }

    /// Gives a credential another policy and other limits.
    pub fn keep(&mut self, name: &str, policy: Policy, limits: Vec<Limit>) -> Waiting<Snapshot> {
        let (name, policy, limits) = (name.parse().unwrap(), Some(policy), Some(limits));
        let keep = |reply| Change::Keep { name, etag: None, policy, limits, reply };
        self.ask(|reply| Command::Change(keep(reply), AUTHOR))
    }

    /// Does so if it is still as it was when it was read.
    pub fn keep_since(
        &mut self,
        read: &Credential,
        policy: Policy,
        limits: Vec<Limit>,
    ) -> Waiting<Snapshot> {
        let (name, etag) = (read.name.clone(), Some(read.etag()));
        let (policy, limits) = (Some(policy), Some(limits));
        let keep = |reply| Change::Keep { name, etag, policy, limits, reply };
        self.ask(|reply| Command::Change(keep(reply), AUTHOR))
    }

    /// Lets someone do something with a credential's tokens.
    pub fn grant(&mut self, name: &str, reader: &Reader, role: Role) -> Waiting<Snapshot> {
        let (name, readers) = (name.parse().unwrap(), vec![reader.clone()]);
        let grant = |reply| Change::Grant { name, etag: None, readers, role, reply };
        self.ask(|reply| Command::Change(grant(reply), AUTHOR))
    }

    /// Lets someone do that no more.
    pub fn ungrant(&mut self, name: &str, reader: &Reader, role: Role) -> Waiting<Snapshot> {
        let (name, readers) = (name.parse().unwrap(), vec![reader.clone()]);
        let ungrant = |reply| Change::Revoke { name, etag: None, readers, role, reply };
        self.ask(|reply| Command::Change(ungrant(reply), AUTHOR))
    }

    /// Has an operator revoke the token that is held.
    pub fn revoke(&mut self, name: &str) -> Waiting<Snapshot> {
        let (name, local) = (name.parse().unwrap(), false);
        self.ask(|reply| Command::Revoke { name, local, author: AUTHOR, reply })
    }

    /// Gives a credential another secret.
    pub fn set_secret(&mut self, name: &str, input: &str, secret: &str) -> Waiting<Snapshot> {
        let secrets = [(input.to_owned(), SecretString::from(secret))].into();
        let replacement = Replacement { secrets, ..Replacement::default() };
        let (name, from) = (name.parse().unwrap(), Supplier::Operator);
        let replace = |reply| Change::Replace { name, etag: None, replacement, from, reply };
        self.ask(|reply| Command::Change(replace(reply), AUTHOR))
    }

    /// Asks for a token as callers do: of the slot, then of the engine.
    pub fn acquire(&mut self, name: &str, min_ttl: Option<Duration>) -> Acquired {
        let now = self.now();
        if let Some(published) = self.slot(name).and_then(|slot| slot.acquire(min_ttl, now)) {
            return Acquired::Served(published);
        }
        let name = name.parse().unwrap();
        Acquired::Waiting(self.ask(|reply| Command::Acquire { name, min_ttl, reply }))
    }

    /// Asks for a token, waits for it if need be, and returns its value.
    pub fn get(&mut self, name: &str) -> Result<String, Error> {
        self.get_with(name, None)
    }

    /// Asks for a token with this life, and waits for it if need be.
    pub fn get_with(&mut self, name: &str, min_ttl: Option<Duration>) -> Result<String, Error> {
        let published = match self.acquire(name, min_ttl) {
            Acquired::Served(published) => published,
            Acquired::Waiting(answer) => self.wait(answer)?,
        };
        Ok(value(&published))
    }

    /// Asks for a token that is there already; nobody is to wait.
    pub fn served(&mut self, name: &str) -> Option<String> {
        let now = self.now();
        self.slot(name)?.acquire(Some(Duration::ZERO), now).map(|published| value(&published))
    }

    /// Has an operator ask for a new token.
    pub fn refresh(&mut self, name: &str) -> Waiting<Arc<Published>> {
        let name = name.parse().unwrap();
        self.ask(|reply| Command::Refresh { name, reply })
    }

    /// Has a user ask that the token be replaced.
    pub fn renew(&mut self, name: &str, user: u32) -> Waiting<Arc<Published>> {
        let (name, caller) = (name.parse().unwrap(), Caller(user));
        self.ask(|reply| Command::Renew { name, caller, reply })
    }

    /// Has a user report that an API refused a token.
    pub fn report(&mut self, name: &str, token: TokenId, user: u32) -> Waiting<Ruling> {
        let name = name.parse().unwrap();
        let token = Named::Id(token.to_string());
        let (caller, status, code) = (Caller(user), Some(401), String::new());
        let rejection = Rejection { token, caller, status, code };
        self.ask(|reply| Command::Report { name, rejection, reply })
    }

    /// Has a user report the token that is served.
    pub fn report_held(&mut self, name: &str, user: u32) -> Waiting<Ruling> {
        let held = self.slot(name).and_then(|slot| slot.token_id()).unwrap();
        self.report(name, held, user)
    }

    /// Has a user hand over a newer token in the place of this one.
    pub fn rotate(
        &mut self,
        name: &str,
        previous: TokenId,
        value: &str,
        user: u32,
    ) -> Waiting<Rotated> {
        let name = name.parse().unwrap();
        let (previous, caller) = (Named::Id(previous.to_string()), Caller(user));
        let (value, extras) = (Some(SecretString::from(value)), BTreeMap::new());
        let rotation = Rotation { previous, caller, value, extras };
        self.ask(|reply| Command::Rotate { name, rotation, reply })
    }

    /// Looks at a credential as operators do.
    pub fn look(&mut self, name: &str) -> Snapshot {
        self.find(name).unwrap()
    }

    /// Looks at a credential that may not be there.
    pub fn find(&mut self, name: &str) -> Option<Snapshot> {
        let name = name.parse().unwrap();
        let answer = self.ask(|reply| Command::Get { name, reply });
        match self.wait(answer) {
            Err(Error::NotFound(_)) => None,
            found => Some(found.unwrap()),
        }
    }

    /// Returns the slot of a credential, if there is one and the daemon runs.
    pub fn slot(&self, name: &str) -> Option<Arc<Slot>> {
        self.daemon.as_ref()?.slots.get(name)
    }
}

pub(super) const AUTHOR: Author = Author { uid: 0, pid: None };

/// Returns a credential of a server that gives tokens by client credentials.
pub fn credential(name: &str) -> NewCredential {
    let text = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    let variables = [
        ("token_url", "https://auth.example.com/token"),
        ("client_id", name),
        ("client_auth", "post"),
    ];
    NewCredential {
        name: name.parse().unwrap(),
        provider: "oauth2-client-credentials".to_owned(),
        variables: variables.map(text).into(),
        secrets: [("client_secret".to_owned(), SecretString::from("hunter2"))].into(),
        supply: Supply::default(),
        readers: Vec::new(),
        submitters: Vec::new(),
        refreshers: Vec::new(),
        policy: Policy::Always,
        limits: Vec::new(),
    }
}

/// Reads limits such as `50/12h`.
pub fn limits(texts: &[&str]) -> Vec<Limit> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// Returns so many seconds.
pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Returns the value of a token.
pub fn value(published: &Published) -> String {
    published.token().payload.value.expose_secret().to_owned()
}
