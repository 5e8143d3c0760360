//! How the daemon ends, what befalls its disk, and how it begins again.

use std::time::Duration;

use jiff::SignedDuration;
use tokend_provider::{Limit, Window};

use super::Run;
use crate::{
    script::When,
    world::{Ending, Trouble, caller::secs},
};

/// To write something down and to wipe what was there takes a dozen writes and syncs or two.
const OPERATIONS: u64 = 30;

/// A clock that is further behind isn't set back even more.
const FAR_BEHIND: SignedDuration = SignedDuration::from_hours(8);

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
    /// sent by it: what comes before in the ledger tells that it is no older than that.
    fn reboot_twice(&mut self) {
        let position = self.member();
        if self.dice.percent(60) {
            self.force_often(position, 1);
        }
        let behind = SignedDuration::try_from(self.behind(position)).expect("hours");
        let before = self.witness.latitude(&self.plan, &self.world, true);
        let before = before.min(self.world.machine.wrong_by());
        let wrong_by = if before < -FAR_BEHIND { before } else { before - behind };
        self.note(format_args!("the machine is booted, wrong by {wrong_by:?}"));
        self.world.fall(Ending::Kill);
        self.world.reboot(wrong_by);
        self.begin_again();
        let count = self.dice.below(6);
        self.force_often(position, count);
        // The last may still be under way.
        self.force_one(position);
        let pause = self.dice.span(Duration::from_millis(3), secs(3));
        self.pass(pause);
        self.reboot_once();
        self.force_one(position);
        // Whoever takes what was sent for older than it is finds room for more of it.
        let count = self.dice.below(6);
        self.force_often(position, count);
    }

    /// Draws how far behind a clock is: now and then so far that what is written by it seems to
    /// count no more, and what was written before it still does.
    fn behind(&mut self, position: usize) -> Duration {
        let longest = secs(4 * 3_600);
        let limits = &self.plan.members[position].limits;
        let windows: Vec<Duration> =
            limits.iter().filter_map(sliding).filter(|length| *length < longest).collect();
        if windows.is_empty() || self.dice.percent(30) {
            return self.dice.span(secs(60), longest);
        }
        self.dice.pick(&windows) + self.dice.span(secs(60), secs(1_200))
    }

    /// An operator asks so often, with pauses.
    fn force_often(&mut self, position: usize, count: u64) {
        for _ in 0..count {
            self.force_one(position);
            let pause = self.dice.span(secs(1), secs(20));
            self.pass(pause);
        }
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

/// Returns how far back a limit looks that doesn't go by the calendar.
fn sliding(limit: &Limit) -> Option<Duration> {
    match limit.window {
        Window::Sliding(length) => Some(length),
        Window::Calendar { .. } => None,
    }
}
