//! Signals that a command deals with itself, and where they come from.

use std::{fs, future::pending, io, thread};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use signal_hook::{
    iterator::{Handle, SignalsInfo, exfiltrator::WithOrigin},
    low_level::siginfo::Cause,
};
use tokio::{process::Child, sync::mpsc};

/// A signal that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) signal: Signal,
    /// Whether the terminal sent it: to the whole group, so that a program which this process
    /// has started has it, too.
    pub(crate) reached_all: bool,
}

/// Signals, as they come.
pub(crate) struct Signals {
    received: mpsc::UnboundedReceiver<Received>,
    handle: Handle,
    thread: Option<thread::JoinHandle<()>>,
}

impl Signals {
    /// Receives these from now on, instead of their taking effect. What was ignored before, as
    /// by nohup(1), stays so here and in programs.
    pub(crate) fn receive(wanted: &[Signal]) -> io::Result<Self> {
        let ignored = ignored()?;
        let wanted = wanted.iter().copied().filter(|signal| !has(ignored, *signal));
        let mut signals = SignalsInfo::<WithOrigin>::new(wanted.map(|signal| signal as i32))?;
        let handle = signals.handle();
        let (sender, received) = mpsc::unbounded_channel();
        let thread = thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for origin in signals.forever() {
                let Ok(signal) = Signal::try_from(origin.signal) else { continue };
                let reached_all = matches!(origin.cause, Cause::Kernel);
                if sender.send(Received { signal, reached_all }).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { received, handle, thread: Some(thread) })
    }

    /// Waits for one. It can be given up on at any time; nothing is lost.
    pub(crate) async fn next(&mut self) -> Received {
        match self.received.recv().await {
            Some(received) => received,
            None => pending().await,
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell.
            let _ = thread.join();
        }
    }
}

/// Sends a program a signal, unless it has ended.
pub(crate) fn send(child: &Child, signal: Signal) {
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()) {
        // It may have ended just now.
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// Returns the signals that this process ignores, one bit each (`proc_pid_status(5)`).
fn ignored() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    Ok(read(&status).unwrap_or_default())
}

fn read(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn has(set: u64, signal: Signal) -> bool {
    set >> (signal as i32 - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_read_from_the_kernel() {
        let set = read("Name:\tx\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000001003\n").unwrap();
        assert!(has(set, Signal::SIGHUP) && has(set, Signal::SIGINT) && has(set, Signal::SIGPIPE));
        assert!(!has(set, Signal::SIGTERM) && !has(set, Signal::SIGUSR1));
        assert_eq!(read("Name:\tx\n"), None);
        // Rust's runtime ignores it in every program.
        assert!(has(ignored().unwrap(), Signal::SIGPIPE));
    }
}
