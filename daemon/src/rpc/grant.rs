//! What a listener's socket grants to whoever gets to it.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::ArcSwap;
use tokend_core::Name;

use super::{Door, Peer};

/// The first listener's account. Users have no such numbers: some programs take them for
/// negative, so none is given to anyone (<https://systemd.io/UIDS-GIDS>).
const FIRST_ACCOUNT: u32 = 1 << 31;

/// A socket directory that is mounted into containers, and the credentials that are there: no
/// others are, whoever asks. What it grants can change while it is served.
#[derive(Debug)]
pub struct Grant {
    /// What log and status call it.
    pub name: String,
    /// The socket.
    pub socket: PathBuf,
    /// What place it has among all there have been, from 0.
    pub place: u32,
    credentials: Arc<ArcSwap<BTreeSet<Name>>>,
    anyone: AtomicBool,
    submit: AtomicBool,
}

/// What a listener grants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Granted {
    /// The credentials, whether they are there yet or not.
    pub credentials: BTreeSet<Name>,
    /// Whether whoever can connect may read them, and not their readers only.
    pub anyone: bool,
    /// Whether whoever may read them here may also submit newer tokens.
    pub submit: bool,
}

impl Grant {
    /// Returns what a socket grants from now on.
    pub fn new(name: String, socket: PathBuf, place: u32, granted: Granted) -> Self {
        let Granted { credentials, anyone, submit } = granted;
        let credentials = Arc::new(ArcSwap::from_pointee(credentials));
        let (anyone, submit) = (AtomicBool::new(anyone), AtomicBool::new(submit));
        Self { name, socket, place, credentials, anyone, submit }
    }

    /// Has it grant something else from now on, on connections that are open, too.
    pub fn change(&self, granted: Granted) {
        let Granted { credentials, anyone, submit } = granted;
        // In between no one may read more than before or after.
        self.anyone.fetch_and(anyone, Ordering::SeqCst);
        self.submit.fetch_and(submit, Ordering::SeqCst);
        self.credentials.store(Arc::new(credentials));
        self.anyone.store(anyone, Ordering::SeqCst);
        self.submit.store(submit, Ordering::SeqCst);
    }

    /// Returns what it grants now.
    pub fn granted(&self) -> Granted {
        Granted {
            credentials: BTreeSet::clone(&self.credentials.load()),
            anyone: self.anyone(),
            submit: self.submit(),
        }
    }

    /// Returns the credentials that are there, as they are at any time.
    pub(super) fn credentials(&self) -> &Arc<ArcSwap<BTreeSet<Name>>> {
        &self.credentials
    }

    /// Tells whether whoever can connect may read them, and not their readers only.
    pub fn anyone(&self) -> bool {
        self.anyone.load(Ordering::SeqCst)
    }

    /// Tells whether whoever may read them here may also submit newer tokens.
    pub fn submit(&self) -> bool {
        self.submit.load(Ordering::SeqCst)
    }
}

/// There is one at each socket.
impl PartialEq for Grant {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.socket, self.place) == (&other.name, &other.socket, other.place)
    }
}

impl Eq for Grant {}

impl Peer {
    /// Returns for whom it counts what this one does, where there is only so much of it for each
    /// user. All who come by a listener count as one: in a container, anyone may have any user's
    /// number, and as many numbers as there are.
    pub(super) fn account(&self) -> u32 {
        match &self.door {
            Door::Callers | Door::Operators => self.uid,
            Door::Listener(grant) => FIRST_ACCOUNT.saturating_add(grant.place),
        }
    }
}
