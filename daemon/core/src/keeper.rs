//! All credentials, and which of them is due next.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    BootTime, Effect, Input, Moment, Name, Random, Refusal, View,
    credential::{Credential, Deadline, Turn},
};

#[cfg(test)]
mod tests;

/// Keeps all credentials. What a step costs follows what is due, not how many
/// credentials there are.
#[derive(Debug)]
pub struct Keeper<P> {
    credentials: BTreeMap<Name, (Credential<P>, Option<Deadline>)>,
    wall: BTreeSet<(Timestamp, Name)>,
    boot: BTreeSet<(BootTime, Name)>,
    now: BTreeSet<Name>,
}

impl<P> Default for Keeper<P> {
    fn default() -> Self {
        Self {
            credentials: BTreeMap::new(),
            wall: BTreeSet::new(),
            boot: BTreeSet::new(),
            now: BTreeSet::new(),
        }
    }
}

impl<P> Keeper<P> {
    /// Takes in what happened to a credential and returns what is to be done for
    /// it, in this order.
    ///
    /// [`Input::Loaded`] takes up a new credential. Anything else about one that
    /// isn't there is late news about a removed one: callers are told, the rest
    /// changes nothing. So does an answer to an issuance that is no longer
    /// waited for.
    pub fn handle(
        &mut self,
        now: Moment,
        random: &mut dyn Random,
        name: &Name,
        input: Input<P>,
    ) -> Vec<Effect<P>> {
        let mut turn = Turn { now, random, effects: Vec::new() };
        match (self.credentials.get_mut(name), input) {
            (None, Input::Loaded { token, history, pace }) => {
                let credential = Credential::load(token, history, pace, &mut turn);
                self.credentials.insert(name.clone(), (credential, None));
            }
            (None, Input::Requested(waiter)) => turn.effects.push(gone(waiter.id)),
            (None, Input::Forced(waiter)) => turn.effects.push(gone(waiter)),
            (None, _) => {}
            (Some((credential, _)), input) => credential.handle(input, &mut turn),
        }
        self.reschedule(name);
        turn.effects
    }

    /// Does what is due at `now`, for at most `limit` credentials, and returns
    /// what is to be done for whom.
    pub fn wake(
        &mut self,
        now: Moment,
        random: &mut dyn Random,
        limit: usize,
    ) -> Vec<(Name, Effect<P>)> {
        let mut due: BTreeSet<Name> = self.now.iter().take(limit).cloned().collect();
        let wall = self.wall.iter().take_while(|(at, _)| *at <= now.wall).map(|(_, name)| name);
        due.extend(wall.take(limit).cloned());
        let boot = self.boot.iter().take_while(|(at, _)| *at <= now.boot).map(|(_, name)| name);
        due.extend(boot.take(limit).cloned());

        let mut all = Vec::new();
        for name in due.into_iter().take(limit) {
            let mut turn = Turn { now, random: &mut *random, effects: Vec::new() };
            if let Some((credential, _)) = self.credentials.get_mut(&name) {
                credential.wake(&mut turn);
            }
            self.reschedule(&name);
            all.extend(turn.effects.into_iter().map(|effect| (name.clone(), effect)));
        }
        all
    }

    /// Writes all tokens now that couldn't be written before; it is the last
    /// chance for them.
    pub fn save(&mut self, now: Moment, random: &mut dyn Random) -> Vec<(Name, Effect<P>)> {
        let mut all = Vec::new();
        for (name, (credential, _)) in &mut self.credentials {
            let mut turn = Turn { now, random: &mut *random, effects: Vec::new() };
            credential.save(&mut turn);
            all.extend(turn.effects.into_iter().map(|effect| (name.clone(), effect)));
        }
        all
    }

    /// Drops a credential; everyone who waits for it is to be told.
    pub fn remove(&mut self, name: &Name) -> Vec<Effect<P>> {
        match self.credentials.remove(name) {
            Some((credential, deadline)) => {
                self.unschedule(name, deadline);
                credential.remove()
            }
            None => Vec::new(),
        }
    }

    /// Returns how long nothing is due, if nothing happens meanwhile and no
    /// clock is set; `None` if nothing ever is.
    pub fn idle(&self, now: Moment) -> Option<Duration> {
        if !self.now.is_empty() {
            return Some(Duration::ZERO);
        }
        let wall = self
            .wall
            .first()
            .map(|(at, _)| Duration::try_from(at.duration_since(now.wall)).unwrap_or_default());
        let boot = self.boot.first().map(|(at, _)| now.boot.until(*at));
        wall.into_iter().chain(boot).min()
    }

    /// Returns a look at one credential.
    pub fn view(&self, name: &Name, now: Moment) -> Option<View<'_, P>> {
        self.credentials.get(name).map(|(credential, _)| credential.view(now))
    }

    fn reschedule(&mut self, name: &Name) {
        let Some((credential, scheduled)) = self.credentials.get_mut(name) else {
            return;
        };
        let deadline = credential.deadline();
        let before = std::mem::replace(scheduled, deadline);
        if before == deadline {
            return;
        }
        self.unschedule(name, before);
        let fresh = match deadline {
            Some(Deadline::Now) => self.now.insert(name.clone()),
            Some(Deadline::Token { wall, boot }) => {
                self.wall.insert((wall, name.clone())) & self.boot.insert((boot, name.clone()))
            }
            Some(Deadline::Boot(at)) => self.boot.insert((at, name.clone())),
            None => true,
        };
        debug_assert!(fresh, "each credential has one deadline");
    }

    fn unschedule(&mut self, name: &Name, deadline: Option<Deadline>) {
        match deadline {
            Some(Deadline::Now) => self.now.remove(name),
            Some(Deadline::Token { wall, boot }) => {
                self.wall.remove(&(wall, name.clone())) & self.boot.remove(&(boot, name.clone()))
            }
            Some(Deadline::Boot(at)) => self.boot.remove(&(at, name.clone())),
            None => true,
        };
    }
}

fn gone<P>(waiter: crate::WaiterId) -> Effect<P> {
    Effect::Answer { waiter, answer: Err(Refusal::Removed) }
}
