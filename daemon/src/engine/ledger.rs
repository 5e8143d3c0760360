//! Looks at the ledger, for operators.

use std::collections::{BTreeMap, BTreeSet};

use tokend_core::{Name, Random, Usage};

use super::{Engine, Error, Reply};
use crate::{
    credential::CredentialId,
    ports::{self, Clock, Findings, Found, Issuer, Number, Query, Spending, Store, Ticket},
};

/// An issuance, and whose it was.
#[derive(Debug)]
pub struct Issuance {
    /// The credential, unless it has been removed.
    pub credential: Option<Name>,
    /// What the ledger has of it.
    pub entry: ports::Entry,
}

/// What was spent of an account's limits.
#[derive(Debug)]
pub struct AccountBudget {
    /// The account.
    pub account: String,
    /// The credentials that share it.
    pub credentials: Vec<Name>,
    /// How much of each limit is used.
    pub usages: Vec<Usage>,
    /// The issuances of the last 24 hours.
    pub last_day: u32,
    /// When this was so.
    pub at: jiff::Timestamp,
}

/// An account and the credentials that share it.
type Named = (String, Vec<Name>);

/// Who waits for a look at the ledger.
#[derive(Debug)]
pub(super) enum Look {
    Issuances(Reply<Vec<Issuance>>),
    Budgets(Vec<Named>, Reply<Vec<AccountBudget>>),
    Rows(Reply<u64>),
    /// What is wrong besides, too.
    Problems(Vec<String>, Vec<Named>, Reply<Vec<String>>),
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    pub(super) fn look_at_issuances(
        &mut self,
        name: Option<&Name>,
        before: Option<Number>,
        limit: usize,
        reply: Reply<Vec<Issuance>>,
    ) {
        let credential = match name.map(|name| self.identified(name)).transpose() {
            Ok(credential) => credential,
            Err(error) => return drop(reply.send(Err(error))),
        };
        self.look(Look::Issuances(reply), Query::Issuances { credential, before, limit });
    }

    /// Looks at the limits of those accounts that are wanted.
    pub(super) fn look_at_budgets(
        &mut self,
        is_wanted: impl Fn(&str) -> bool,
        reply: Reply<Vec<AccountBudget>>,
    ) {
        let (named, accounts) = self.all_accounts(is_wanted);
        let query = Query::Budgets { accounts, at: self.clock.stamp() };
        self.look(Look::Budgets(named, reply), query);
    }

    pub(super) fn all_accounts(
        &self,
        is_wanted: impl Fn(&str) -> bool,
    ) -> (Vec<Named>, Vec<ports::Account>) {
        let named = self.accounts.iter().filter(|(account, _)| is_wanted(account));
        let named: Vec<Named> = named
            .map(|(account, names)| (account.to_owned(), names.iter().cloned().collect()))
            .collect();
        let accounts = named.iter().map(|(account, _)| self.accounts.get(account)).collect();
        (named, accounts)
    }

    pub(super) fn look(&mut self, look: Look, query: Query) {
        let ticket = Ticket(self.number());
        self.looking.insert(ticket, look);
        self.store.look(ticket, query);
    }

    /// Takes in what a look at the ledger has found.
    pub fn found(&mut self, found: Found) {
        // Whoever asked may have gone; there is no one else to tell.
        match (self.looking.remove(&found.ticket), found.result) {
            (Some(Look::Issuances(reply)), Ok(Findings::Issuances(entries))) => {
                let names = self.names_of(&entries);
                let issuances = entries.into_iter().map(|entry| {
                    let credential = names.get(&entry.credential).cloned();
                    Issuance { credential, entry }
                });
                let _ = reply.send(Ok(issuances.collect()));
            }
            (Some(Look::Budgets(named, reply)), Ok(Findings::Budgets(spendings))) => {
                let _ = reply.send(Ok(self.budgets(named, spendings)));
            }
            (
                Some(Look::Problems(mut problems, named, reply)),
                Ok(Findings::Budgets(spendings)),
            ) => {
                let budgets = self.budgets(named, spendings);
                problems.extend(budgets.iter().filter_map(AccountBudget::problem));
                let _ = reply.send(Ok(problems));
            }
            (Some(Look::Problems(mut problems, _, reply)), Err(failure)) => {
                problems.push(Error::Store(failure).to_string());
                let _ = reply.send(Ok(problems));
            }
            (Some(Look::Issuances(reply)), Err(failure)) => {
                let _ = reply.send(Err(Error::Store(failure)));
            }
            (Some(Look::Budgets(_, reply)), Err(failure)) => {
                let _ = reply.send(Err(Error::Store(failure)));
            }
            (Some(Look::Rows(reply)), Ok(Findings::Rows(rows))) => drop(reply.send(Ok(rows))),
            (Some(Look::Rows(reply)), Err(failure)) => {
                let _ = reply.send(Err(Error::Store(failure)));
            }
            // No store answers one look with what another asked for.
            (_, _) => {}
        }
    }

    fn budgets(&self, named: Vec<Named>, spendings: Vec<Spending>) -> Vec<AccountBudget> {
        let at = self.clock.now().wall;
        let budgets = named.into_iter().zip(spendings).map(|(named, spending)| {
            let (account, credentials) = named;
            let Spending { usages, last_day } = spending;
            AccountBudget { account, credentials, usages, last_day, at }
        });
        budgets.collect()
    }

    fn names_of(&self, entries: &[ports::Entry]) -> BTreeMap<CredentialId, Name> {
        let ids: BTreeSet<CredentialId> = entries.iter().map(|entry| entry.credential).collect();
        let credentials = self.entries.values().map(|entry| &entry.credential);
        let listed = credentials.filter(|credential| ids.contains(&credential.id));
        listed.map(|credential| (credential.id, credential.name.clone())).collect()
    }
}
