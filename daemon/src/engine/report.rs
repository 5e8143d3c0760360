//! Looks at the ledger, and callers' reports that an API refused a token.

use std::time::Duration;

use ring::digest::{SHA256, digest};
use secrecy::ExposeSecret;
use tokend_core::{Name, Random, Report, Ruling, TokenId, Usage};
use tracing::{info, warn};

use super::{Engine, Error, Refused, Rejection, Reply};
use crate::ports::{self, Clock, Findings, Found, Issuer, Number, Query, Spending, Store, Ticket};

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

/// Who waits for a look at the ledger.
#[derive(Debug)]
pub(super) enum Look {
    Issuances(Reply<Vec<Issuance>>),
    Budgets(Vec<(String, Vec<Name>)>, Reply<Vec<AccountBudget>>),
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

    pub(super) fn look_at_budgets(&mut self, reply: Reply<Vec<AccountBudget>>) {
        let named: Vec<(String, Vec<Name>)> = self
            .accounts
            .iter()
            .map(|(account, names)| (account.clone(), names.iter().cloned().collect()))
            .collect();
        let accounts = named.iter().map(|(account, _)| self.account(account)).collect();
        let query = Query::Budgets { accounts, at: self.clock.stamp() };
        self.look(Look::Budgets(named, reply), query);
    }

    fn look(&mut self, look: Look, query: Query) {
        let ticket = Ticket(self.number());
        self.looking.insert(ticket, look);
        self.store.look(ticket, query);
    }

    /// Takes in what a look at the ledger has found.
    pub fn found(&mut self, found: Found) {
        // Whoever asked may have gone; there is no one else to tell.
        match (self.looking.remove(&found.ticket), found.result) {
            (Some(Look::Issuances(reply)), Ok(Findings::Issuances(entries))) => {
                let named = entries.into_iter().map(|entry| {
                    let of = self.entries.values().find(|e| e.credential.id == entry.credential);
                    let credential = of.map(|entry| entry.credential.name.clone());
                    Issuance { credential, entry }
                });
                let _ = reply.send(Ok(named.collect()));
            }
            (Some(Look::Budgets(named, reply)), Ok(Findings::Budgets(spendings))) => {
                let at = self.clock.now().wall;
                let budgets = named.into_iter().zip(spendings).map(|(named, spending)| {
                    let (account, credentials) = named;
                    let Spending { usages, last_day } = spending;
                    AccountBudget { account, credentials, usages, last_day, at }
                });
                let _ = reply.send(Ok(budgets.collect()));
            }
            (Some(Look::Issuances(reply)), Err(failure)) => {
                let _ = reply.send(Err(Error::Store(failure)));
            }
            (Some(Look::Budgets(_, reply)), Err(failure)) => {
                let _ = reply.send(Err(Error::Store(failure)));
            }
            // No store answers one look with what another asked for.
            (_, _) => {}
        }
    }

    /// Hands a report to the core, if it speaks against the token at all.
    pub(super) fn report_rejection(
        &mut self,
        name: &Name,
        rejection: &Rejection,
        reply: Reply<Ruling>,
    ) {
        let Rejection { token, caller, status, code } = rejection;
        let refused = self.entries.get(name).map_or(&[][..], |entry| match &entry.dance {
            Ok(dance) => &dance.definition.rejection().statuses,
            Err(_) => &[],
        });
        if !speaks_against_token(*status, code, refused) {
            let _ = reply.send(Ok(Ruling::NotATokenProblem));
            return;
        }
        // One that isn't ours, or no longer, is taken for an older one.
        let token_id = self.reported(name, token).unwrap_or(TokenId([0; 16]));
        info!(credential = %name, uid = caller.0, ?status, code, %token_id, "token refused by an API");
        let waiter = tokend_core::WaiterId(self.number());
        self.reporting.insert(waiter, reply);
        let report = Report { waiter, token_id, caller: *caller };
        self.step(name, tokend_core::Input::Reported(report));
    }

    fn reported(&self, name: &Name, token: &Refused) -> Option<TokenId> {
        let published = self.entries.get(name)?.slot.published()?;
        let held = published.token();
        let is_held = match token {
            Refused::Id(id) => *id == held.id.to_string(),
            Refused::Hash(hash) => {
                let value = held.payload.value.expose_secret().as_bytes();
                digest(&SHA256, value).as_ref() == hash
            }
        };
        is_held.then_some(held.id)
    }

    pub(super) fn rule(&mut self, name: &Name, waiter: tokend_core::WaiterId, ruling: Ruling) {
        if let Ruling::CredentialDead { message } = &ruling {
            warn!(credential = %name, "an API refuses the token and no other can be had: {message}");
        }
        if let Some(reply) = self.reporting.remove(&waiter) {
            let _ = reply.send(Ok(ruling));
        }
    }
}

/// How long a report waits for a new token.
pub const LONGEST_REPORT: Duration = Duration::from_secs(10);

/// Tells whether an API's answer says that it is the token that is wrong, if
/// `refused` are the statuses by which this API says so.
///
/// Whoever is told 403 or `insufficient_scope` (RFC 6750 §3.1) was recognised. What
/// an API says with 200 has been judged by the caller.
fn speaks_against_token(status: Option<u16>, code: &str, refused: &[u16]) -> bool {
    match (status, code) {
        (_, "insufficient_scope") => false,
        (_, "invalid_token") | (None, _) => true,
        (Some(status), _) => refused.contains(&status) || matches!(status, 200..=299 | 400 | 401),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_speaks_against_a_token_and_what_does_not() {
        for (status, code, speaks) in [
            (None, "", true),
            (Some(401), "", true),
            (Some(401), "insufficient_scope", false),
            (Some(200), "UNAUTHENTICATED", true),
            (Some(400), "", true),
            (Some(403), "", false),
            (Some(403), "invalid_token", true),
            (Some(419), "", true),
            (Some(404), "", false),
            (Some(429), "", false),
            (Some(503), "", false),
            (Some(302), "", false),
        ] {
            assert_eq!(speaks_against_token(status, code, &[419]), speaks, "{status:?} {code}");
        }
    }
}
