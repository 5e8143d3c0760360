//! Who may ask a provider, and who goes first.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use crate::Name;

/// How many issuances of one provider are under way at a time. More would be taken
/// for an attack when a machine wakes with hundreds of tokens to replace.
const AT_ONCE: usize = 8;

/// How many answers of a provider its latency is told by.
const REMEMBERED: usize = 64;

/// Those who ask one provider, and those who wait for their turn.
#[derive(Debug, Default)]
pub(super) struct Queue {
    asking: BTreeSet<Name>,
    waiting: BTreeSet<(Reverse<Urgency>, u64, Name)>,
    places: BTreeMap<Name, (Reverse<Urgency>, u64)>,
    last_number: u64,
    latencies: VecDeque<Duration>,
}

/// Who goes first: those whom callers wait for, then those that are used most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Urgency {
    pub(super) awaited: bool,
    pub(super) uses: u64,
}

impl Queue {
    /// Gives someone a place, or a better one; those who came first keep theirs
    /// among equals.
    pub(super) fn wait(&mut self, name: &Name, urgency: Urgency) {
        let number = match self.places.get(name) {
            Some((Reverse(held), _)) if *held >= urgency => return,
            Some((_, number)) => *number,
            None => {
                self.last_number += 1;
                self.last_number
            }
        };
        self.leave(name);
        self.places.insert(name.clone(), (Reverse(urgency), number));
        self.waiting.insert((Reverse(urgency), number, name.clone()));
    }

    /// Takes someone out of those who wait.
    pub(super) fn leave(&mut self, name: &Name) {
        if let Some((urgency, number)) = self.places.remove(name) {
            self.waiting.remove(&(urgency, number, name.clone()));
        }
    }

    /// Notes that someone doesn't ask any more.
    pub(super) fn done(&mut self, name: &Name) {
        self.asking.remove(name);
    }

    /// Returns whose turn it is, if there is room.
    pub(super) fn next(&mut self) -> Option<Name> {
        if self.asking.len() >= AT_ONCE {
            return None;
        }
        let (_, _, name) = self.waiting.pop_first()?;
        self.places.remove(&name);
        self.asking.insert(name.clone());
        Some(name)
    }

    /// Notes how long the provider took.
    pub(super) fn took(&mut self, latency: Duration) {
        if self.latencies.len() == REMEMBERED {
            self.latencies.pop_front();
        }
        self.latencies.push_back(latency);
    }

    /// Returns how long the provider takes at worst: of so few answers, the 99th
    /// percentile is the slowest.
    pub(super) fn latency(&self) -> Duration {
        self.latencies.iter().max().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: usize) -> Name {
        format!("c{number}").parse().unwrap()
    }

    fn idle(uses: u64) -> Urgency {
        Urgency { awaited: false, uses }
    }

    #[test]
    fn only_so_many_ask_at_a_time() {
        let mut queue = Queue::default();
        (0..20).for_each(|number| queue.wait(&name(number), idle(0)));
        let first: Vec<Name> = std::iter::from_fn(|| queue.next()).collect();
        assert_eq!(first, (0..AT_ONCE).map(name).collect::<Vec<_>>());
        queue.done(&name(3));
        assert_eq!(queue.next(), Some(name(AT_ONCE)));
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn those_whom_callers_wait_for_go_first_then_the_most_used() {
        let mut queue = Queue::default();
        queue.wait(&name(0), idle(5));
        queue.wait(&name(1), idle(50));
        queue.wait(&name(2), idle(7));
        queue.wait(&name(3), Urgency { awaited: true, uses: 0 });
        queue.wait(&name(0), Urgency { awaited: true, uses: 5 });
        // No one is put back.
        queue.wait(&name(0), idle(0));
        queue.leave(&name(2));
        let order: Vec<Name> = std::iter::from_fn(|| queue.next()).collect();
        assert_eq!(order, [name(0), name(3), name(1)]);
    }

    #[test]
    fn the_slowest_of_the_last_answers_tells() {
        let mut queue = Queue::default();
        queue.took(Duration::from_secs(9));
        (1..REMEMBERED).for_each(|_| queue.took(Duration::from_secs(1)));
        assert_eq!(queue.latency(), Duration::from_secs(9));
        (0..REMEMBERED).for_each(|_| queue.took(Duration::from_secs(1)));
        assert_eq!(queue.latency(), Duration::from_secs(1));
    }
}
