//! What can befall the daemon and its world.

mod access;
mod backups;
mod keys;
mod logins;
mod revocations;
mod rotations;
mod secrets;
mod terms;

use std::time::Duration;

use jiff::SignedDuration;
use tokend_core::{Caller, Cause};

pub(super) use self::{
    backups::Backups, revocations::Revocations, rotations::Rotations, terms::Changes,
};
use super::Run;
use crate::world::caller::secs;

/// How many users report tokens.
const USERS: u64 = 3;

/// For a day and a bit after someone has asked, or for as long as a token lives, a credential is
/// used.
const LONGEST_USE: Duration = Duration::from_secs(25 * 3_600);

impl Run {
    /// Lets something happen.
    pub(super) fn happen(&mut self) {
        match self.dice.below(152) {
            0..35 => self.ask(),
            35..52 => {
                let (account, mood) = self.provider.borrow_mut().change(&mut self.dice);
                self.note(format_args!("the provider of account {account} is {mood:?}"));
            }
            52..60 => self.report(),
            60..65 => self.force(),
            65..67 => self.want(),
            67..75 => self.crash_soon(),
            75..80 => self.reboot(),
            80..85 => {
                let sleep = self.sleep();
                self.note(format_args!("the machine sleeps for {sleep:?}"));
                self.world.suspend(sleep);
                self.witness.slept(&self.world);
            }
            85..91 => self.set_clock(),
            91..95 => {
                self.world.disk.full = !self.world.disk.full;
                let full = self.world.disk.full;
                self.note(format_args!("the disk is full: {full}"));
            }
            96..98 => {
                let millis = |millis| Duration::from_millis(millis);
                self.world.disk.writes_after = self.dice.span(millis(1), millis(2_000));
                self.world.disk.answers_after = self.dice.span(millis(1), millis(2_000));
            }
            98..100 => {
                self.note(format_args!("those who wait give up"));
                self.waiting.clear();
            }
            100..104 => self.rekey(),
            104..112 => self.change(),
            112..115 => self.back_up_or_restore(),
            115..121 => self.renew_secret(),
            121..123 => self.log_in_sometime(),
            123..127 => self.trouble(),
            127..137 => self.hand_over(),
            137..143 => self.visit(),
            143..147 => self.change_access(),
            95 | 147.. => self.revoke(),
        }
        self.look();
    }

    /// Draws how long the machine sleeps: now and then for days, in which nobody asks.
    fn sleep(&mut self) -> Duration {
        if self.dice.percent(15) {
            self.dice.span(LONGEST_USE, LONGEST_USE * 3)
        } else {
            self.dice.span(secs(1), self.scale.max(secs(60)) * 4)
        }
    }

    /// Draws a credential.
    pub(super) fn member(&mut self) -> usize {
        self.dice.index(self.plan.members.len())
    }

    pub(super) fn ask(&mut self) {
        let position = self.member();
        let life = self.plan.accounts[self.plan.members[position].account].life;
        let life = life.unwrap_or(secs(60)).as_secs();
        for _ in 0..=self.dice.below(3) {
            let wish = self.dice.below(life + life / 5 + 1);
            let wishes = [None, None, Some(Duration::ZERO), Some(secs(wish))];
            let min_ttl = self.dice.pick(&wishes);
            self.acquire(position, min_ttl);
        }
    }

    /// A user reports a token. Now and then the API refuses whatever it is shown.
    fn report(&mut self) {
        let position = self.member();
        self.report_one(position);
        if self.dice.percent(25) {
            for _ in 0..2 {
                let pause = self.dice.span(secs(1), secs(30));
                self.pass(pause);
                self.report_one(position);
            }
        }
    }

    /// A user reports the token that is held, or one of before.
    fn report_one(&mut self, position: usize) {
        let name = self.plan.members[position].name.clone();
        let Some(held) = self.world.slot(&name).and_then(|slot| slot.token_id()) else { return };
        let before: Vec<_> =
            self.had.iter().filter(|(of, id)| *of == position && *id != held).collect();
        let stale = !before.is_empty() && self.dice.percent(40);
        let token = if stale { self.dice.pick(&before).1 } else { held };
        let user = u32::try_from(self.dice.below(USERS)).expect("there are a few");
        let reservations = self.world.wanted.len();
        let member = self.plan.members[position].clone();
        if !stale {
            self.witness.wishes(&member, Cause::Rejected, &self.world);
        }
        let ruling = self.world.report(&name, token, user).try_recv();
        let ruling = ruling.ok().map(|ruling| ruling.expect("the daemon isn't about to end"));
        self.note(format_args!(
            "user {user} reports a token of {name}, stale: {stale}; {ruling:?}"
        ));
        let from = (Caller(user), stale);
        self.witness.check_report(&member, from, ruling.as_ref(), reservations, &self.world);
        self.look();
    }

    /// An operator wants a new token.
    pub(super) fn force(&mut self) {
        let position = self.member();
        self.force_one(position);
    }

    pub(super) fn force_one(&mut self, position: usize) {
        let member = self.plan.members[position].clone();
        self.note(format_args!("an operator asks {}", member.name));
        self.witness.wishes(&member, Cause::Forced, &self.world);
        drop(self.world.refresh(&member.name));
        self.look();
    }

    /// A user who may wants another token.
    fn want(&mut self) {
        let position = self.member();
        let member = self.plan.members[position].clone();
        let user = 1_000 + u32::try_from(self.dice.below(3)).expect("it is one of three");
        self.note(format_args!("user {user} wants another token of {}", member.name));
        self.witness.wishes(&member, Cause::Wanted, &self.world);
        drop(self.world.renew(&member.name, user));
        self.look();
    }

    fn set_clock(&mut self) {
        if self.plan.honest {
            return;
        }
        let far = self.dice.span(secs(1), secs(4 * 3_600));
        let far = SignedDuration::try_from(far).expect("hours");
        let drawn = self.dice.pick(&[SignedDuration::ZERO, far, -far]);
        let wrong_by = drawn.min(self.witness.latitude(&self.plan, &self.world, false));
        self.note(format_args!("the clock is set and wrong by {wrong_by:?}"));
        self.world.set_clock(wrong_by);
        self.clock_was_set();
        // What providers say of the time doesn't go by this clock.
        if self.dice.percent(30) {
            self.note(format_args!("all providers want to be left alone"));
            self.provider.borrow_mut().throttle_all();
            self.force();
        }
    }

    pub(super) fn clock_was_set(&mut self) {
        self.witness.clock_was_set(&self.world);
        self.provider.borrow_mut().forgive(self.witness.disorder());
    }
}
