//! Newer tokens that an API hands to its callers.

use jiff::Timestamp;
use tokend_core::after;

use super::{Given, Provider};

impl Provider {
    /// An API hands out a newer token, which lives for a life from its use on. Returns it.
    pub(crate) fn hand_out(&mut self, account: usize, at: Timestamp) -> String {
        self.newer += 1;
        let value = format!("t0ken-n{}", self.newer);
        let end = self.accounts[account].life.map(|life| after(at, life));
        let given =
            Given { end, since: at, first: None, attempt: None, last: at, has_ended: false };
        self.given.insert(value.clone(), given);
        value
    }

    /// Tells whether a token was ended on request.
    pub(crate) fn has_ended(&self, value: &str) -> bool {
        self.given.get(value).is_some_and(|given| given.has_ended)
    }

    /// A token that an API has handed out is used once more, and lives the longer.
    pub(crate) fn hand_out_again(&mut self, account: usize, value: &str, at: Timestamp) {
        let given = self.given.get_mut(value).expect("it was handed out");
        given.end = self.accounts[account].life.map(|life| after(at, life));
    }
}
