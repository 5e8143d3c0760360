//! Requests to end tokens, and what becomes of them.

use std::time::Duration;

use jiff::Timestamp;
use tokend::{
    engine::{Command, PendingRevocation},
    ports::{Errand, ErrandEnded, ErrandId},
};
use tokend_core::{BootTime, Fate, Name, RevocationId, after};
use tokend_provider::{Exchange, Outcome, Request, Step};

use super::{
    Coming, World,
    caller::{AUTHOR, Waiting},
    provider::{Arrival, What, answer, failed},
};

/// A request to end a token.
#[derive(Debug, Clone)]
pub struct Plea {
    /// The credential.
    pub name: Name,
    /// What is to end: a token, a refresh token or a session.
    pub value: String,
    /// When it was sent, by true time ..
    pub sent_at: Timestamp,
    /// .. and when the issuer heard the end of it, or would have.
    pub ended_at: Timestamp,
    /// What that was.
    pub what: What,
    /// Whether the daemon has heard of it: it may have crashed meanwhile.
    pub heard: bool,
    /// Whether it has heard that nothing is left to end.
    pub has_succeeded: bool,
}

impl Plea {
    /// Tells whether the provider has ended it, whatever it answered.
    pub fn is_done(&self) -> bool {
        matches!(self.what, What::Answer { status: 200, .. } | What::Lost)
    }
}

/// An errand that waits for an answer.
pub(super) struct Visit {
    id: ErrandId,
    /// The place of its last request among those that were sent.
    place: usize,
    begun_at: BootTime,
    within: Duration,
    sent_at: Timestamp,
    fate: Fate,
    exchange: Box<Exchange>,
}

impl World {
    /// Runs an errand, as the daemon's own issuer does.
    pub(super) fn run_errand(&mut self, errand: Errand) {
        let Errand { id, credential, begun_at, within, first, .. } = errand;
        let name = credential.expect("nothing else is tried here");
        let Step::Send(exchange, request) = first else {
            panic!("there is nothing else to do than to send")
        };
        let (sent_at, fate) = (self.now().wall, Fate::Unsent);
        let visit = Visit { id, place: 0, begun_at, within, sent_at, fate, exchange };
        self.ask_for_end(visit, name, &request);
    }

    fn ask_for_end(&mut self, visit: Visit, name: Name, request: &Request) {
        let sent_at = self.truth();
        let Arrival { mut what, mut took, .. } = self.revoking.clone();
        let left = visit.within.saturating_sub(visit.begun_at.until(self.now().boot));
        if took >= left {
            // The issuer gives up.
            (what, took) = (What::Lost, left);
        }
        let (ended_at, heard, has_succeeded) = (after(sent_at, took), false, false);
        let value = value(request);
        let visit = Visit { place: self.errands.len(), sent_at: self.now().wall, ..visit };
        self.errands.push(Plea { name, value, sent_at, ended_at, what, heard, has_succeeded });
        self.expect(took, Coming::Visited(Box::new(visit)));
    }

    /// A request to end a token has ended.
    pub(super) fn visited(&mut self, visit: Visit) {
        let Visit { id, place, begun_at, within, sent_at, fate, exchange } = visit;
        let now = self.truth();
        let sent = &mut self.errands[place];
        (sent.ended_at, sent.heard) = (now, true);
        let (name, what) = (sent.name.clone(), sent.what.clone());
        let (fate, outcome) = match what {
            What::Refused => (fate, failed("can't connect")),
            What::Lost => (Fate::Lost, failed("the dance took too long")),
            What::Answer { status, headers, body } => {
                match exchange.answer(&answer(status, &headers, body), self.now().wall) {
                    Step::Done(outcome) => (Fate::Answered, outcome),
                    Step::Send(exchange, request) => {
                        let fate = Fate::Answered;
                        let visit = Visit { id, place, begun_at, within, sent_at, fate, exchange };
                        return self.ask_for_end(visit, name, &request);
                    }
                    _ => (Fate::Answered, failed("nobody is here, and no programs")),
                }
            }
        };
        let took = begun_at.until(self.now().boot);
        self.errands[place].has_succeeded = matches!(outcome, Outcome::Revoked);
        self.daemon().engine.returned(ErrandEnded { id, sent_at, took, fate, outcome });
    }

    /// Returns the tokens that are to be ended still.
    pub fn revocations(&mut self) -> Vec<PendingRevocation> {
        let pending = self.ask(|reply| Command::Revocations { reply });
        self.wait(pending).unwrap()
    }

    /// Has an operator leave a token to live on that was to be ended.
    pub fn drop_revocation(&mut self, id: RevocationId) -> Waiting<()> {
        self.ask(|reply| Command::DropRevocation { id, author: AUTHOR, reply })
    }
}

/// Returns what a request is to end: a field of a form (RFC 7009 §2.1), or the last of an object.
fn value(request: &Request) -> String {
    let body = request.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
    let mut fields = body.split('&').filter_map(|pair| pair.split_once('='));
    let token = fields.find(|(name, _)| *name == "token").map(|(_, value)| value);
    token.or_else(|| body.rsplit('"').nth(1)).unwrap_or_default().to_owned()
}
