//! Operators who have tokens end at a provider that may be in any mood then.

use std::time::Duration;

use jiff::Timestamp;
use tokend::engine::Snapshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::Run;
use crate::{
    dice::Dice,
    world::{
        caller::{Waiting, secs, value},
        provider::Arrival,
    },
};

/// Those who wait for the end of a token.
#[derive(Default)]
pub(in super::super) struct Revocations(Vec<Revoking>);

struct Revoking {
    member: usize,
    /// The token that was held when it was asked for.
    value: Option<String>,
    asked_at: Timestamp,
    answer: Waiting<Snapshot>,
}

impl Run {
    /// An operator has a token revoked, or its revocation given up.
    pub(in super::super) fn revoke(&mut self) {
        if self.dice.percent(10) {
            return self.give_up();
        }
        let position = self.member();
        let name = self.plan.members[position].name.clone();
        self.world.revoking = draw(&mut self.dice);
        let what = self.world.revoking.what.clone();
        self.note(format_args!("an operator revokes the token of {name}; that comes to: {what}"));
        let held = self.world.slot(&name).and_then(|slot| slot.published());
        let (value, asked_at) = (held.as_deref().map(value), self.world.truth());
        self.witness.urges(&name, &self.world);
        let answer = self.world.revoke(&name);
        self.revocations.0.push(Revoking { member: position, value, asked_at, answer });
        self.look();
    }

    /// An operator leaves a token to live on that was to be ended.
    fn give_up(&mut self) {
        let all = self.world.revocations();
        if all.is_empty() {
            return;
        }
        let revocation = &all[self.dice.index(all.len())].revocation;
        self.note(format_args!("an operator gives up to revoke a token of {}", revocation.name));
        drop(self.world.drop_revocation(revocation.id));
    }

    /// Those who wait for the end of a token hear what there is to hear.
    pub(in super::super) fn hear_revocations(&mut self) {
        let mut position = 0;
        while position < self.revocations.0.len() {
            match self.revocations.0[position].answer.try_recv() {
                Err(TryRecvError::Empty) => position += 1,
                Err(TryRecvError::Closed) => panic!("someone who revokes a token was forgotten"),
                Ok(answer) => {
                    let Revoking { member, value, asked_at, .. } =
                        self.revocations.0.remove(position);
                    let name = self.plan.members[member].name.clone();
                    match answer {
                        Ok(_) => {
                            self.note(format_args!("the token of {name} is revoked"));
                            self.check_end(&name, value.as_deref(), asked_at);
                        }
                        Err(error) => {
                            self.note(format_args!("no token of {name} is revoked: {error}"));
                        }
                    }
                }
            }
        }
    }

    /// Checks that a token that is said to be revoked has ended at its provider, and isn't served.
    fn check_end(&self, name: &str, held: Option<&str>, asked_at: Timestamp) {
        let errands = self.world.errands.iter().rev();
        let mut lately = errands.take_while(|sent| sent.sent_at >= self.witness.began_at());
        let has_ended = lately.any(|sent| {
            sent.name.as_str() == name && sent.has_succeeded && sent.ended_at >= asked_at
        });
        assert!(has_ended, "a token of {name} is said to be revoked, and isn't");
        let served = self.world.slot(name).and_then(|slot| slot.published());
        let served = served.as_deref().map(value);
        assert!(held.is_none() || served.as_deref() != held, "{name} serves what was revoked");
    }

    /// The daemon has ended: nobody hears any more what became of it.
    pub(in super::super) fn leave_revocations(&mut self) {
        self.revocations.0.clear();
    }

    /// Tells whether someone waits for the end of a token.
    pub(in super::super) fn has_revocations(&self) -> bool {
        !self.revocations.0.is_empty()
    }
}

/// Draws what comes of requests to end tokens.
fn draw(dice: &mut Dice) -> Arrival {
    let well = Arrival::json(200, "{}");
    let wait = dice.span(secs(1), secs(1_200)).as_secs().to_string();
    match dice.below(20) {
        0..8 => well,
        8..10 => well.after(dice.span(Duration::from_millis(200), secs(44))),
        10..13 => Arrival::refused(),
        13..15 => Arrival::lost(),
        15..17 => Arrival::status(500),
        17 => Arrival::status(503).with("retry-after", wait),
        18 => Arrival::status(429).with("retry-after", wait),
        _ => Arrival::json(400, r#"{"error":"unsupported_token_type"}"#),
    }
}
