//! What befalls the daemon and its machine: starts, crashes, reboots, sleep, and
//! clocks that are set.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use tokend::{engine::Engine, ports::Clock, published::Slots};
use tokend_core::{SplitMix, after};

use super::{Coming, Daemon, World, desk::Desk, provider::What};

/// A connection doesn't outlive a longer sleep.
const LONGEST_NAP: Duration = Duration::from_secs(120);

impl World {
    /// Starts the daemon on what is stored.
    pub fn start(&mut self) {
        self.seed = self.seed.wrapping_add(1);
        let mut store = self.home.open(self.seed);
        let loaded = store.load(&self.machine.stamp()).unwrap();
        assert_eq!(loaded.damaged, []);
        self.disk.check(&loaded);
        let (desk, slots) = (Desk::default(), Arc::<Slots>::default());
        let engine = Engine::new(
            self.machine.clone(),
            SplitMix::new(self.seed.wrapping_mul(31)),
            desk.clone(),
            desk.clone(),
            Arc::clone(&self.definitions),
            Arc::clone(&slots),
            loaded,
        );
        let now = self.truth();
        self.daemon = Some(Daemon { engine, store, slots, desk, timer: now, answered: now });
        self.attend();
    }

    /// Kills the daemon: what is on the disk stays, what is on its way is lost. A
    /// request that was sent has reached the provider all the same.
    pub fn crash(&mut self) {
        self.coming.clear();
        self.daemon = None;
        self.disk.forget();
    }

    /// Kills the daemon and starts it again.
    pub fn restart(&mut self) {
        self.crash();
        self.start();
    }

    /// Boots the machine anew, which takes a minute; its wall clock is wrong by this
    /// then.
    pub fn reboot(&mut self, wrong_by: SignedDuration) {
        self.crash();
        self.machine.reboot(Duration::from_secs(60), wrong_by);
        self.start();
    }

    /// Sets the wall clock: it is wrong by this from now on. The engine isn't told.
    pub fn set_clock(&mut self, wrong_by: SignedDuration) {
        self.machine.set(wrong_by);
    }

    /// Lets the machine sleep. Its timers stand still; an answer that comes
    /// meanwhile is heard afterwards, or never if that is long.
    pub fn suspend(&mut self, sleep: Duration) {
        let resumed = after(self.truth(), sleep);
        let later = |at| after(at, sleep);
        for ((at, number), coming) in std::mem::take(&mut self.coming) {
            let at = match &coming {
                Coming::Ended(dance) => {
                    let what = &mut self.attempts[dance.attempt].what;
                    if sleep > LONGEST_NAP && matches!(what, Some(What::Answer { .. })) {
                        *what = Some(What::Lost);
                    }
                    if matches!(what, Some(What::Lost)) { later(at) } else { at.max(resumed) }
                }
                _ => later(at),
            };
            self.coming.insert((at, number), coming);
        }
        if let Some(daemon) = &mut self.daemon {
            daemon.timer = later(daemon.timer);
            daemon.answered = later(daemon.answered);
        }
        self.machine.pass_until(resumed);
    }
}
