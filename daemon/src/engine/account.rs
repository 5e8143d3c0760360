//! Who shares the limits of an account, and what they are.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tokend_core::{Input, Limit, Name, Random};

use super::{Engine, Entry};
use crate::ports::{self, Clock, Issuer, Store};

/// The accounts at providers.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    all: BTreeMap<Arc<str>, Account>,
    /// Which one each credential has joined: by other definitions it is another one.
    joined: BTreeMap<Name, Arc<str>>,
}

/// An account, the credentials that use it, and all limits that one of them knows of:
/// who shares an account shares them.
#[derive(Debug, Default)]
struct Account {
    names: BTreeSet<Name>,
    limits: Vec<Limit>,
}

impl Accounts {
    /// Returns all accounts with their credentials, in the order of their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &BTreeSet<Name>)> {
        self.all.iter().map(|(name, account)| (&**name, &account.names))
    }

    /// Returns the credentials of the account that one has joined, itself among them.
    pub(super) fn sharers(&self, name: &Name) -> BTreeSet<Name> {
        let account = self.joined.get(name).and_then(|key| self.all.get(key));
        account.map(|account| account.names.clone()).unwrap_or_default()
    }

    /// Returns what the ledger needs to know of an account.
    pub(super) fn get(&self, name: &str) -> ports::Account {
        let account = self.all.get(name);
        let sharers = account.map_or(1, |account| account.names.len());
        ports::Account {
            name: name.to_owned(),
            limits: account.map(|account| account.limits.clone()).unwrap_or_default(),
            sharers: u32::try_from(sharers).unwrap_or(u32::MAX),
        }
    }
}

impl Account {
    fn add(&mut self, limits: impl Iterator<Item = Limit>) {
        for limit in limits {
            if !self.limits.contains(&limit) {
                self.limits.push(limit);
            }
        }
    }
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Lets a credential, which is known already, share its account.
    pub(super) fn join_account(&mut self, name: &Name) {
        if let Some(Entry { credential, routine: Ok(routine), .. }) = self.entries.get(name) {
            let key = Arc::clone(routine.account());
            self.accounts.joined.insert(name.clone(), Arc::clone(&key));
            let account = self.accounts.all.entry(key).or_default();
            account.names.insert(name.clone());
            account.add(routine.limits(credential));
        }
    }

    /// Takes a credential out of its account, before it is forgotten. Returns those
    /// that are left, for whom other limits may hold now.
    pub(super) fn leave_account(&mut self, name: &Name) -> BTreeSet<Name> {
        let Some(key) = self.accounts.joined.remove(name) else { return BTreeSet::new() };
        let Some(account) = self.accounts.all.get_mut(&key) else { return BTreeSet::new() };
        account.names.remove(name);
        if account.names.is_empty() {
            self.accounts.all.remove(&key);
            return BTreeSet::new();
        }
        // What this one knew of may be known to others, too.
        account.limits.clear();
        for name in account.names.clone() {
            if let Some(Entry { credential, routine: Ok(routine), .. }) = self.entries.get(&name) {
                account.add(routine.limits(credential));
            }
        }
        account.names.clone()
    }

    /// Tells credentials that what is settled for them, or their limits, has changed.
    pub(super) fn settle(&mut self, names: impl IntoIterator<Item = Name>) {
        for name in names {
            let terms = self.terms(&name);
            self.step(&name, Input::Settled(terms));
        }
    }
}
