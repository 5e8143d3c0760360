//! The signals that ask a command to end.

use std::io;

use nix::sys::signal::Signal;
use tokio::signal::unix::{self, SignalKind};

use crate::exit::Exit;

/// Waits for SIGTERM and SIGINT, which end nothing by themselves any more.
pub(crate) struct Ending {
    terminate: unix::Signal,
    interrupt: unix::Signal,
}

/// Which of them came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked(pub(crate) Signal);

impl Ending {
    /// Begins to wait.
    pub(crate) fn watch() -> io::Result<Self> {
        let terminate = unix::signal(SignalKind::terminate())?;
        let interrupt = unix::signal(SignalKind::interrupt())?;
        Ok(Self { terminate, interrupt })
    }

    /// Waits for one of them. It can be given up on at any time; nothing is lost.
    pub(crate) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked(Signal::SIGTERM),
            _ = self.interrupt.recv() => Asked(Signal::SIGINT),
        }
    }
}

impl Asked {
    /// Returns what a command ends with that goes on until it is asked to end: for whoever runs
    /// services SIGTERM is no failure, and a shell goes by the status of what Ctrl-C ends.
    pub(crate) fn for_a_service(self) -> Exit {
        if self.0 == Signal::SIGINT { Exit::Cancelled } else { Exit::Done }
    }
}
