//! The signals that ask a command to end.

use std::io;

use nix::sys::signal::Signal;

use crate::{
    exit::Exit,
    signals::{Received, Signals},
};

/// Waits for SIGTERM and SIGINT, which end nothing by themselves any more.
pub(crate) struct Ending(Signals);

impl Ending {
    /// Begins to wait.
    pub(crate) fn watch() -> io::Result<Self> {
        Signals::receive(&[Signal::SIGTERM, Signal::SIGINT]).map(Self)
    }

    /// Waits for one of them. It can be given up on at any time; nothing is lost.
    pub(crate) async fn next(&mut self) -> Received {
        self.0.next().await
    }
}

/// Returns what a command ends with that goes on until it is asked to end: for whoever runs
/// services SIGTERM is no failure, and a shell goes by the status of what Ctrl-C ends.
pub(crate) fn status(asked: Received) -> Exit {
    if asked.signal == Signal::SIGINT { Exit::Cancelled } else { Exit::Done }
}
