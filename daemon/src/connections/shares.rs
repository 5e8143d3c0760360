//! Shares the connections of a socket among the users who connect to it.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// Who has how many connections.
///
/// A user who is alone may have all. When there are no more, whoever has the most gives one up
/// for whoever has fewer: in the end all who want many have as many, and none keeps another out.
#[derive(Debug, Clone)]
pub(super) struct Shares(Arc<Mutex<Room>>);

#[derive(Debug)]
struct Room {
    most: usize,
    taken: usize,
    next: u64,
    users: BTreeMap<u32, User>,
}

#[derive(Debug, Default)]
struct User {
    /// The oldest first. What is dropped here ends.
    connections: BTreeMap<u64, oneshot::Sender<()>>,
    /// How many there were when it was told of.
    told: Option<usize>,
}

/// A connection's place, which is free when this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    shares: Shares,
    uid: u32,
    number: u64,
    lost: oneshot::Receiver<()>,
}

/// A user has its share of the connections, and wants more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full {
    /// The user.
    pub(super) uid: u32,
    /// How many it has.
    pub(super) connections: usize,
}

impl Shares {
    /// Makes room for so many connections, one at least.
    pub(super) fn new(most: usize) -> Self {
        let room = Room { most: most.max(1), taken: 0, next: 0, users: BTreeMap::new() };
        Self(Arc::new(Mutex::new(room)))
    }

    /// Returns a place for one more connection of a user, unless it has its share, and who is to
    /// be told of for that. It is told of once, until it has half as many as then.
    pub(super) fn enter(&self, uid: u32) -> (Option<Seat>, Option<Full>) {
        let mut room = self.room();
        let told = if room.taken == room.most {
            let own = room.count(uid);
            let greediest = room.users.iter().max_by_key(|(_, user)| user.connections.len());
            let (&greediest, user) = greediest.expect("someone has what is taken");
            // At one more, the two would take it from each other for ever.
            if user.connections.len() <= own + 1 {
                return (None, room.tell(uid));
            }
            let told = room.tell(greediest);
            room.end_latest(greediest);
            told
        } else {
            None
        };
        let (keep, lost) = oneshot::channel();
        let number = room.next;
        room.next += 1;
        room.taken += 1;
        room.users.entry(uid).or_default().connections.insert(number, keep);
        (Some(Seat { shares: self.clone(), uid, number, lost }), told)
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn count(&self, uid: u32) -> usize {
        self.users.get(&uid).map_or(0, |user| user.connections.len())
    }

    fn tell(&mut self, uid: u32) -> Option<Full> {
        let connections = self.count(uid);
        let user = self.users.get_mut(&uid)?;
        let is_new = user.told.replace(connections).is_none();
        is_new.then_some(Full { uid, connections })
    }

    /// Ends the latest connection of a user: those before it have proved of use.
    fn end_latest(&mut self, uid: u32) {
        let user = self.users.get(&uid);
        if let Some(&number) = user.and_then(|user| user.connections.keys().next_back()) {
            self.leave(uid, number);
        }
    }

    fn leave(&mut self, uid: u32, number: u64) {
        let Some(user) = self.users.get_mut(&uid) else { return };
        if user.connections.remove(&number).is_none() {
            return;
        }
        self.taken -= 1;
        let left = user.connections.len();
        if user.told.is_some_and(|told| left <= told / 2) {
            user.told = None;
        }
        if left == 0 {
            self.users.remove(&uid);
        }
    }
}

impl Seat {
    /// Serves the connection until it ends or its place is given to another user's.
    pub(super) async fn hold(mut self, connection: impl Future<Output = ()>) {
        tokio::select! {
            () = connection => {}
            _ = &mut self.lost => {}
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shares.room().leave(self.uid, self.number);
    }
}
