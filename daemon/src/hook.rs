//! Runs the program by which people hear that a login is needed: `on_login_needed` in
//! tokend.toml.

use std::{
    env,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use arc_swap::ArcSwap;
use tokend_provider::{Ended, Program};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tracing::{error, info, warn};
use zeroize::Zeroizing;

use crate::{
    apart,
    ports::{LoginNeeded, Notices},
    program::{self, ProgramError, Surroundings},
};

/// The key in tokend.toml.
const KEY: &str = "on_login_needed";

/// How long one run may take: nobody waits for it.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How many runs there are at once.
const AT_ONCE: usize = 4;

/// How many credentials can wait for their turn.
const MOST_WAITING: usize = 1_024;

/// How much of what it prints is logged: enough for its first words.
const MOST_LOGGED: usize = 1_024;

/// What of the daemon's surroundings is passed on: what it takes to reach a desktop.
const PASSED: [&str; 7] = [
    "PATH",
    "HOME",
    "LANG",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XDG_RUNTIME_DIR",
];

/// Tells people, on a thread of its own.
#[derive(Debug)]
pub struct Hook {
    command: Arc<ArcSwap<Vec<String>>>,
    notices: Notices,
    end: oneshot::Sender<()>,
    thread: thread::JoinHandle<()>,
}

/// The program isn't run.
#[derive(Debug, thiserror::Error)]
enum HookError {
    #[error("there is no {0} in PATH: name the program by its absolute path")]
    NotInPath(String),
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error("it was killed by a signal")]
    Killed,
    #[error("it failed with exit code {0}")]
    Failed(i32),
}

impl Hook {
    /// Starts the thread. `command` is the program and its arguments.
    pub fn spawn(command: Vec<String>) -> io::Result<Self> {
        let command = Arc::new(ArcSwap::from_pointee(command));
        let current = Arc::clone(&command);
        let (notices, queue) = mpsc::channel(MOST_WAITING);
        let (end, ended) = oneshot::channel();
        let thread = apart::spawn("hook", move || async move {
            tokio::select! {
                () = serve(&current, queue) => {}
                // It is dropped, and all that runs with the other branch.
                _ = ended => {}
            }
        })?;
        Ok(Self { command, notices, end, thread })
    }

    /// Has another program tell people from now on; none, if it is empty.
    pub fn change(&self, command: Vec<String>) {
        self.command.store(Arc::new(command));
    }

    /// Returns where it hears of what people are to hear of.
    pub fn notices(&self) -> Notices {
        self.notices.clone()
    }

    /// Ends the thread; what still runs is killed.
    pub fn finish(self) {
        drop((self.notices, self.end));
        if self.thread.join().is_err() {
            error!("the hook's thread has panicked");
        }
    }
}

/// Returns what keeps a command from being run, if it is known beforehand.
pub fn problem(command: &[String]) -> Option<String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = find(command.first().map_or("", String::as_str), &path);
    let checked = found.and_then(|program| Ok(program::check(&program)?));
    checked.err().map(|error| format!("{KEY} in tokend.toml can't be run: {error}"))
}

async fn serve(command: &ArcSwap<Vec<String>>, mut queue: mpsc::Receiver<LoginNeeded>) {
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            notice = queue.recv(), if running.len() < AT_ONCE => match notice {
                Some(notice) => {
                    let command = command.load_full();
                    if !command.is_empty() {
                        running.spawn(tell(command, notice));
                    }
                }
                None => return,
            },
            Some(ended) = running.join_next() => {
                if let Err(problem) = ended {
                    error!("running {KEY} failed: {problem}");
                }
            }
        }
    }
}

async fn tell(command: Arc<Vec<String>>, notice: LoginNeeded) {
    let name = notice.name.clone();
    let told = match run(&command, &notice, &surroundings(&notice)).await {
        Ok(ended) => {
            let output = printed(&ended);
            match ended.code {
                Some(0) => return info!(credential = %name, output, "{KEY} was run"),
                Some(code) => (HookError::Failed(code), output),
                None => (HookError::Killed, output),
            }
        }
        Err(error) => (error, None),
    };
    let (error, output) = told;
    warn!(
        credential = %name, output,
        "{KEY} didn't tell that a login is needed: {error}; run its command by hand, and mend \
         it in tokend.toml"
    );
}

async fn run(
    command: &[String],
    notice: &LoginNeeded,
    surroundings: &Surroundings,
) -> Result<Ended, HookError> {
    let path = surroundings.get("PATH").cloned().unwrap_or_default();
    let (first, rest) = command.split_first().map_or(("", command), |(f, r)| (f.as_str(), r));
    let program = find(first, &path)?.display().to_string();
    let program = Program {
        command: [program].into_iter().chain(rest.iter().cloned()).collect(),
        input: Zeroizing::default(),
        timeout: TIMEOUT,
    };
    tracing::debug!(credential = %notice.name, program = program.command[0], "{KEY} is run");
    Ok(program::run_within(&program, surroundings).await?)
}

/// Finds a program as a shell would: by its path, or by its name in the directories of
/// `PATH`.
fn find(program: &str, path: &OsString) -> Result<PathBuf, HookError> {
    if program.contains('/') {
        return Ok(program.into());
    }
    let places = env::split_paths(path).filter(|place| place.is_absolute());
    let mut files = places.map(|place| place.join(program)).filter(|file| Path::is_file(file));
    files.next().ok_or_else(|| HookError::NotInPath(program.to_owned()))
}

fn surroundings(LoginNeeded { name, command, message }: &LoginNeeded) -> Surroundings {
    let passed = PASSED.into_iter().filter_map(|key| Some((key, env::var_os(key)?)));
    let own = [
        ("TOKEND_CREDENTIAL", name.to_string()),
        ("TOKEND_MESSAGE", plain(message)),
        ("TOKEND_COMMAND", command.clone()),
    ];
    passed.chain(own.map(|(key, value)| (key, value.into()))).collect()
}

/// Returns the beginning of what a program has printed, on one line.
fn printed(ended: &Ended) -> Option<String> {
    let all = [&ended.errors[..], &ended.output[..]].concat();
    let text = plain(&String::from_utf8_lossy(&all[..all.len().min(MOST_LOGGED)]));
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Returns a text without what terminals and environments don't take.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
