//! What strace does to a daemon's system calls.

use std::{
    fmt::Display,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::support::Daemon;

/// Has the command run under strace, which does this to its calls. The process stays what it is:
/// strace is its grandchild.
pub(crate) fn under(command: &mut Command, calls: &str, fault: impl Display) {
    let mut wrapped = prepared(calls, fault);
    wrapped.arg("-D").arg(command.get_program()).args(command.get_args());
    wrapped.stdin(Stdio::null()).env_remove("TOKEND_LOG").env_remove("NOTIFY_SOCKET");
    *command = wrapped;
}

fn prepared(calls: &str, fault: impl Display) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
    command.args(["-e", &format!("inject={calls}:{fault}")]);
    command
}

/// A strace that disturbs a daemon until it is dropped.
pub(crate) struct Disturbance {
    strace: Child,
    // Who can't write there ends.
    _said: Box<dyn std::io::Read>,
}

impl Disturbance {
    /// Begins to do this to a running daemon's calls.
    pub(crate) fn of(daemon: &Daemon, calls: &str, fault: impl Display) -> Self {
        let mut command = prepared(calls, fault);
        command.args(["-p", &daemon.pid().to_string()]);
        let mut strace = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(strace.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert!(line.contains("attached"), "strace: {line}");
        Self { strace, _said: Box::new(said) }
    }
}

impl Drop for Disturbance {
    fn drop(&mut self) {
        // It lets go of the daemon.
        let pid = Pid::from_raw(i32::try_from(self.strace.id()).unwrap());
        let _ = kill(pid, Signal::SIGTERM);
        let _ = self.strace.wait();
    }
}
