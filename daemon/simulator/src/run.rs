//! One run of a policy through a world, event by event.

mod callers;
mod fixed;
mod ledger;
mod record;
#[cfg(test)]
mod tests;
mod tokend;

use std::time::Duration;

use tokend_core::{Limit, SplitMix};

pub(crate) use self::{callers::Callers, ledger::Ledger, record::Record};
use crate::{Millis, OutageKind, Policy, World};

/// A policy at work. It has one issuance under way at most, and isn't woken then.
trait Runner {
    /// Returns when it does something by itself, if nothing happens before.
    fn due(&self, now: Millis) -> Option<Millis>;

    /// Does what is due; tells whether it sends a request, for which it has a place
    /// in the ledger.
    fn wake(&mut self, now: Millis, ledger: &mut Ledger<'_>) -> bool;

    /// Takes the answer to the request that was sent at `sent`; tells whether it
    /// sends another at once.
    fn answered(
        &mut self,
        now: Millis,
        sent: Millis,
        answer: Answer,
        ledger: &mut Ledger<'_>,
    ) -> bool;

    /// Learns that the API has ended the token that it holds; tells whether it
    /// sends a request.
    fn rejected(&mut self, now: Millis, ledger: &mut Ledger<'_>) -> bool;
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Token,
    Failure { seen: bool },
}

/// Runs a policy through a world.
///
/// Whether a request is answered is settled when it is sent; either way the answer
/// takes the provider's latency. What happens at one time happens in this order:
/// answers, rejections, and what is due.
pub(crate) fn run(
    world: &World,
    limits: &[Limit],
    callers: Callers,
    policy: Policy,
    random: SplitMix,
) -> Record {
    let mut runner: Box<dyn Runner> = match policy.age(Duration::from_millis(world.life)) {
        Some(age) => Box::new(fixed::Fixed::new(age, world, random)),
        None => Box::new(tokend::Tokend::new(world, callers, random)),
    };
    let mut ledger = Ledger::new(limits);
    let mut record = Record::default();
    let mut under_way: Option<Millis> = None;
    let mut report: Option<Millis> = None;
    let mut earliest = 0;
    loop {
        let answer = under_way.map(|sent| sent + world.latency);
        let due = match under_way {
            None => runner.due(earliest).map(|due| due.max(earliest)),
            Some(_) => None,
        };
        let Some(now) = [answer, report, due].into_iter().flatten().min() else { break };
        if now >= world.end {
            break;
        }
        let sends = if let (Some(sent), true) = (under_way, answer == Some(now)) {
            under_way = None;
            let answer = world.answer(sent);
            ledger.settle(sent, now, answer != Answer::Failure { seen: false });
            if answer == Answer::Token {
                record.arrived(now, world.good_until(sent));
                report = world.rejected_at(sent).map(|at| at.max(now));
            }
            runner.answered(now, sent, answer, &mut ledger)
        } else if report == Some(now) {
            report = None;
            runner.rejected(now, &mut ledger)
        } else {
            // Whoever is looked at has done what was due.
            earliest = now + 1;
            runner.wake(now, &mut ledger)
        };
        if sends {
            under_way = Some(now);
        }
        earliest = earliest.max(now);
    }
    record.end(world.end, ledger.into_counted());
    record
}

impl World {
    fn answer(&self, sent: Millis) -> Answer {
        if self.first_open(sent) == sent {
            Answer::Token
        } else {
            Answer::Failure { seen: self.kind == OutageKind::Failing }
        }
    }

    /// Returns when the API ends the token that was asked for at `sent`, if it does
    /// so before the token's time.
    fn rejected_at(&self, sent: Millis) -> Option<Millis> {
        Some(self.good_until(sent)).filter(|end| *end < sent + self.life)
    }
}
