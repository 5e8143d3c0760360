//! Drives the engine in the daemon: its mailbox, its timer and its end.

use std::{
    mem,
    pin::{Pin, pin},
    time::Duration,
};

use tokend_core::Random;
use tokio::{
    sync::mpsc,
    time::{Sleep, sleep},
};
use tracing::{info, warn};

use super::{Command, Engine, standing::Silence};
use crate::ports::{
    Clock, Ended, Found, Issuer, Pulse, RekeyEnded, Standing, Store, Supplied, Written,
};

/// How many commands may wait. More callers than this wait at the door, and the
/// daemon's memory stays bounded.
const COMMANDS: usize = 1_024;

/// What the rooms beside the engine tell it.
#[derive(Debug)]
pub enum Event {
    /// The store has answered.
    Written(Written),
    /// The store has looked at the ledger.
    Found(Found),
    /// The store has other keys, or not.
    Rekeyed(RekeyEnded),
    /// The issuer has ended something.
    Ended(Box<Ended>),
    /// Sources of secrets have been looked at.
    Supplied(Supplied),
}

impl Event {
    /// Tells whether the store is heard with it.
    fn is_of_store(&self) -> bool {
        matches!(self, Self::Written(_) | Self::Found(_) | Self::Rekeyed(_))
    }
}

/// Where the engine finds what it is told.
#[derive(Debug)]
pub struct Inbox {
    commands: mpsc::Receiver<Command>,
    // Unbounded: each event answers something that the engine began itself, but for sources
    // that have changed, which are looked at no faster than they are watched.
    events: mpsc::UnboundedReceiver<Event>,
}

/// Makes a mailbox: where commands go in, where events go in, and the inbox.
pub fn inbox() -> (mpsc::Sender<Command>, mpsc::UnboundedSender<Event>, Inbox) {
    let (command_sender, commands) = mpsc::channel(COMMANDS);
    let (event_sender, events) = mpsc::unbounded_channel();
    (command_sender, event_sender, Inbox { commands, events })
}

/// So much longer the end waits for an answer with which a refresh token would be lost: the
/// login that it goes back to couldn't be used any more.
const GRACE_FOR_LOGINS: Duration = Duration::from_secs(20);

/// Runs the engine until `shutdown` resolves, then until all that is under way
/// has ended, at most for `grace`, or for longer if a login would be lost. Whoever still
/// waits then is told so. `pulse` is told each time that the loop goes round, and by nothing else.
pub async fn run<C: Clock, R: Random, I: Issuer, S: Store>(
    mut engine: Engine<C, R, I, S>,
    mut inbox: Inbox,
    shutdown: impl Future<Output = ()>,
    grace: Duration,
    mut pulse: impl Pulse,
) -> Engine<C, R, I, S> {
    let mut shutdown = pin!(shutdown);
    let mut end: Option<Pin<Box<Sleep>>> = None;
    let mut is_prolonged = false;
    let mut silence = Silence::default();
    let mut is_heard = false;
    while end.is_none() || !(engine.is_quiet() || is_prolonged && !engine.is_exchanging()) {
        let now = engine.clock.now().boot;
        let is_silent = silence.note(engine.awaits_store(), mem::take(&mut is_heard), now);
        let standing = || Standing { is_silent, ..engine.standing() };
        let rest = pulse.beat(now, &standing).min(engine.idle());
        let over = async {
            match &mut end {
                Some(end) => end.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = &mut shutdown, if !engine.is_stopping() => {
                engine.stop();
                end = Some(Box::pin(sleep(grace)));
            }
            () = over => {
                if !is_prolonged && engine.is_exchanging() {
                    info!("the end waits for an answer that brings a refresh token");
                    is_prolonged = true;
                    end = Some(Box::pin(sleep(GRACE_FOR_LOGINS)));
                    continue;
                }
                warn!("an issuance was still under way; it counts as spent");
                break;
            }
            Some(event) = inbox.events.recv() => {
                is_heard = event.is_of_store();
                take(&mut engine, event);
            }
            Some(command) = inbox.commands.recv() => engine.command(command),
            () = sleep(rest) => {}
        }
        engine.wake();
    }
    engine.dismiss();
    engine
}

fn take<C: Clock, R: Random, I: Issuer, S: Store>(engine: &mut Engine<C, R, I, S>, event: Event) {
    match event {
        Event::Written(written) => engine.written(written),
        Event::Found(found) => engine.found(found),
        Event::Rekeyed(ended) => engine.rekeyed(ended),
        Event::Supplied(supplied) => engine.supplied(supplied),
        Event::Ended(ended) => match *ended {
            Ended::Issuance(issuance) => engine.issued(issuance),
            Ended::Errand(errand) => engine.returned(errand),
        },
    }
}
