//! A policy that refreshes at a fixed age, whatever the limits and the weather.
//!
//! Beside that it is as careful as tokend: it asks the same ledger with the same
//! reserve, backs off in the same way, and doesn't forget to try again.

use std::time::Duration;

use tokend_core::{Cause, DEFAULT_MIN_TTL, Failure, Random, Verdict};

use super::{Answer, Ledger, Runner};
use crate::{Millis, World, span::millis};

/// A refresh that the limits don't allow isn't tried again sooner.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// The longest wait after failures.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

pub(super) struct Fixed<R> {
    random: R,
    /// The age at which a token is replaced.
    age: Millis,
    /// The age up to which callers can do with it.
    serviceable: Millis,
    /// When the token was asked for that is held, if it hasn't been rejected.
    token: Option<Millis>,
    failures: u32,
    /// The end of a wait, after a failure or for the budget.
    retry_at: Millis,
}

impl<R: Random> Fixed<R> {
    pub(super) fn new(age: Duration, world: &World, random: R) -> Self {
        let life = Duration::from_millis(world.life);
        let serviceable = millis(life.saturating_sub(DEFAULT_MIN_TTL.min(life / 10)));
        let age = millis(age);
        Self { random, age, serviceable, token: None, failures: 0, retry_at: 0 }
    }
}

impl<R: Random> Runner for Fixed<R> {
    fn due(&self, _now: Millis) -> Option<Millis> {
        let due = self.token.map_or(0, |sent| sent + self.age);
        Some(due.max(self.retry_at))
    }

    fn wake(&mut self, now: Millis, ledger: &mut Ledger<'_>) -> bool {
        let left = self.token.map(|sent| (sent + self.serviceable).saturating_sub(now));
        let left = left.filter(|left| *left > 0);
        let cause = if left.is_some() { Cause::Aging } else { Cause::Absent };
        let Err(wait) = ledger.reserve(cause, now) else { return true };
        // What is held back from refreshes is there for whom no token is left.
        let wait = left.map_or(millis(wait), |left| left.min(millis(wait)));
        self.retry_at = now + wait.max(millis(LEAST_PAUSE));
        false
    }

    fn answered(&mut self, now: Millis, sent: Millis, answer: Answer, _: &mut Ledger<'_>) -> bool {
        if answer == Answer::Token {
            self.token = Some(sent);
            self.failures = 0;
        } else {
            self.failures += 1;
            let (verdict, message) = (Verdict::Transient, String::new());
            let failure = Failure { verdict, retry_after: None, message };
            self.retry_at =
                now + millis(failure.wait(self.failures, LONGEST_WAIT, &mut self.random));
        }
        false
    }

    fn rejected(&mut self, _now: Millis, _ledger: &mut Ledger<'_>) -> bool {
        self.token = None;
        false
    }
}
