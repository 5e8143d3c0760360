//! The daemon's threads, which tell the engine what they have done.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::StartError;
use crate::{
    clock::SystemClock,
    config::{Config, Surroundings},
    engine::{self, Command, Event, Inbox},
    entropy::SystemEntropy,
    issuer::HttpIssuer,
    sources::{Ending, LocalSources},
    store::{Answer, Copier, Cost, Parse, Store, Worker},
};

/// What runs beside the engine, and how it is reached.
pub(super) struct Threads {
    pub(super) store: Worker,
    pub(super) backups: Arc<Copier>,
    pub(super) sources: Arc<LocalSources>,
    pub(super) sources_end: Ending,
    pub(super) issuer: HttpIssuer,
    /// Where commands for the engine go ..
    pub(super) commands: mpsc::Sender<Command>,
    /// .. and where it hears of all.
    pub(super) inbox: Inbox,
}

impl Threads {
    /// Starts them around a store that is open.
    ///
    /// # Errors
    ///
    /// Fails if the system has no more threads.
    pub(super) fn spawn(
        config: &Config,
        clock: SystemClock,
        store: Store<SystemEntropy>,
    ) -> Result<Self, StartError> {
        let parse: Parse = |text| {
            Config::key_source(text, &Surroundings::here()).map_err(|error| error.to_string())
        };
        let store = store.keyed_by(config.key.clone(), parse, Cost::STANDARD);
        let (commands, events, inbox) = engine::inbox();
        let system = |what| move |source| StartError::System { what, source };
        let written = events.clone();
        let store = Worker::spawn(store, move |answer| {
            // After the engine has ended no one waits for an answer.
            let _ = written.send(match answer {
                Answer::Written(written) => Event::Written(written),
                Answer::Found(found) => Event::Found(found),
                Answer::Rekeyed(ended) => Event::Rekeyed(ended),
            });
        })
        .map_err(system("the store's thread"))?;
        let backups = Arc::new(store.copier());
        let supplied = events.clone();
        let (sources, sources_end) = LocalSources::spawn(clock, move |supply| {
            let _ = supplied.send(Event::Supplied(supply));
        })
        .map_err(system("the sources' thread"))?;
        let issuer = HttpIssuer::spawn(clock, move |ended| {
            let _ = events.send(Event::Ended(Box::new(ended)));
        })
        .map_err(system("the issuer's thread"))?;
        Ok(Self { store, backups, sources, sources_end, issuer, commands, inbox })
    }
}
