//! What befalls the daemon and its machine: starts, crashes, reboots, sleep, and
//! clocks that are set.

use std::{error::Error, sync::Arc, time::Duration};

use jiff::SignedDuration;
use tokend::{
    engine::Engine,
    ports::{Clock, Loaded},
    published::Slots,
    store::Store,
};
use tokend_core::{SplitMix, after};

use super::{Coming, Daemon, Ending, Trouble, World, desk::Desk, provider::What};

/// How long it takes to boot.
const BOOT: Duration = Duration::from_secs(60);

/// A connection doesn't outlive a longer sleep.
const LONGEST_NAP: Duration = Duration::from_secs(120);

impl World {
    /// Starts the daemon on what is stored. If what befalls the disk meanwhile keeps it from
    /// that, it is started again; if it ends it, [`World::fallen`] says so.
    pub fn start(&mut self) {
        self.fallen = None;
        let (store, loaded) = loop {
            match self.open() {
                Some(opened) => break opened,
                None if self.fallen.is_some() => return,
                None => {}
            }
        };
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
        let (timer, answered, office) = (now, now, None);
        self.daemon = Some(Daemon { engine, store, slots, desk, timer, answered, office });
        self.attend();
    }

    fn open(&mut self) -> Option<(Store<SplitMix>, Loaded)> {
        self.seed = self.seed.wrapping_add(1);
        self.home.platter().set_full(self.disk.full);
        let opened = self.home.open(self.seed).and_then(|mut store| {
            let loaded = store.load(&self.machine.stamp())?;
            Ok((store, loaded))
        });
        let met = self.met();
        let ended = self.home.platter().ended();
        if let Some(ending) = ended {
            drop(opened);
            self.fall(ending);
            self.fallen = Some(ending);
            return None;
        }
        match opened {
            Ok(opened) => Some(opened),
            Err(_) if matches!(met, Some(Trouble::WriteFails | Trouble::SyncFails(_))) => None,
            Err(error) => panic!("the store can't be opened: {error}: {:?}", error.source()),
        }
    }

    /// Has something happen to the disk at a write or a sync of the store, after so many
    /// others. If it ends the daemon, [`World::fallen`] says so.
    pub fn expect_trouble(&mut self, after: u64, trouble: Trouble) {
        self.home.platter().expect(after, trouble);
    }

    /// Has something happen to the disk after so many writes and syncs from when the next token
    /// is written on.
    pub fn expect_trouble_in_token(&mut self, after: u64, trouble: Trouble) {
        self.disk.in_token = Some((after, trouble));
    }

    /// No more happens to the disk.
    pub fn heal(&mut self) {
        self.disk.in_token = None;
        self.disk.full = false;
        self.home.platter().heal();
    }

    /// Returns how many writes and syncs there were.
    pub fn operations(&self) -> u64 {
        self.home.platter().operations()
    }

    /// Returns how the daemon has ended by what befell the disk, if it is down by that.
    pub fn fallen(&self) -> Option<Ending> {
        self.fallen
    }

    /// Takes note of what has befallen the disk.
    pub(super) fn met(&mut self) -> Option<Trouble> {
        let mut platter = self.home.platter();
        self.disk.full = platter.is_full();
        let met = platter.take_met();
        drop(platter);
        if met.is_some() {
            self.disk.troubled_at = Some(self.truth());
        }
        met
    }

    /// Kills the daemon: what it wrote stays, what is on its way is lost. A request that
    /// was sent has reached the provider all the same.
    pub fn crash(&mut self) {
        self.fall(Ending::Kill);
    }

    /// Ends the daemon. What is left on the disk after a power cut is seen at the next start;
    /// the machine has to be booted before that.
    pub fn fall(&mut self, ending: Ending) {
        self.home.platter().end(ending);
        self.coming.clear();
        self.daemon = None;
        self.disk.forget();
        self.home.platter().settle().unwrap();
    }

    /// Kills the daemon and starts it again.
    pub fn restart(&mut self) {
        self.crash();
        self.start();
    }

    /// Boots the machine anew in good order, which takes a minute; its wall clock is wrong by this
    /// then.
    pub fn reboot(&mut self, wrong_by: SignedDuration) {
        self.crash();
        self.machine.reboot(BOOT, wrong_by);
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
            if let Some(office) = &mut daemon.office {
                office.sleep(sleep);
            }
        }
        self.machine.pass_until(resumed);
    }
}
