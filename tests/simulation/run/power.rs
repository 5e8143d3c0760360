//! How the daemon ends, what befalls its disk, and how it begins again.

use std::time::Duration;

use jiff::SignedDuration;

use super::Run;
use crate::{
    script::When,
    world::{Ending, Trouble, caller::secs},
};

/// To write something down and to wipe what was there takes a dozen writes and syncs or two.
const OPERATIONS: u64 = 30;

/// A store is opened with fewer.
const OPENING: u64 = 8;

impl Run {
    /// Something is begun, and the daemon ends in the midst of it.
    pub(super) fn crash_soon(&mut self) {
        if self.dice.percent(20) {
            let (after, ending) = (self.dice.below(OPERATIONS), self.ending());
            self.note(format_args!("{after} writes and syncs into a token's: {ending:?}"));
            self.world.expect_trouble_in_token(after, Trouble::End(ending));
            return self.force();
        }
        match self.dice.below(4) {
            0 => self.ask(),
            1 => self.force(),
            2 => self.revoke(),
            _ => {}
        }
        self.end_within(9);
    }

    /// The daemon ends within so many steps, or at one of the next writes or syncs.
    pub(super) fn end_within(&mut self, steps: u64) {
        let ending = self.ending();
        if self.dice.percent(50) {
            self.crash_in = Some((self.dice.below(steps), ending));
        } else {
            let after = self.dice.below(OPERATIONS);
            self.note(format_args!("after {after} writes and syncs: {ending:?}"));
            self.world.expect_trouble(after, Trouble::End(ending));
        }
    }

    /// Something is about to befall the disk that the daemon outlives.
    pub(super) fn trouble(&mut self) {
        let seed = self.dice.seed();
        let troubles = [Trouble::Full, Trouble::WriteFails, Trouble::SyncFails(seed)];
        let (trouble, after) = (self.dice.pick(&troubles), self.dice.below(OPERATIONS));
        self.note(format_args!("after {after} writes and syncs: {trouble:?}"));
        self.world.expect_trouble(after, trouble);
    }

    fn ending(&mut self) -> Ending {
        let seed = self.dice.seed();
        if self.dice.percent(50) { Ending::PowerCut(seed) } else { Ending::Kill }
    }

    pub(super) fn crash(&mut self, ending: Ending) {
        self.world.fall(ending);
        self.rise(ending);
    }

    pub(super) fn reboot(&mut self) {
        if !self.plan.honest && self.dice.percent(40) {
            return self.reboot_twice();
        }
        self.reboot_once();
    }

    /// The machine comes up with a clock that is behind, and once more when something has been
    /// sent by it.
    fn reboot_twice(&mut self) {
        let behind = self.dice.span(secs(60), secs(4 * 3_600));
        let behind = -SignedDuration::try_from(behind).expect("hours");
        let wrong_by = behind.min(self.witness.latitude(&self.plan, &self.world, true));
        self.note(format_args!("the machine is booted, wrong by {wrong_by:?}"));
        self.world.fall(Ending::Kill);
        self.world.reboot(wrong_by);
        self.begin_again();
        let position = self.member();
        for _ in 0..self.dice.below(5) {
            self.force_one(position);
            let pause = self.dice.span(secs(1), secs(20));
            self.pass(pause);
        }
        // The last may still be under way.
        self.force_one(position);
        let pause = self.dice.span(Duration::from_millis(3), secs(3));
        self.pass(pause);
        self.reboot_once();
        self.force_one(position);
    }

    fn reboot_once(&mut self) {
        let ending = self.ending();
        let wrong_by = self.wrong_after_boot();
        self.note(format_args!("the machine is booted: {ending:?}, wrong by {wrong_by:?}"));
        self.world.fall(ending);
        self.world.reboot(wrong_by);
        self.begin_again();
    }

    /// Draws what the clock is wrong by after a boot.
    fn wrong_after_boot(&mut self) -> SignedDuration {
        if self.plan.honest {
            return SignedDuration::ZERO;
        }
        let behind = self.dice.span(secs(1), secs(4 * 3_600));
        let behind = SignedDuration::try_from(behind).expect("hours");
        let drawn = self.dice.pick(&[SignedDuration::ZERO, SignedDuration::ZERO, -behind]);
        let latitude = self.witness.latitude(&self.plan, &self.world, true);
        let in_order = self.witness.latitude_in_order(&self.plan, &self.world);
        match in_order.filter(|in_order| *in_order > latitude) {
            Some(in_order) if self.dice.percent(75) => in_order.min(SignedDuration::ZERO),
            _ => drawn.min(latitude),
        }
    }

    /// Starts the daemon that has ended, until it is up: it may end while it starts.
    pub(super) fn rise(&mut self, mut ending: Ending) {
        let mut opening = self.dice.percent(20);
        loop {
            self.note(format_args!("the daemon ends: {ending:?}"));
            if std::mem::take(&mut opening) {
                let seed = self.dice.seed();
                let troubles =
                    [Trouble::End(self.ending()), Trouble::WriteFails, Trouble::SyncFails(seed)];
                let (trouble, after) = (self.dice.pick(&troubles), self.dice.below(OPENING));
                self.note(format_args!("after {after} writes and syncs: {trouble:?}"));
                self.world.expect_trouble(after, trouble);
            }
            match ending {
                Ending::Kill => {
                    if self.dice.percent(30) {
                        let down = self.dice.span(secs(1), self.scale.max(secs(10)));
                        self.world.run_for(down);
                    }
                    self.world.start();
                }
                Ending::PowerCut(_) => {
                    let wrong_by = self.wrong_after_boot();
                    self.note(format_args!("the machine is booted, wrong by {wrong_by:?}"));
                    self.world.reboot(wrong_by);
                }
            }
            match self.world.fallen() {
                Some(next) => ending = next,
                None => break,
            }
        }
        self.begin_again();
    }

    /// The daemon has ended: who waited has nobody to wait for.
    pub(super) fn leave(&mut self) {
        self.waiting.clear();
        self.leave_changes();
        self.leave_rotations();
        self.leave_revocations();
        self.leave_visitors();
        self.crash_in = None;
    }

    fn begin_again(&mut self) {
        self.leave();
        self.find_changes();
        self.go_on();
    }

    /// Notes that the daemon is up again.
    pub(super) fn go_on(&mut self) {
        self.note(format_args!("the daemon is up again"));
        self.witness.restarted(&self.plan, &self.world);
        self.try_secrets();
        self.provider.borrow_mut().forgive(self.witness.disorder());
        self.look();
        self.watch_again();
    }

    /// Has the daemon end as the script says, if it does.
    pub(super) fn expect_end(&mut self) {
        if let Some((When::Operation(after), ending)) = self.script_end {
            self.world.expect_trouble(after, Trouble::End(ending));
        }
    }

    /// Ends the daemon if it is time, or begins again if it has ended.
    pub(super) fn end_if_due(&mut self) {
        self.steps += 1;
        if let Some(ending) = self.world.fallen() {
            return self.rise(ending);
        }
        if let Some((When::Step(step), ending)) = self.script_end
            && step == self.steps
        {
            return self.crash(ending);
        }
        match &mut self.crash_in {
            Some((0, ending)) => {
                let ending = *ending;
                self.crash(ending);
            }
            Some((steps, _)) => *steps -= 1,
            None => {}
        }
    }

    /// The power goes when all is well again: nothing is lost by that.
    pub(super) fn end_well(&mut self) {
        self.pass(secs(5));
        self.crash(Ending::PowerCut(self.steps));
    }
}
