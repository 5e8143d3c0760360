//! What a restored store lacks of its ledger, and operators who know how much that is.

use std::{collections::BTreeSet, time::Duration};

use tokend_core::{Name, Random, Refusal, StoreFailure, after};
use tracing::info;

use super::{AccountBudget, Author, Engine, Error, Reply, change::Pending, ledger::Look};
use crate::ports::{Clock, Issuer, Loaded, Query, Store, Write};

/// Whether the store was restored from a backup, and what that leaves in doubt.
#[derive(Debug)]
pub(super) struct Restored {
    /// Whether it was found to be when it was opened.
    pub(super) is_noticed: bool,
    /// Whether refresh tokens that references hold may be older than what the providers have
    /// seen: nobody has had the files read since.
    pub(super) doubts_references: bool,
    /// Whether its ledger may lack issuances.
    lacks: bool,
}

impl Restored {
    pub(super) fn of(loaded: &Loaded) -> Self {
        let &Loaded { is_restored, lacks, .. } = loaded;
        Self { is_noticed: is_restored, doubts_references: is_restored, lacks }
    }
}

/// Of which accounts an operator knows what the ledger lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accounts {
    /// Of all that credentials use.
    All,
    /// Of the one of this name.
    Named(String),
    /// Of the one that this credential uses.
    Of(Name),
}

/// What an operator knows, while it is being written.
#[derive(Debug)]
pub(super) struct Acceptance {
    accounts: Vec<String>,
    used: u32,
    author: Author,
    reply: Reply<Vec<AccountBudget>>,
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Takes an operator's word for how much the ledger lacks.
    pub(super) fn accept(
        &mut self,
        accounts: Accounts,
        used: u32,
        author: Author,
        reply: Reply<Vec<AccountBudget>>,
    ) {
        match self.lacking(accounts) {
            Ok(accounts) => {
                let write = Write::Accept { accounts: accounts.clone(), used };
                let acceptance = Acceptance { accounts, used, author, reply };
                self.submit(Pending::Acceptance(acceptance), write);
            }
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn lacking(&self, accounts: Accounts) -> Result<Vec<String>, Error> {
        if !self.restored.lacks {
            return Err(Error::NotRestored);
        }
        match accounts {
            Accounts::All => Ok(self.accounts.iter().map(|(name, _)| name.to_owned()).collect()),
            Accounts::Named(account) => match self.accounts.iter().find(|it| *it.0 == account) {
                Some((name, _)) => Ok(vec![name.to_owned()]),
                None => Err(Error::NoAccount(account)),
            },
            Accounts::Of(name) => Ok(vec![self.danced(&name)?.account().to_owned()]),
        }
    }

    /// What an operator knows is written, or not.
    pub(super) fn accepted(&mut self, acceptance: Acceptance, result: Result<(), StoreFailure>) {
        let Acceptance { accounts, used, author: Author { uid, pid }, reply } = acceptance;
        if let Err(failure) = result {
            return drop(reply.send(Err(Error::Store(failure))));
        }
        let mut names = BTreeSet::new();
        for account in &accounts {
            info!(account, used, uid, pid, "an operator says what was used since the backup");
            let sharers = self.accounts.iter().filter(|it| it.0 == account);
            names.extend(sharers.flat_map(|it| it.1.iter().cloned()));
        }
        for name in &names {
            if let Some(entry) = self.entries.get_mut(name) {
                entry.is_budget_unknown = false;
            }
        }
        // Whoever waits for the limits may be served now.
        self.settle(names);
        self.look_at_budgets(|account| accounts.iter().any(|one| one == account), reply);
    }

    /// Notes of a credential whether nobody knows what is used of its limits.
    pub(super) fn note_unknown(&mut self, name: &Name, unknown: bool) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.is_budget_unknown = unknown;
        }
    }

    /// Says of a refusal what else there is to say.
    pub(super) fn refusal(&self, name: &Name, refusal: Refusal) -> Error {
        let is_unknown = self.entries.get(name).is_some_and(|entry| entry.is_budget_unknown);
        match refusal {
            Refusal::BudgetExhausted { retry_after } if is_unknown => {
                Error::BudgetUnknown { name: name.clone(), retry_after }
            }
            refusal => refusal.into(),
        }
    }

    /// Answers what is wrong with the daemon, with the budgets that nobody knows.
    pub(super) fn report_problems(&mut self, reply: Reply<Vec<String>>) {
        let problems = self.problems();
        if !self.restored.lacks {
            return drop(reply.send(Ok(problems)));
        }
        let (named, accounts) = self.all_accounts(|_| true);
        let query = Query::Budgets { accounts, at: self.clock.stamp() };
        self.look(Look::Problems(problems, named, reply), query);
    }
}

impl AccountBudget {
    /// Says of limits that count as spent because nobody knows what is used of them, until when
    /// they do and what to do.
    pub(super) fn problem(&self) -> Option<String> {
        let unknown = self.usages.iter().filter(|usage| usage.unknown);
        let longest = unknown.filter_map(|usage| usage.frees_in).max()?;
        // Whole seconds, for people.
        let end = after(self.at, Duration::from_secs(longest.as_secs() + 1));
        let end = jiff::Timestamp::from_second(end.as_second()).unwrap_or(end);
        let command = match self.credentials.first() {
            Some(name) => format!("tokend-cli budget accept --used N --credential {name}"),
            None => "tokend-cli budget accept --used N --all".to_owned(),
        };
        Some(format!(
            "nobody knows how many tokens were asked of {} between the backup and its \
             restoration, so its limits count as spent until {end}; if you know, say how many: \
             `{command}`",
            self.account
        ))
    }
}
