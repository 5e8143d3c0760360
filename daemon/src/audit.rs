//! Writes down who was let do what and who wasn't: a line each, and counts of what repeats.
//!
//! The lines are events of the target `tokend::audit`, with the same fields each. None holds a
//! secret, and what a caller made up is in none: names are parsed before, and what tells of a
//! process is the kernel's.

mod denials;
mod grants;

use std::{
    fmt::{Display, Formatter},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokend_core::{BootTime, Name, TokenId};
use tokio::{sync::watch, time::sleep};
use tracing::info;

pub use self::grants::Told;
use self::{denials::Denials, grants::Grants};
use crate::{ports::Clock, published::Slots};

/// How often counts are looked at: what repeats is told no more often.
const PAUSE: Duration = Duration::from_secs(60);

/// Someone at the other end of a connection, as the kernel says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The user.
    pub uid: u32,
    /// The process, if tokend can see it.
    pub pid: Option<i32>,
    /// The service of systemd's that it is part of, if it is of one.
    pub unit: Option<Arc<str>>,
    /// The socket that it came in by.
    pub door: Way,
}

/// The socket that someone came in by, as the log names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// One at which a user is one.
    Machine(&'static str),
    /// A listener's: who is in a container may take as many users' numbers as they like.
    Listener(Arc<str>),
}

/// What someone does, in a word.
pub type Action = &'static str;

/// What was let happen, and what wasn't.
#[derive(Debug, Default)]
pub struct Audit {
    denials: Mutex<Denials>,
    grants: Mutex<Grants>,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    action: Action,
    outcome: &'static str,
    who: Option<Who>,
    credential: Option<Name>,
    token_id: Option<TokenId>,
    /// How often, since the line before.
    count: Option<u64>,
}

/// A change that an operator wants, until it is known what came of it.
#[derive(Debug)]
pub struct Change(Option<Line>);

impl Who {
    /// Returns the listener by which they came in, if it was one.
    fn listener(&self) -> Option<&Arc<str>> {
        match &self.door {
            Way::Machine(_) => None,
            Way::Listener(name) => Some(name),
        }
    }
}

impl Way {
    /// Returns what the log calls it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Machine(name) => name,
            Self::Listener(name) => name,
        }
    }
}

impl Audit {
    /// Someone isn't let do something with a credential, whether it is there or not, or isn't let
    /// in.
    pub fn denied(&self, action: Action, who: Who, name: Option<&Name>, now: BootTime) {
        let line = lock(&self.denials).note(action, who, name, now);
        write(line);
    }

    /// Someone is given a token. Only the first time that this connection gives it to them does
    /// anything that connections share have a part in it.
    pub fn granted(&self, told: &Told, who: impl FnOnce() -> Who, name: &Name, token: TokenId) {
        if !told.again(name, token) {
            let (tally, lines) = lock(&self.grants).note(who(), name, token);
            told.keep(name, token, tally);
            write(lines);
        }
    }

    /// Tells what has repeated.
    pub fn sweep(&self, slots: &Slots, now: BootTime) {
        let denials = lock(&self.denials).sweep(now);
        write(denials);
        let held = |name: &Name| slots.get(name.as_str()).and_then(|slot| slot.token_id());
        let grants = lock(&self.grants).sweep(held, now);
        write(grants);
    }

    /// Tells what has repeated and wasn't told, at the daemon's end.
    pub fn finish(&self) {
        let denials = lock(&self.denials).finish();
        write(denials);
        let grants = lock(&self.grants).finish();
        write(grants);
    }

    /// Tells what repeats, again and again until the daemon ends.
    pub async fn run(
        &self,
        slots: &Slots,
        clock: &(dyn Clock + Send + Sync),
        mut shutdown: watch::Receiver<bool>,
    ) {
        loop {
            tokio::select! {
                () = sleep(PAUSE) => self.sweep(slots, clock.now().boot),
                // An error means that the sender is gone, and the daemon with it.
                _ = shutdown.wait_for(|ending| *ending) => return,
            }
        }
    }
}

/// A token was issued, and is on disk.
pub fn issued(name: &Name, token: TokenId) {
    write([Line { token_id: Some(token), ..Line::new("issue", "issued", None, Some(name)) }]);
}

/// Someone begins something of which others tell how it goes on.
pub fn asked(action: Action, who: Who) {
    write([Line::new(action, "begun", Some(who), None)]);
}

/// Someone was let do something with a credential, and it is done.
pub fn done(action: Action, who: Who, name: &Name) {
    write([Line::new(action, "done", Some(who), Some(name))]);
}

/// systemd was handed a token for a unit that starts, or it wasn't.
pub fn handed_out(who: Who, name: Option<&Name>, is_given: bool) {
    let outcome = if is_given { "granted" } else { "failed" };
    write([Line::new("hand out", outcome, Some(who), name)]);
}

impl Change {
    /// Someone wants something changed.
    pub fn begin(action: Action, who: Who, name: Option<&Name>) -> Self {
        Self(Some(Line::new(action, "unanswered", Some(who), name)))
    }

    /// It is done, or not.
    pub fn end(mut self, is_done: bool) {
        let outcome = if is_done { "done" } else { "failed" };
        if let Some(line) = self.0.take() {
            write([Line { outcome, ..line }]);
        }
    }
}

impl Drop for Change {
    /// Whoever wanted it didn't wait for what came of it.
    fn drop(&mut self) {
        write(self.0.take());
    }
}

impl Line {
    fn new(
        action: Action,
        outcome: &'static str,
        who: Option<Who>,
        credential: Option<&Name>,
    ) -> Self {
        let credential = credential.cloned();
        Self { action, outcome, who, credential, token_id: None, count: None }
    }
}

fn write(lines: impl IntoIterator<Item = Line>) {
    for line in lines {
        let Line { action, outcome, who, credential, token_id, count } = line;
        let credential = credential.as_ref().map(Name::as_str);
        let token_id = token_id.map(|id| id.to_string());
        let uid = who.as_ref().map(|who| who.uid);
        let pid = who.as_ref().map(|who| tracing::field::display(Pid(who.pid)));
        let unit = who.as_ref().and_then(|who| who.unit.as_deref());
        let door = who.as_ref().map(|who| who.door.as_str());
        info!(action, outcome, credential, uid, pid, unit, door, token_id, count);
    }
}

/// The number of a process, or that it has none that tokend could see.
struct Pid(Option<i32>);

impl Display for Pid {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(pid) => pid.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each holds counts only, which are whole at any point.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
