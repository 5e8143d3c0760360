//! Secrets that operators replace.

use std::time::Duration;

use super::{Run, terms::What};
use crate::{plan::secret, world::caller::secs};

impl Run {
    /// A credential's secret is replaced at its provider, and an operator sets the new one, be
    /// something under way or not; now and then one that is none.
    pub(super) fn renew_secret(&mut self) {
        let position = self.member();
        if self.dice.percent(30) {
            self.force_one(position);
        }
        if self.dice.percent(20) {
            let number = self.provider.borrow_mut().mistake_secret(position);
            self.set_secret(position, number);
            return;
        }
        let overlaps = [Duration::ZERO, secs(30), secs(600), secs(7_200)];
        let overlap = self.dice.pick(&overlaps);
        let now = self.world.truth();
        let number = self.provider.borrow_mut().renew_secret(position, overlap, now);
        self.note(format_args!("the secret before is taken for {overlap:?}"));
        // Not everyone does it at once.
        if self.dice.percent(80) {
            self.set_secret(position, number);
        }
    }

    pub(in super::super) fn set_secret(&mut self, position: usize, number: usize) {
        let name = self.plan.members[position].name.clone();
        self.note(format_args!("an operator sets the secret {number} of {name}"));
        let answer = self.world.set_secret(&name, "client_secret", &secret(number));
        self.submit(position, What::Secret(number, answer));
        if self.dice.percent(15) {
            self.end_within(5);
        }
    }

    /// Operators see to it that all providers know all credentials.
    pub(in super::super) fn set_known_secrets(&mut self) {
        for position in 0..self.plan.members.len() {
            let number = self.provider.borrow().secret(position);
            if self.plan.members[position].secret != number {
                self.set_secret(position, number);
            }
        }
        // What befalls the daemon meanwhile doesn't belong to the end of all trouble.
        self.crash_in = None;
        self.world.heal();
    }
}
