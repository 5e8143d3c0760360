//! What is logged, to be read afterwards.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of this")]
#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use tracing::{Dispatch, dispatcher::DefaultGuard, subscriber};
use tracing_subscriber::fmt::MakeWriter;

/// A log that can be read afterwards. A subscriber writes to it.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

/// As long as it is there, a thread logs to a log of its own.
pub struct Logging {
    _here: DefaultGuard,
    _elsewhere: Dispatch,
}

impl Log {
    /// Has this thread log to a new log, without times and colours.
    pub fn of_this_thread() -> (Self, Logging) {
        let log = Self::default();
        // With one subscriber in the process, what another thread logs first, without any, would
        // be taken to interest none.
        let elsewhere = Dispatch::new(subscriber::NoSubscriber::new());
        let here = tracing_subscriber::fmt().with_writer(log.clone());
        let here = subscriber::set_default(here.without_time().with_ansi(false).finish());
        (log, Logging { _here: here, _elsewhere: elsewhere })
    }

    /// Returns what was logged since it was last asked for.
    pub fn take(&self) -> String {
        let logged = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8(logged).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // What panics may be what is logged.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
