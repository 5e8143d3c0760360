//! All credentials, and which of them is due next.

mod queue;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use self::queue::{Queue, Urgency};
use crate::{
    BootTime, Callers, Effect, Input, IssuanceId, Moment, Name, Random, Reception, Refusal, Ruling,
    View,
    credential::{Credential, Deadline, Turn},
};

/// Keeps all credentials. What a step costs follows what is due, not how many
/// credentials there are.
#[derive(Debug)]
pub struct Keeper<P> {
    // Apart: those that come in order leave half of each of the tree's nodes empty.
    credentials: BTreeMap<Name, Box<Entry<P>>>,
    wall: BTreeSet<(Timestamp, Name)>,
    boot: BTreeSet<(BootTime, Name)>,
    now: BTreeSet<Name>,
    queues: BTreeMap<Arc<str>, Queue>,
    /// Providers of whose credentials something has changed.
    touched: BTreeSet<Arc<str>>,
    /// More are due than have been looked at: who goes first isn't known yet.
    behind: bool,
}

#[derive(Debug)]
struct Entry<P> {
    credential: Credential<P>,
    scheduled: Option<Deadline>,
    /// Whose queue it is known to.
    provider: Arc<str>,
}

/// What is to be done, and for whom.
type Effects<P> = Vec<(Name, Effect<P>)>;

impl<P> Default for Keeper<P> {
    fn default() -> Self {
        Self {
            credentials: BTreeMap::new(),
            wall: BTreeSet::new(),
            boot: BTreeSet::new(),
            now: BTreeSet::new(),
            queues: BTreeMap::new(),
            touched: BTreeSet::new(),
            behind: false,
        }
    }
}

impl<P: Clone> Keeper<P> {
    /// Takes in what happened to a credential and returns what is to be done, in
    /// this order: for that one, and for others of its provider whose turn it is
    /// now.
    ///
    /// [`Input::Loaded`] takes up a new credential. Anything else about one that
    /// isn't there is late news about a removed one: callers are told, the rest
    /// changes nothing. So does an answer to an issuance that is no longer
    /// waited for.
    pub fn handle(
        &mut self,
        now: Moment,
        random: &mut dyn Random,
        callers: &dyn Callers,
        name: &Name,
        input: Input<P>,
    ) -> Vec<(Name, Effect<P>)> {
        let latency = self.hear(name, &input);
        let demand = callers.demand(name);
        let mut turn = Turn { now, random: &mut *random, demand, latency, effects: Vec::new() };
        match (self.credentials.get_mut(name), input) {
            (None, Input::Loaded { token, history, terms, new }) => {
                let credential = Credential::load(token, history, terms, new, &mut turn);
                let provider = Arc::clone(credential.provider());
                let entry = Entry { credential, scheduled: None, provider };
                self.credentials.insert(name.clone(), Box::new(entry));
            }
            (None, input) => turn.effects.extend(gone(&input)),
            (Some(entry), input) => entry.credential.handle(input, &mut turn),
        }
        let mut all = of(name, turn.effects);
        self.follow(name, callers);
        self.proceed(now, random, callers, &mut all);
        all
    }

    /// Does what is due at `now`, for at most `limit` credentials, and returns
    /// what is to be done for whom.
    pub fn wake(
        &mut self,
        now: Moment,
        random: &mut dyn Random,
        callers: &dyn Callers,
        limit: usize,
    ) -> Vec<(Name, Effect<P>)> {
        let enough = limit.saturating_add(1);
        let mut due: BTreeSet<Name> = self.now.iter().take(enough).cloned().collect();
        let wall = self.wall.iter().take_while(|(at, _)| *at <= now.wall).map(|(_, name)| name);
        due.extend(wall.take(enough).cloned());
        let boot = self.boot.iter().take_while(|(at, _)| *at <= now.boot).map(|(_, name)| name);
        due.extend(boot.take(enough).cloned());

        self.behind = due.len() > limit;
        let mut all = Vec::new();
        for name in due.into_iter().take(limit) {
            let latency = self.latency(&name);
            let demand = callers.demand(&name);
            let mut turn = Turn { now, random: &mut *random, demand, latency, effects: Vec::new() };
            if let Some(entry) = self.credentials.get_mut(&name) {
                entry.credential.wake(&mut turn);
            }
            all.extend(of(&name, turn.effects));
            self.follow(&name, callers);
        }
        self.proceed(now, random, callers, &mut all);
        all
    }

    /// Writes all tokens now that couldn't be written before; it is the last
    /// chance for them.
    pub fn save(&mut self, now: Moment, random: &mut dyn Random) -> Vec<(Name, Effect<P>)> {
        let mut all = Vec::new();
        for (name, entry) in &mut self.credentials {
            let (demand, latency) = Default::default();
            let mut turn = Turn { now, random: &mut *random, demand, latency, effects: Vec::new() };
            entry.credential.save(&mut turn);
            all.extend(of(name, turn.effects));
        }
        all
    }

