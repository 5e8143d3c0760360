//! The machine's clocks, and the true time, which the machine doesn't know.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokend::ports::Clock;
use tokend_core::{BootId, BootTime, Moment, after};

/// A machine whose clocks go when the world says so. Clones are the same machine.
#[derive(Debug, Clone)]
pub struct Machine(Arc<Mutex<Clocks>>);

#[derive(Debug)]
struct Clocks {
    truth: Timestamp,
    /// What the wall clock is ahead of the true time.
    wrong_by: SignedDuration,
    booted_at: Timestamp,
    boots: u8,
}

impl Machine {
    /// Returns a machine that was booted a while ago and whose clock is right.
    pub fn new() -> Self {
        let booted_at: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let truth = after(booted_at, Duration::from_secs(100));
        let wrong_by = SignedDuration::ZERO;
        Self(Arc::new(Mutex::new(Clocks { truth, wrong_by, booted_at, boots: 1 })))
    }

    /// Returns the true time.
    pub fn truth(&self) -> Timestamp {
        self.clocks().truth
    }

    /// Returns what the wall clock is ahead of the true time.
    pub fn wrong_by(&self) -> SignedDuration {
        self.clocks().wrong_by
    }

    /// Returns when the machine was booted, by true time.
    pub fn booted_at(&self) -> Timestamp {
        self.clocks().booted_at
    }

    /// Returns how often the machine has been booted.
    pub fn boots(&self) -> u8 {
        self.clocks().boots
    }

    fn clocks(&self) -> MutexGuard<'_, Clocks> {
        self.0.lock().unwrap()
    }

    pub(super) fn pass_until(&self, truth: Timestamp) {
        let mut clocks = self.clocks();
        clocks.truth = clocks.truth.max(truth);
    }

    pub(super) fn set(&self, wrong_by: SignedDuration) {
        self.clocks().wrong_by = wrong_by;
    }

    pub(super) fn reboot(&self, takes: Duration, wrong_by: SignedDuration) {
        let mut clocks = self.clocks();
        clocks.truth = after(clocks.truth, takes);
        clocks.booted_at = clocks.truth;
        clocks.boots += 1;
        clocks.wrong_by = wrong_by;
    }
}

impl Clock for Machine {
    fn now(&self) -> Moment {
        let clocks = self.clocks();
        let up = clocks.truth.duration_since(clocks.booted_at);
        Moment {
            wall: clocks.truth.checked_add(clocks.wrong_by).unwrap(),
            boot: BootTime(Duration::try_from(up).unwrap()),
        }
    }

    fn boot_id(&self) -> BootId {
        BootId([self.boots(); 16])
    }
}
