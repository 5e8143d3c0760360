//! What a provider answers that is out of order, or wants fewer requests.

use std::time::Duration;

use jiff::Timestamp;
use tokend_core::after;

use super::{Provider, http_date};
use crate::world::{caller::secs, provider::Arrival};

impl Provider {
    pub(super) fn broken(&mut self, at: Timestamp, dated: bool) -> Arrival {
        match self.dice.below(5) {
            0 => Arrival::json(200, "<!doctype html><title>Sign in</title>"),
            1 => Arrival::json(200, r#"{"errors":[{"message":"no"}]}"#),
            2 => {
                let wait = self.dice.span(secs(1), secs(1_200));
                self.stay_away(at, wait);
                // A date says nothing without another to hold it against.
                let by_date = dated && self.dice.percent(50);
                demand(503, by_date, at, wait)
            }
            _ => Arrival::status(500),
        }
    }

    pub(super) fn throttle(&mut self, at: Timestamp) -> Arrival {
        let wait = self.dice.span(secs(1), secs(1_200));
        self.stay_away(at, wait.max(secs(300)));
        match self.dice.below(3) {
            0 => Arrival::status(429),
            kind => demand(429, kind == 2, at, wait),
        }
    }
}

/// Says how long to stay away, in seconds or by a date.
fn demand(status: u16, by_date: bool, at: Timestamp, wait: Duration) -> Arrival {
    let told = if by_date { http_date(after(at, wait)) } else { wait.as_secs().to_string() };
    Arrival::status(status).with("retry-after", told)
}