    /// Drops a credential; everyone who waits for it is to be told, and others of
    /// its provider may have their turn.
    pub fn remove(
        &mut self,
        now: Moment,
        random: &mut dyn Random,
        callers: &dyn Callers,
        name: &Name,
    ) -> Vec<(Name, Effect<P>)> {
        let Some(entry) = self.credentials.remove(name) else {
            return Vec::new();
        };
        let entry = *entry;
        self.unschedule(name, entry.scheduled);
        if let Some(queue) = self.queues.get_mut(&entry.provider) {
            queue.leave(name);
            queue.done(name);
        }
        self.touched.insert(entry.provider);
        let mut all = of(name, entry.credential.remove());
        self.proceed(now, random, callers, &mut all);
        all
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

    /// Tells whether the ledger is asked for this issuance.
    pub fn is_reserving(&self, name: &Name, issuance: IssuanceId) -> bool {
        self.credentials.get(name).is_some_and(|entry| entry.credential.is_reserving(issuance))
    }

    /// Tells whether an answer is awaited with which a refresh token would be lost.
    pub fn is_exchanging(&self) -> bool {
        self.credentials.values().any(|entry| entry.credential.is_exchanging())
    }

    /// Returns a look at one credential.
    pub fn view(&self, name: &Name, now: Moment) -> Option<View<'_, P>> {
        self.credentials.get(name).map(|entry| entry.credential.view(now))
    }

    /// Notes how long the provider took for an answer, and returns how long it
    /// takes at worst.
    fn hear(&mut self, name: &Name, input: &Input<P>) -> Duration {
        if let Input::Issued { receipt, .. }
        | Input::KeptAlive { receipt, .. }
        | Input::Failed { receipt, .. } = input
            && let Some(entry) = self.credentials.get(name)
            && let Some(queue) = self.queues.get_mut(&entry.provider)
        {
            queue.took(receipt.took);
        }
        self.latency(name)
    }

    fn latency(&self, name: &Name) -> Duration {
        let provider = self.credentials.get(name).map(|entry| &entry.provider);
        provider.and_then(|p| self.queues.get(p)).map(Queue::latency).unwrap_or_default()
    }

    /// Keeps up with a credential after something happened to it: its deadline,
    /// and its place among those of its provider.
    fn follow(&mut self, name: &Name, callers: &dyn Callers) {
        self.reschedule(name);
        let Some(entry) = self.credentials.get_mut(name) else {
            return;
        };
        let provider = Arc::clone(entry.credential.provider());
        let former = std::mem::replace(&mut entry.provider, Arc::clone(&provider));
        if former != provider
            && let Some(queue) = self.queues.get_mut(&former)
        {
            queue.leave(name);
            queue.done(name);
            self.touched.insert(former);
        }
        let queue = self.queues.entry(Arc::clone(&provider)).or_default();
        if !entry.credential.is_asking() {
            queue.done(name);
        }
        match entry.credential.queued() {
            Some(awaited) => {
                queue.wait(name, Urgency { awaited, uses: callers.demand(name).uses });
            }
            None => queue.leave(name),
        }
        self.touched.insert(provider);
    }

    /// Lets those ask whose turn it is, of all providers where something changed.
    fn proceed(
        &mut self,
        now: Moment,
        random: &mut dyn Random,
        callers: &dyn Callers,
        all: &mut Effects<P>,
    ) {
        if self.behind {
            return;
        }
        for provider in std::mem::take(&mut self.touched) {
            let Some(queue) = self.queues.get_mut(&provider) else { continue };
            let latency = queue.latency();
            while let Some(name) = queue.next() {
                let demand = callers.demand(&name);
                let mut turn =
                    Turn { now, random: &mut *random, demand, latency, effects: Vec::new() };
                if let Some(entry) = self.credentials.get_mut(&name) {
                    entry.credential.proceed(&mut turn);
                    // It may have turned out that there is nothing to ask with.
                    if !entry.credential.is_asking() {
                        queue.done(&name);
                    }
                }
                all.extend(of(&name, turn.effects));
            }
        }
    }

    fn reschedule(&mut self, name: &Name) {
        let Some(entry) = self.credentials.get_mut(name) else { return };
        let Entry { credential, scheduled, .. } = &mut **entry;
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

fn of<P>(name: &Name, effects: Vec<Effect<P>>) -> Effects<P> {
    effects.into_iter().map(|effect| (name.clone(), effect)).collect()
}

/// Returns what those are told who want something of a credential that isn't
/// there.
fn gone<P>(input: &Input<P>) -> Option<Effect<P>> {
    let refuse = |waiter| Effect::Answer { waiter, answer: Err(Refusal::Removed) };
    match input {
        Input::Requested(waiter) => Some(refuse(waiter.id)),
        Input::Forced(waiter) => Some(refuse(*waiter)),
        Input::Wanted(want) => Some(refuse(want.waiter)),
        Input::LoggedIn(login) => Some(refuse(login.waiter)),
        Input::Reported(report) => {
            Some(Effect::Rule { waiter: report.waiter, ruling: Ruling::Superseded })
        }
        Input::Rotated(rotation) => {
            let (waiter, reception) = (rotation.waiter, Reception::Refused(Refusal::Removed));
            Some(Effect::Acknowledge { waiter, reception })
        }
        _ => None,
    }
}
