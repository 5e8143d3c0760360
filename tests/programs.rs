//! Programs that get their tokens from the command with the real binaries: `exec`, `watch`,
//! `sink`; and `events`, which goes on like them.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

#[path = "programs/events.rs"]
mod events;
#[path = "programs/exec.rs"]
mod exec;
#[path = "programs/sink.rs"]
mod sink;
#[path = "programs/watch.rs"]
mod watch;

use std::{
    fs,
    io::{BufRead, BufReader},
    os::{fd::AsFd as _, unix::process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use support::{PATIENCE, Place, canary, provider::Provider, text};

const SECRET: &str = "s3cret-Horse_Battery";

/// The n-th token of a provider.
fn token(number: usize) -> String {
    format!("token-{number}-c0ffee")
}

/// What is in a file, in the words of the tests.
fn content(path: &Path) -> String {
    text(&fs::read(path).unwrap())
}

/// Adds credentials of a provider, whose first tokens come in this order.
fn add(place: &Place, provider: &Provider, names: &[&str]) {
    for name in names {
        let added = place.add(name, provider.url(), SECRET);
        assert!(added.status.success(), "{}", text(&added.stderr));
    }
}

/// A command that SIGHUP and SIGINT reach, even if they are ignored here, as under nohup(1) and in a
/// script's background.
fn interruptible(command: &Command) -> Command {
    let mut wrapped = Command::new("env");
    wrapped.arg("--default-signal=HUP,INT").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    wrapped
}

/// A command that goes on, whose lines on standard output and standard error are read as
/// they come.
struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
    /// All that the command itself wrote to standard error, where no secret belongs.
    complaints: Arc<Mutex<Vec<u8>>>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        // A group of its own, as a shell gives it.
        let command = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let other = sender.clone();
        let complaints = Arc::<Mutex<Vec<u8>>>::default();
        let kept = Arc::clone(&complaints);
        // What a program prints that the command runs is the program's own.
        let is_own = !command.get_args().any(|argument| argument == "--");
        thread::spawn(move || pass(BufReader::new(stdout), &sender, |_| ()));
        thread::spawn(move || {
            pass(BufReader::new(stderr), &other, |line| {
                if is_own {
                    kept.lock().unwrap().extend_from_slice(line.as_bytes());
                }
            });
        });
        Self { child, lines, complaints }
    }

    /// Waits for the next line.
    #[track_caller]
    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line comes")
    }

    /// Waits for a line that is this.
    #[track_caller]
    fn wait_for(&self, wanted: &str) {
        self.wait_until(|line| line == wanted, wanted);
    }

    /// Waits for a line with this in it, and returns it.
    #[track_caller]
    fn wait_for_part(&self, part: &str) -> String {
        self.wait_until(|line| line.contains(part), part)
    }

    #[track_caller]
    fn wait_until(&self, is_wanted: impl Fn(&str) -> bool, what: &str) -> String {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if is_wanted(&line) => return line,
                Ok(line) => seen.push(line),
                Err(error) => panic!("no line {what:?} came ({error}):\n{}", seen.join("\n")),
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Waits for the end, and returns the exit status and the lines that weren't read.
    fn end(mut self) -> (Option<i32>, Vec<String>) {
        let lines = self.lines.iter().collect();
        (self.child.wait().unwrap().code(), lines)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        canary::assert_none("standard error of tokend-cli", &self.complaints.lock().unwrap());
    }
}

fn pass(lines: impl BufRead, sender: &mpsc::Sender<String>, mut keep: impl FnMut(&str)) {
    for line in lines.lines().map_while(Result::ok) {
        keep(&line);
        // A test that has ended reads no more.
        let _ = sender.send(text(line.as_bytes()));
    }
}

/// Returns the names in a directory.
fn names(directory: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names
}

/// What changes in a directory, from now on.
struct Changes(nix::sys::inotify::Inotify);

impl Changes {
    fn of(directory: &Path) -> Self {
        use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC).unwrap();
        let flags = AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_DELETE;
        inotify.add_watch(directory, flags).unwrap();
        Self(inotify)
    }

    /// Waits until something holds that a change brings.
    #[track_caller]
    fn wait_until(&self, holds: impl Fn() -> bool) {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        while !holds() {
            let patience = PollTimeout::try_from(PATIENCE).unwrap();
            let waited = poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], patience);
            assert_eq!(waited, Ok(1), "nothing changes any more");
            self.0.read_events().unwrap();
        }
    }
}
