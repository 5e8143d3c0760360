//! Looks at a machine.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use jiff::Timestamp;
use nix::unistd::Group;

use super::{Disk, Finding, Holder, Machine, Process, SocketFile, StoreState, ask};
use crate::{
    clock::{NoBootId, SystemClock},
    config::Config,
    daemon, init,
    ports::{Clock as _, Mistake},
    socket,
    store::{self, CREDENTIAL, DATABASE, Key, KeySource, OpenError},
};

/// The service of the machine's systemd.
const UNIT: &str = "tokend.service";

/// The sockets of the machine's systemd.
const SOCKETS: [&str; 3] = ["tokend.socket", "tokend-admin.socket", "tokend-credentials.socket"];

/// Where systems keep the certificates of authorities.
const AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Looks at this machine. Root looks into the store as the user whose it is, from then on.
///
/// # Errors
///
/// Fails if this isn't a whole machine.
///
/// # Panics
///
/// Panics in a runtime of tokio's: it has one of its own.
pub fn gather(config: &Config) -> Result<Machine, NoBootId> {
    let now = SystemClock::new()?.now().wall;
    let state = &config.state_dir;
    let database = state.join(DATABASE);
    let written_at = fs::metadata(&database).and_then(|it| it.modified()).ok();
    let key = match &config.key {
        // Another user's tells nothing of whether it is any good.
        KeySource::File(path) if is_closed(path) => None,
        KeySource::File(path) => Some(Key::read(path)),
        // Only its unit is handed that, or a person knows it.
        KeySource::Credential { .. } | KeySource::Passphrase => None,
    };
    let default_key = state.join("key");
    let is_unused = !matches!(&config.key, KeySource::File(path) if *path == default_key);
    let has_default_key = default_key.exists();
    let mut machine = Machine {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        mistakes: mistakes(config),
        state_dir: state.clone(),
        key_source: config.key.to_string(),
        key_problem: key.as_ref().and_then(|key| key.as_ref().err()).map(|it| daemon::chain(it)),
        unused_key: (is_unused && has_default_key).then_some(default_key),
        disk: disk(state, &database).ok(),
        now,
        written_at: written_at.and_then(|time| Timestamp::try_from(time).ok()),
        synchronised: said("timedatectl", &["show", "--property=NTPSynchronized", "--value"])
            .map(|text| text.trim() == "yes"),
        process: holder(state).and_then(process),
        sockets: [socket::CALLERS, socket::OPERATORS]
            .map(|name| socket_file(config.runtime_dir.join(name)))
            .into(),
        group: config.socket_group.as_ref().map(|name| (name.clone(), members(name))),
        has_authorities: std::env::var_os("SSL_CERT_FILE").is_some()
            || AUTHORITIES.iter().any(|path| Path::new(path).exists()),
        leftovers: store::leftovers(state),
        ..Machine::default()
    };
    if config.is_system {
        let show = ["show", UNIT, "--no-pager"];
        machine.unit = said("systemctl", &show).map(|text| settings(&text)).unwrap_or_default();
        if machine.unit.get("LoadState").is_some_and(|state| state == "loaded") {
            let enabled = |name: &str| said("systemctl", &["is-enabled", name]);
            machine.socket_units = SOCKETS
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), enabled(name)?.trim().to_owned())))
                .collect();
        }
        // By default it is the unit's, which a shell isn't handed.
        let is_missing = !is_unused && !has_default_key;
        if is_missing
            && said("systemctl", &["cat", UNIT]).is_some_and(|text| hands_over(&text, CREDENTIAL))
        {
            machine.key_source = format!("credential:{CREDENTIAL}");
            machine.key_problem = None;
        }
    }
    // Who connects to systemd's sockets starts tokend, and nothing is to change.
    if machine.process.is_some() {
        machine.daemon = ask::ask(&config.runtime_dir.join(socket::OPERATORS));
    }
    machine.store = look(config, key.and_then(Result::ok).as_ref());
    Ok(machine)
}

