//! Counts the calls that each user has open, over all its connections; at a listener, that all
//! have together.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::sleep};
use tracing::warn;

use super::connection::Party;
use crate::crowds::{Crowd, Visit};

/// How many calls one user may have open. Two connections may have all theirs open: no program
/// that waits for tokens comes near, and so many that wait take some 8 MiB.
pub(super) const MOST_OF_A_USER: usize = 2_000;

/// How often it is told of a user, at most: whoever opens and ends calls again and again fills no
/// log.
const PAUSE: Duration = Duration::from_secs(60);

/// Who has how many calls open. The connections of a socket share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// What the log calls the socket.
    socket: String,
    apart: Vec<u32>,
    /// All of it, those apart included.
    crowd: Arc<Crowd>,
    users: Mutex<BTreeMap<Party, usize>>,
    /// Of whom it was told of late that there are as many as may be.
    told: Mutex<BTreeSet<Party>>,
    /// There is one.
    telling: Notify,
}

/// A call that counts until this is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    tally: Tally,
    party: Party,
}

impl Tally {
    /// Counts the calls that come by a socket, but for those users'.
    pub(super) fn new(socket: String, apart: Vec<u32>, crowd: Arc<Crowd>) -> Self {
        Self(Arc::new(Counts { socket, apart, crowd, ..Counts::default() }))
    }

    /// A user has connected, until what this returns is dropped.
    pub(super) fn enter(&self, party: Party) -> Visit {
        self.0.crowd.enter(party)
    }

    /// Lets it be told again of users that they have as many calls open as may be, a minute later.
    pub(super) async fn go_on(self) {
        loop {
            self.0.telling.notified().await;
            sleep(PAUSE).await;
            lock(&self.0.told).clear();
        }
    }

    /// Counts one more call of a user, unless it has as many as may be, of which it is told once a
    /// minute.
    pub(super) fn begin(&self, party: Party) -> Option<Counted> {
        if !party.is_some_and(|uid| self.0.apart.contains(&uid)) {
            let mut users = self.users();
            let open = users.entry(party).or_default();
            if *open == MOST_OF_A_USER {
                if lock(&self.0.told).insert(party) {
                    // At a listener it is no one user.
                    let (socket, uid) = (&*self.0.socket, party);
                    warn!(socket, uid, calls = *open, "as many calls are open as may be");
                    self.0.telling.notify_one();
                }
                return None;
            }
            *open += 1;
        }
        self.0.crowd.begin();
        Some(Counted { tally: self.clone(), party })
    }

    fn users(&self) -> MutexGuard<'_, BTreeMap<Party, usize>> {
        lock(&self.0.users)
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.tally.0.crowd.end();
        let mut users = self.tally.users();
        // Those apart aren't in it.
        let Some(open) = users.get_mut(&self.party) else { return };
        *open -= 1;
        if *open == 0 {
            users.remove(&self.party);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: Party = Some(0);
    const ANN: Party = Some(1_000);
    const EVE: Party = Some(1_001);

    #[test]
    fn a_user_has_so_many_calls_open_and_takes_none_of_anothers() {
        let tally = Tally::new(String::new(), vec![0], Arc::default());
        let mut eves: Vec<_> = (0..MOST_OF_A_USER).map(|_| tally.begin(EVE).unwrap()).collect();
        assert!(tally.begin(EVE).is_none());
        assert!(tally.begin(ANN).is_some());
        let roots: Vec<_> = (0..=MOST_OF_A_USER).map(|_| tally.begin(ROOT)).collect();
        assert!(roots.iter().all(Option::is_some), "root could end the daemon");
        eves.pop();
        assert!(tally.begin(EVE).is_some());
        drop((eves, roots));
        assert!(tally.users().is_empty(), "nothing is left");
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_told_of_a_user_once_a_minute_however_often_it_ends_calls_and_begins() {
        let tally = Tally::new(String::new(), vec![], Arc::default());
        let going_on = tokio::spawn(tally.clone().go_on());
        let told = || lock(&tally.0.told).contains(&EVE);
        for _ in 0..3 {
            let eves: Vec<_> = (0..=MOST_OF_A_USER).filter_map(|_| tally.begin(EVE)).collect();
            assert_eq!((eves.len(), told()), (MOST_OF_A_USER, true));
        }
        sleep(PAUSE + Duration::from_secs(1)).await;
        assert!(!told());
        going_on.abort();
    }
}
