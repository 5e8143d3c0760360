//! Counts the calls that each user has open, over all its connections; at a listener, that all
//! have together.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tracing::warn;

use super::connection::Party;

/// How many calls one user may have open. Two connections may have all theirs open: no program
/// that waits for tokens comes near, and so many that wait take some 8 MiB.
pub(super) const MOST_OF_A_USER: usize = 2_000;

/// Who has how many calls open. The connections of a socket share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// What the log calls the socket.
    socket: String,
    apart: Vec<u32>,
    users: Mutex<BTreeMap<Party, User>>,
}

#[derive(Debug, Default)]
struct User {
    open: usize,
    /// Whether it was told of that there are as many as may be.
    told: bool,
}

/// A call that counts until this is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    tally: Tally,
    party: Party,
}

impl Tally {
    /// Counts the calls that come by a socket, but for those users'.
    pub(super) fn new(socket: String, apart: Vec<u32>) -> Self {
        Self(Arc::new(Counts { socket, apart, users: Mutex::default() }))
    }

    /// Counts one more call of a user, unless it has as many as may be. That is told of once,
    /// until it has half as many.
    pub(super) fn begin(&self, party: Party) -> Option<Counted> {
        if !party.is_some_and(|uid| self.0.apart.contains(&uid)) {
            let mut users = self.users();
            let user = users.entry(party).or_default();
            if user.open == MOST_OF_A_USER {
                if !std::mem::replace(&mut user.told, true) {
                    // At a listener it is no one user.
                    let (socket, uid) = (&*self.0.socket, party);
                    warn!(socket, uid, calls = user.open, "as many calls are open as may be");
                }
                return None;
            }
            user.open += 1;
        }
        Some(Counted { tally: self.clone(), party })
    }

    fn users(&self) -> MutexGuard<'_, BTreeMap<Party, User>> {
        self.0.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut users = self.tally.users();
        // Those apart aren't in it.
        let Some(user) = users.get_mut(&self.party) else { return };
        user.open -= 1;
        user.told &= user.open > MOST_OF_A_USER / 2;
        if user.open == 0 {
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
        let tally = Tally::new(String::new(), vec![0]);
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

    #[test]
    fn it_is_told_of_once_until_there_are_half_as_many() {
        let tally = Tally::new(String::new(), vec![]);
        let mut eves: Vec<_> = (0..MOST_OF_A_USER).map(|_| tally.begin(EVE).unwrap()).collect();
        let told = || tally.users()[&EVE].told;
        assert!(tally.begin(EVE).is_none());
        assert!(told());
        eves.truncate(MOST_OF_A_USER / 2 + 1);
        assert!(told());
        eves.pop();
        assert!(!told());
    }
}
