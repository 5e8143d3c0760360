//! A world to try the daemon in: the real engine and the real store, a machine whose
//! clocks are set by hand, and a provider that no network leads to.
//!
//! Time moves from one thing that happens to the next: [`World::run_for`] lets days
//! pass in no time.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of this")]
#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

pub mod backup;
pub mod caller;
mod contents;
mod desk;
mod disk;
pub mod errand;
mod keys;
mod machine;
mod office;
pub mod platter;
mod power;
pub mod provider;
pub mod vfs;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokend::{
    credential::CredentialId,
    engine::Engine,
    ports::{Clock, Found, Issuance, RekeyEnded, Reservation, Written},
    published::Slots,
    store::Store,
};
use tokend_core::{Cause, IssuanceId, Moment, SplitMix, after};
use tokend_provider::{Definition, Library, Source};

pub use self::platter::{Ending, Trouble};
use self::{
    desk::Desk,
    disk::{Disk, Home},
    errand::{Plea, Visit},
    machine::Machine,
    office::Office,
    provider::{Arrival, Attempt, Dance},
};

/// The world.
pub struct World {
    /// The machine's clocks, and the true time.
    pub machine: Machine,
    /// How the disk is doing.
    pub disk: Disk,
    /// All that the issuer has tried to send, in the order in which it did.
    pub attempts: Vec<Attempt>,
    /// All reservations that the engine has asked the ledger for, by true time.
    pub wanted: Vec<Wanted>,
    /// What becomes of requests to end tokens from now on ..
    pub revoking: Arrival,
    /// .. and all that the issuer has sent.
    pub errands: Vec<Plea>,
    /// How often in a row the engine was due at once, up to now.
    pub spins: u32,
    provider: Box<dyn FnMut(&Attempt) -> Arrival>,
    home: Home,
    definitions: Arc<Library>,
    daemon: Option<Daemon>,
    /// What happens next, by true time.
    coming: BTreeMap<(Timestamp, u64), Coming>,
    causes: BTreeMap<IssuanceId, Cause>,
    last_number: u64,
    /// How the daemon has ended, if it is down by what befell the disk.
    fallen: Option<Ending>,
    seed: u64,
}

/// An issuance that the engine wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub issuance: IssuanceId,
    pub credential: CredentialId,
    pub cause: Cause,
    /// The true time.
    pub at: Timestamp,
}

/// The daemon while it runs.
struct Daemon {
    engine: Engine<Machine, SplitMix, Desk, Desk>,
    store: Store<SplitMix>,
    slots: Arc<Slots>,
    desk: Desk,
    /// When the engine is to be woken, by true time.
    timer: Timestamp,
    /// When the disk's last answer comes: none overtakes another.
    answered: Timestamp,
    /// What serves callers, once someone has called.
    office: Option<Office>,
}

/// Something that is on its way.
enum Coming {
    /// The store's thread turns to what was submitted.
    Flush,
    /// The store answers.
    Written(Written, Option<disk::Kept>),
    Found(Found),
    Rekeyed(RekeyEnded),
    /// A request of a dance ends.
    Ended(Box<Dance>),
    /// A dance has ended without a request.
    Issued(Box<Issuance>),
    /// A request of an errand ends.
    Visited(Box<Visit>),
}

/// The engine may want to be woken at once for as long as it has work to do, but not
/// for ever.
const MOST_SPINS: u32 = 1_000;

impl World {
    /// Makes a world with this provider and a daemon that knows the built-in
    /// definitions.
    pub fn new(provider: impl FnMut(&Attempt) -> Arrival + 'static) -> Self {
        Self::with(1, &[], provider)
    }

    /// Makes a world where all that is drawn follows from `seed` and the daemon
    /// knows these definitions besides, each a name and a text.
    pub fn with(
        seed: u64,
        definitions: &[(&str, &str)],
        provider: impl FnMut(&Attempt) -> Arrival + 'static,
    ) -> Self {
        let mut library = Library::built_in();
        for (name, text) in definitions {
            library.insert(Definition::parse(name, Source::BuiltIn, text).unwrap());
        }
        let mut world = Self {
            machine: Machine::new(),
            disk: Disk::default(),
            attempts: Vec::new(),
            wanted: Vec::new(),
            revoking: Arrival::json(200, "{}"),
            errands: Vec::new(),
            spins: 0,
            provider: Box::new(provider),
            home: Home::new(seed),
            definitions: Arc::new(library),
            daemon: None,
            coming: BTreeMap::new(),
            causes: BTreeMap::new(),
            last_number: 0,
            fallen: None,
            seed,
        };
        world.start();
        world
    }

