//! Who shares the limits of an account, and what they are.

use std::collections::{BTreeMap, BTreeSet};

use tokend_core::{Limit, Name, Random};

use super::{Engine, Entry, dance::Dance};
use crate::ports::{Account, Clock, Issuer, Store};

/// The credentials of each account.
#[derive(Debug, Default)]
pub(super) struct Accounts(BTreeMap<String, BTreeSet<Name>>);

impl Accounts {
    pub(super) fn join(&mut self, account: &str, name: &Name) {
        self.0.entry(account.to_owned()).or_default().insert(name.clone());
    }

    pub(super) fn leave(&mut self, account: &str, name: &Name) {
        if let Some(names) = self.0.get_mut(account) {
            names.remove(name);
            if names.is_empty() {
                self.0.remove(account);
            }
        }
    }

    /// Returns all accounts in the order of their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &BTreeSet<Name>)> {
        self.0.iter()
    }
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Returns an account with all limits that one of its credentials knows of: who
    /// shares an account shares them.
    pub(super) fn account(&self, account: &str) -> Account {
        let mut limits: Vec<Limit> = Vec::new();
        let names = self.accounts.0.get(account);
        for name in names.into_iter().flatten() {
            let Some(Entry { credential, dance: Ok(dance), .. }) = self.entries.get(name) else {
                continue;
            };
            for limit in Dance::limits(dance, credential) {
                if !limits.contains(&limit) {
                    limits.push(limit);
                }
            }
        }
        let sharers = names.map_or(1, BTreeSet::len);
        Account {
            name: account.to_owned(),
            limits,
            sharers: u32::try_from(sharers).unwrap_or(u32::MAX),
        }
    }
}
