//! A daemon that a test has started: what it logs, and how it ends.

use std::{
    fs,
    io::{BufRead, BufReader, pipe},
    os::unix::process::ExitStatusExt,
    process::{Child, Command},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{PATIENCE, canary};

/// A daemon that is running. When it ends, no secret may be in its log, which tells all.
pub struct Daemon {
    child: Child,
    log: mpsc::Receiver<String>,
    printed: Arc<Mutex<Vec<u8>>>,
}

/// How a daemon ended.
pub struct Ended {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub dumped_core: bool,
    /// What it logged and this test hasn't read yet.
    pub log: String,
}

impl Daemon {
    /// Starts what becomes a daemon.
    pub(super) fn start(mut command: Command) -> Self {
        let (reader, writer) = pipe().unwrap();
        let child = command.stdout(writer.try_clone().unwrap()).stderr(writer).spawn().unwrap();
        // It holds the ends that are written to.
        drop(command);
        let (sender, log) = mpsc::channel();
        let printed = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&printed);
        thread::spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                kept.lock().unwrap().extend_from_slice(format!("{line}\n").as_bytes());
                let _ = sender.send(line);
            }
        });
        Self { child, log, printed }
    }

    /// Searches what everybody sees of the process, and what its user may.
    pub(super) fn search_surroundings(&self) {
        for what in ["cmdline", "environ"] {
            // Only root may read the environment.
            let shown = fs::read(format!("/proc/{}/{what}", self.pid())).unwrap_or_default();
            canary::assert_none(&format!("the daemon's {what}"), &shown);
        }
    }

    /// Waits until the daemon has logged a line with `part` in it.
    pub fn wait_for_log(&mut self, part: &str) -> String {
        self.logs(part).unwrap_or_else(|seen| panic!("the daemon never logged {part:?}:\n{seen}"))
    }

    /// Waits until the daemon has logged a line with each of the parts in it, in whatever order, and
    /// returns these.
    pub fn wait_for_logs<const N: usize>(&mut self, parts: [&str; N]) -> [String; N] {
        let mut found = [const { None }; N];
        while let Some(missing) = found.iter().position(Option::is_none) {
            let line = self.log.recv_timeout(PATIENCE);
            let line =
                line.unwrap_or_else(|_| panic!("the daemon never logged {:?}", parts[missing]));
            let place =
                (0..N).find(|place| found[*place].is_none() && line.contains(parts[*place]));
            if let Some(place) = place {
                found[place] = Some(line);
            }
        }
        found.map(|line| line.expect("all were found"))
    }

    /// Waits until the daemon has logged a line with `part` in it. If it ends or says nothing
    /// for long, returns what it logged instead.
    pub fn logs(&mut self, part: &str) -> Result<String, String> {
        let mut seen = Vec::new();
        loop {
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(part) => return Ok(line),
                Ok(line) => seen.push(line),
                Err(error) => return Err(format!("{}\n({error})", seen.join("\n"))),
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns how many bytes the daemon has logged.
    pub fn logged(&self) -> usize {
        self.printed.lock().unwrap().len()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).unwrap());
        kill(pid, signal).unwrap();
    }

    /// Kills the daemon as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the daemon to end and waits, at most for `patience`.
    pub fn end_within(self, patience: Duration) -> Ended {
        self.end_by(Signal::SIGTERM, patience)
    }

    /// Sends a signal that ends the daemon and waits, at most for `patience`.
    pub fn end_by(mut self, signal: Signal, patience: Duration) -> Ended {
        self.signal(signal);
        let (sender, ended) = mpsc::channel();
        let mut child = std::mem::replace(&mut self.child, placeholder());
        let pid = child.id();
        thread::spawn(move || sender.send(child.wait()));
        let Ok(status) = ended.recv_timeout(patience) else {
            let _ = kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGKILL);
            panic!("the daemon didn't end within {patience:?}");
        };
        let status = status.unwrap();
        let log: Vec<String> = self.log.iter().collect();
        let (code, signal) = (status.code(), status.signal());
        Ended { code, signal, dumped_core: status.core_dumped(), log: log.join("\n") }
    }

    pub fn end(self) -> Ended {
        self.end_within(PATIENCE)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        while self.log.recv_timeout(PATIENCE).is_ok() {}
        canary::assert_none("the daemon's log", &self.printed.lock().unwrap());
    }
}

/// A child to put where another was taken from.
fn placeholder() -> Child {
    Command::new("true").spawn().unwrap()
}