    /// Returns where the store is.
    pub fn directory(&self) -> &Path {
        self.home.path()
    }

    /// Returns the true time.
    pub fn truth(&self) -> Timestamp {
        self.machine.truth()
    }

    /// Returns what the machine's clocks show.
    pub fn now(&self) -> Moment {
        self.machine.now()
    }

    /// Lets all happen that happens within this time.
    pub fn run_for(&mut self, wait: Duration) {
        self.run_until(after(self.truth(), wait));
    }

    /// Lets all happen that happens until then.
    pub fn run_until(&mut self, end: Timestamp) {
        while self.step(end) {}
    }

    /// Lets the next thing happen, if it does until `end`, and returns whether it did;
    /// else it is `end` now.
    pub fn step(&mut self, end: Timestamp) -> bool {
        let next = self.coming.first_key_value().map(|((at, _), _)| *at);
        let timer = self.daemon.as_ref().map(|daemon| daemon.timer);
        let soonest = next.into_iter().chain(timer).min();
        let Some(at) = soonest.filter(|at| *at <= end) else {
            self.machine.pass_until(end);
            return false;
        };
        if at <= self.truth() && next != Some(at) {
            self.spins += 1;
            assert!(self.spins < MOST_SPINS, "the engine is due at once, over and over");
        } else {
            self.spins = 0;
        }
        self.machine.pass_until(at);
        if next == Some(at)
            && let Some((_, coming)) = self.coming.pop_first()
        {
            self.happen(coming);
        }
        self.attend();
        true
    }

    fn happen(&mut self, coming: Coming) {
        match coming {
            Coming::Flush => self.flush(),
            Coming::Ended(dance) => self.end(*dance),
            Coming::Issued(ended) => self.daemon().engine.issued(*ended),
            Coming::Visited(visit) => self.visited(*visit),
            Coming::Written(written, kept) => {
                self.disk.acknowledge(kept);
                self.daemon().engine.written(written);
            }
            Coming::Found(found) => self.daemon().engine.found(found),
            Coming::Rekeyed(ended) => self.daemon().engine.rekeyed(ended),
        }
    }

    /// The store's thread does all that was submitted.
    fn flush(&mut self) {
        let (disk, now) = (&mut self.disk, self.machine.truth());
        let daemon = self.daemon.as_mut().expect("nothing is on its way while it is down");
        let answered = after(now, disk.answers_after).max(daemon.answered);
        daemon.answered = answered;
        self.home.platter().set_full(disk.full);
        for coming in disk.serve(&mut daemon.store, daemon.desk.take_tasks(), &self.home) {
            if let Coming::Rekeyed(ended) = &coming {
                self.home.keys.note(&ended.result);
            }
            self.last_number += 1;
            self.coming.insert((answered, self.last_number), coming);
        }
        self.met();
        let ended = self.home.platter().ended();
        if let Some(ending) = ended {
            self.fall(ending);
            self.fallen = Some(ending);
        }
    }

    /// Wakes the engine and takes up what it asks for.
    fn attend(&mut self) {
        let Some(daemon) = &mut self.daemon else { return };
        daemon.engine.wake();
        daemon.timer = after(self.machine.truth(), daemon.engine.idle());
        let (reservations, jobs) = (daemon.desk.reservations(), daemon.desk.take_jobs());
        let errands = daemon.desk.take_errands();
        if daemon.desk.has_work() {
            self.expect(self.disk.writes_after, Coming::Flush);
        }
        let at = self.truth();
        for Reservation { issuance, credential, cause, .. } in reservations {
            self.causes.insert(issuance, cause);
            self.wanted.push(Wanted { issuance, credential, cause, at });
        }
        for job in jobs {
            self.begin(job);
        }
        for errand in errands {
            self.run_errand(errand);
        }
    }

    fn expect(&mut self, wait: Duration, coming: Coming) {
        self.last_number += 1;
        self.coming.insert((after(self.truth(), wait), self.last_number), coming);
    }

    fn daemon(&mut self) -> &mut Daemon {
        self.daemon.as_mut().expect("the daemon runs")
    }
}
