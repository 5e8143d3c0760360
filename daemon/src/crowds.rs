//! Counts who is at each socket, for monitoring.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Who is at the sockets of callers and operators. There are as many as operators have
/// configured.
#[derive(Debug, Default)]
pub struct Crowds(Mutex<BTreeMap<String, Weak<Crowd>>>);

/// Who is at one socket.
#[derive(Debug, Default)]
pub struct Crowd {
    /// How many connections each user has. At a listener, all have the same place, `None`.
    users: Mutex<BTreeMap<Option<u32>, usize>>,
    calls: AtomicUsize,
}

/// How many are at a socket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Open connections.
    pub connections: usize,
    /// The users that have one.
    pub users: usize,
    /// Open calls.
    pub calls: usize,
}

/// An open connection, until it is dropped.
#[derive(Debug)]
pub struct Visit {
    crowd: Arc<Crowd>,
    user: Option<u32>,
}

impl Crowds {
    /// Returns who is at a socket. It is told of for as long as someone has this.
    pub fn at(&self, socket: &str) -> Arc<Crowd> {
        let mut crowds = lock(&self.0);
        // One that ends after a reload has the name of the one that begins.
        if let Some(crowd) = crowds.get(socket).and_then(Weak::upgrade) {
            return crowd;
        }
        let crowd = Arc::<Crowd>::default();
        crowds.insert(socket.to_owned(), Arc::downgrade(&crowd));
        crowd
    }

    /// Returns how many are at which socket.
    pub fn sizes(&self) -> Vec<(String, Size)> {
        let mut crowds = lock(&self.0);
        crowds.retain(|_, crowd| crowd.strong_count() > 0);
        let there = crowds.iter().filter_map(|(socket, crowd)| Some((socket, crowd.upgrade()?)));
        there.map(|(socket, crowd)| (socket.clone(), crowd.size())).collect()
    }
}

impl Crowd {
    /// Someone has connected, until what this returns is dropped.
    pub fn enter(self: &Arc<Self>, user: Option<u32>) -> Visit {
        *lock(&self.users).entry(user).or_default() += 1;
        Visit { crowd: Arc::clone(self), user }
    }

    /// A call begins.
    pub fn begin(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// A call has ended.
    pub fn end(&self) {
        self.calls.fetch_sub(1, Ordering::Relaxed);
    }

    fn size(&self) -> Size {
        let users = lock(&self.users);
        let calls = self.calls.load(Ordering::Relaxed);
        Size { connections: users.values().sum(), users: users.len(), calls }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut users = lock(&self.crowd.users);
        let Some(connections) = users.get_mut(&self.user) else { return };
        *connections -= 1;
        if *connections == 0 {
            users.remove(&self.user);
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in it is whole at any point.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_at_a_socket_is_counted_until_they_leave_and_it_is_closed() {
        let crowds = Crowds::default();
        let crowd = crowds.at("tokend.sock");
        let visits = [Some(0), Some(1_000), Some(1_000)].map(|user| crowd.enter(user));
        crowd.begin();
        let size = Size { connections: 3, users: 2, calls: 1 };
        assert_eq!(crowds.sizes(), [("tokend.sock".to_owned(), size)]);
        crowd.end();
        drop(visits);
        assert_eq!(crowds.sizes(), [("tokend.sock".to_owned(), Size::default())]);
        drop(crowd);
        assert_eq!(crowds.sizes(), []);
    }

    #[test]
    fn a_socket_that_is_opened_anew_while_the_one_before_ends_is_one_with_it() {
        let crowds = Crowds::default();
        let (before, after) = (crowds.at("app"), crowds.at("app"));
        let _visits = [before.enter(None), after.enter(None)];
        let size = Size { connections: 2, users: 1, calls: 0 };
        assert_eq!(crowds.sizes(), [("app".to_owned(), size)]);
    }
}
