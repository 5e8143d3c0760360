//! What a machine is like, as far as tokend depends on it.

use std::{collections::BTreeMap, path::PathBuf};

use jiff::Timestamp;
use tokend_proto::v1::Reachability;

/// A machine.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// This program's version.
    pub version: String,
    /// What is wrong with tokend.toml, provider definitions and declared credentials.
    pub mistakes: Vec<String>,
    /// The state directory.
    pub state_dir: PathBuf,
    /// How the store is.
    pub store: StoreState,
    /// Where the store's key is, as in tokend.toml.
    pub key_source: String,
    /// Why the key can't be read, if it is a file's and can't be.
    pub key_problem: Option<String>,
    /// A key file beside the store that isn't the store's key any more.
    pub unused_key: Option<PathBuf>,
    /// The file system with the store.
    pub disk: Option<Disk>,
    /// The wall clock.
    pub now: Timestamp,
    /// When the store was last written.
    pub written_at: Option<Timestamp>,
    /// Whether the clock is kept by others'; `None` if nothing tells.
    pub synchronised: Option<bool>,
    /// The daemon's process.
    pub process: Option<Process>,
    /// What it says itself.
    pub daemon: Daemon,
    /// The sockets: callers' and operators'.
    pub sockets: Vec<SocketFile>,
    /// The group that may connect, and its members; `None` if there is no such group.
    pub group: Option<(String, Option<Vec<String>>)>,
    /// Whether there are certificates of authorities to believe.
    pub has_authorities: bool,
    /// What `systemctl show` says of tokend's unit; empty if systemd doesn't have it.
    pub unit: BTreeMap<String, String>,
    /// What `systemctl is-enabled` says of its sockets.
    pub socket_units: BTreeMap<String, String>,
    /// Copies of stores beside the store.
    pub leftovers: Vec<PathBuf>,
}

/// What a daemon says when it is asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Daemon {
    /// None runs.
    #[default]
    Absent,
    /// It can't be asked, and that is why.
    Silent(String),
    /// It has answered.
    Told(Box<Answers>),
}

/// What a daemon has answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answers {
    /// Its version.
    pub version: String,
    /// Whether its store waits for a passphrase.
    pub is_locked: bool,
    /// What is wrong by its own word.
    pub problems: Vec<String>,
    /// Whether providers can be reached, or why it can't say.
    pub providers: Result<Vec<Reachability>, String>,
}

/// How a store is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StoreState {
    /// A process has it; no other looks into it.
    Held(Holder),
    /// It is whole, and opens with the key if that could be read.
    Sound {
        /// How many credentials it has.
        credentials: u64,
        /// Whether the key was tried.
        key_fits: bool,
    },
    /// It can't be used, and that is why.
    Unusable(String),
    /// Nobody could look.
    #[default]
    Unseen,
}

/// Who has a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The process, if it is known.
    pub pid: Option<u32>,
}

/// A file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// How many bytes are free.
    pub free: u64,
    /// How many files can still be made.
    pub files: u64,
    /// How many bytes the store has.
    pub store: u64,
}

/// A process, as `/proc` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// What it runs.
    pub program: String,
    /// How much of its memory is locked, in KiB.
    pub locked: Option<u64>,
    /// How much it has in memory, in KiB.
    pub resident: Option<u64>,
    /// Who traces it; 0 for no one.
    pub tracer: Option<u32>,
    /// Whether it may dump core.
    pub dumps_core: Option<bool>,
    /// How many descriptors it has open, and may have.
    pub descriptors: Option<(u64, u64)>,
}

/// A socket's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketFile {
    /// Where it should be.
    pub path: PathBuf,
    /// Its permissions, if it is there and may be seen.
    pub mode: Option<u32>,
    /// Whether someone listens; `None` if this process may not know.
    pub is_heard: Option<bool>,
}