fn is_closed(path: &Path) -> bool {
    fs::File::open(path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// Reads all that a start would read, and returns what is wrong with it.
fn mistakes(config: &Config) -> Vec<String> {
    let config = config.clone();
    let mistakes = daemon::check(move || Ok(config.clone())).err().unwrap_or_default();
    mistakes.iter().map(in_a_line).collect()
}

/// Says what is found where tokend.toml can't be read, so that nobody knows where the rest is.
pub fn unreadable(mistakes: &[Mistake]) -> Vec<Finding> {
    let told = mistakes.iter().map(|it| Finding::error("configuration", in_a_line(it)));
    let rest = Finding::warn(
        "configuration",
        "without it nobody knows where the rest is: nothing else was looked at",
        "mend it, and run this again",
    );
    told.chain([rest]).collect()
}

/// The line that is wrong is left out, as there may be several.
fn in_a_line(mistake: &Mistake) -> String {
    mistake.to_string().lines().next().unwrap_or_default().to_owned()
}

/// Looks into the store, as its user.
fn look(config: &Config, key: Option<&Key>) -> StoreState {
    let path = config.state_dir.join(DATABASE);
    if path.try_exists().is_ok_and(|exists| !exists) {
        // There is nobody whose it is.
        return StoreState::Unusable(OpenError::Missing { path }.to_string());
    }
    if let Err(error) = init::act_as_owner(config) {
        return StoreState::Unusable(crate::daemon::chain(&error));
    }
    match store::examine(&config.state_dir, key) {
        Ok(contents) => {
            StoreState::Sound { credentials: contents.credentials, key_fits: key.is_some() }
        }
        Err(OpenError::InUse { pid, .. }) => StoreState::Held(Holder { pid }),
        Err(OpenError::Io { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {
            StoreState::Unseen
        }
        Err(error) => StoreState::Unusable(error.to_string()),
    }
}

fn disk(state: &Path, database: &Path) -> io::Result<Disk> {
    let about = rustix::fs::statvfs(state)?;
    let store = fs::metadata(database).map(|metadata| metadata.len()).unwrap_or_default();
    Ok(Disk { free: about.f_bavail * about.f_frsize, files: about.f_favail, store })
}

/// Returns the process that has written its number into the store's lock, if it is a tokend.
fn holder(state: &Path) -> Option<u32> {
    let text = fs::read_to_string(state.join("tokend.lock")).ok()?;
    let pid = text.trim().parse().ok()?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    (name.trim() == "tokend").then_some(pid)
}

fn process(pid: u32) -> Option<Process> {
    let read = |what: &str| fs::read_to_string(format!("/proc/{pid}/{what}")).ok();
    let status = read("status")?;
    let limits = read("limits").unwrap_or_default();
    let program = fs::read_link(format!("/proc/{pid}/exe"));
    let open = fs::read_dir(format!("/proc/{pid}/fd")).map(Iterator::count).ok();
    let open = open.and_then(|open| u64::try_from(open).ok());
    Some(Process {
        pid,
        program: program.map_or_else(|_| "tokend".to_owned(), |path| path.display().to_string()),
        locked: number(&status, "VmLck:"),
        resident: number(&status, "VmRSS:"),
        tracer: number(&status, "TracerPid:").and_then(|pid| pid.try_into().ok()),
        dumps_core: limit(&limits, "Max core file size").map(|limit| limit != "0"),
        descriptors: open.zip(limit(&limits, "Max open files").and_then(|it| it.parse().ok())),
    })
}

/// Reads a number of `/proc/PID/status` (`proc_pid_status(5)`).
pub(super) fn number(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Reads a soft limit of `/proc/PID/limits` (`proc_pid_limits(5)`).
pub(super) fn limit<'a>(limits: &'a str, name: &str) -> Option<&'a str> {
    limits.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()
}

fn socket_file(path: PathBuf) -> SocketFile {
    let metadata = fs::metadata(&path).ok().filter(|it| it.file_type().is_socket());
    // Whoever connects to a socket of systemd's starts tokend.
    let listening = fs::read_to_string("/proc/net/unix").ok();
    let is_listed = listening.is_some_and(|table| is_heard(&table, &path));
    let is_heard = if is_listed { Some(true) } else { answers(&path) };
    SocketFile { path, mode: metadata.map(|it| it.mode() & 0o777), is_heard }
}

/// Tells whether someone listens whom the kernel doesn't list: in a container, say.
fn answers(path: &Path) -> Option<bool> {
    match UnixStream::connect(path) {
        Ok(_) => Some(true),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
        Err(_) => Some(false),
    }
}

/// Finds a listening socket in `/proc/net/unix` (`proc_net(5)`; `__SO_ACCEPTCON` is 1 << 16).
pub(super) fn is_heard(table: &str, path: &Path) -> bool {
    table.lines().any(|line| {
        let mut fields = line.split_ascii_whitespace().skip(3);
        let flags = fields.next().and_then(|flags| u32::from_str_radix(flags, 16).ok());
        let listens = flags.is_some_and(|flags| flags & (1 << 16) != 0);
        listens && fields.nth(3).is_some_and(|listed| Path::new(listed) == path)
    })
}

/// Returns who is in a group, as the system's files and directories list them.
fn members(name: &str) -> Option<Vec<String>> {
    Group::from_name(name).ok().flatten().map(|group| group.mem)
}

/// Reads what `systemctl show` prints.
pub(super) fn settings(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Tells whether a unit is handed a credential, by the files that `systemctl cat` prints.
pub(super) fn hands_over(files: &str, name: &str) -> bool {
    let settings = files.lines().filter_map(|line| line.trim().split_once('='));
    let mut handed: Vec<(&str, &str)> = Vec::new();
    for (setting, value) in settings {
        if !matches!(
            setting,
            "LoadCredential" | "LoadCredentialEncrypted" | "SetCredentialEncrypted"
        ) {
            continue;
        }
        if value.is_empty() {
            // It takes back what was said before.
            handed.retain(|(earlier, _)| *earlier != setting);
        } else {
            handed.push((setting, value.split(':').next().unwrap_or_default()));
        }
    }
    handed.iter().any(|(_, own)| *own == name)
}

/// Returns what a program of the system's prints; `None` if it isn't there or says nothing.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok()?;
    String::from_utf8(output.stdout).ok().filter(|text| !text.trim().is_empty())
}
