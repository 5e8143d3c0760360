//! Gives users turns at being heard, so that one's calls don't hold up another's.
//!
//! One thread serves all, and h2 reads a connection for as long as there is something to read:
//! whoever writes without end would have it read, and answer, hundreds of calls before anyone
//! else's. So in each round a user is heard once, whatever the number of its connections, and
//! for a few calls only. A round is over when all who had something to do have done it. Who
//! wasn't heard in this round doesn't wait at all. And who has been alone for a while is heard for
//! longer at a time, which costs less.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use tokio::{sync::Notify, task::yield_now};

use super::connection::Party;

/// Whose turn it is. The connections of a socket share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns(Arc<Round>);

#[derive(Debug, Default)]
struct Round {
    room: Mutex<Room>,
    /// Tells whoever counts the rounds that one has begun.
    begun: Notify,
}

#[derive(Debug, Default)]
struct Room {
    next: u64,
    /// The users who were heard in this round.
    heard: BTreeMap<Party, Line>,
    /// Who alone was heard in the latest rounds, and in how many.
    alone: Option<(Party, u32)>,
}

/// How long a turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Others have been heard of late.
    Short,
    /// No one else has.
    Long,
}

/// In how many rounds no one else is heard before turns are long: with short ones they take some
/// milliseconds. Whoever calls more often than that never waits for a long turn of another's.
pub(super) const ALONE: u32 = 64;

/// The connections of a user that wait for the next round.
#[derive(Debug, Default)]
struct Line {
    /// In the order in which they came.
    waiting: BTreeMap<u64, Waker>,
    /// Whose turn it is in this round, if it hasn't taken it yet.
    called: Option<u64>,
}

/// A connection's place, which it leaves when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    turns: Turns,
    party: Party,
    number: Option<u64>,
}

impl Turns {
    /// Ends one round after the other.
    pub(super) async fn go_on(self) {
        loop {
            self.0.begun.notified().await;
            loop {
                // Whoever can do something does it first, and who has called by now is heard of.
                yield_now().await;
                if !self.end_round() {
                    break;
                }
            }
        }
    }

    /// Returns a place for a connection of a user.
    pub(super) fn place(&self, party: Party) -> Place {
        Place { turns: self.clone(), party, number: None }
    }

    /// Calls the first of each user's connections; returns whether there is any.
    fn end_round(&self) -> bool {
        let mut called = Vec::new();
        let mut guard = self.room();
        let room = &mut *guard;
        room.note_who_was_alone();
        room.heard.retain(|_, line| {
            let first = line.waiting.pop_first();
            line.called = first.as_ref().map(|(number, _)| *number);
            called.extend(first.map(|(_, waker)| waker));
            line.called.is_some()
        });
        drop(guard);
        let any = !called.is_empty();
        called.into_iter().for_each(Waker::wake);
        any
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.0.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn note_who_was_alone(&mut self) {
        let mut heard = self.heard.keys();
        let (Some(&party), another) = (heard.next(), heard.next()) else { return };
        let before =
            self.alone.filter(|(before, _)| *before == party).map_or(0, |(_, rounds)| rounds);
        self.alone = another.is_none().then_some((party, before.saturating_add(1)));
    }

    /// Returns how long a turn of a user is by now.
    fn turn(&self, party: Party) -> Turn {
        let is_alone = self.heard.keys().all(|heard| *heard == party)
            && self.alone.is_some_and(|(alone, rounds)| alone == party && rounds >= ALONE);
        if is_alone { Turn::Long } else { Turn::Short }
    }
}

impl Place {
    /// Takes a turn, or waits for it.
    pub(super) fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<Turn> {
        let mut room = self.turns.room();
        let turn = room.turn(self.party);
        let Room { next, heard, .. } = &mut *room;
        match heard.entry(self.party) {
            Entry::Vacant(first) => {
                first.insert(Line::default());
                self.turns.0.begun.notify_one();
                self.number = None;
                Poll::Ready(turn)
            }
            Entry::Occupied(line) => {
                let line = line.into_mut();
                if self.number.is_some() && self.number == line.called {
                    (self.number, line.called) = (None, None);
                    return Poll::Ready(turn);
                }
                // Who was called and didn't come keeps its number, and is the first again.
                let number = *self.number.get_or_insert_with(|| {
                    *next += 1;
                    *next
                });
                line.waiting.insert(number, context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut room = self.turns.room();
        if let Some(line) = room.heard.get_mut(&self.party) {
            line.waiting.remove(&number);
        }
    }
}
