//! What the state of a machine means.

use std::{path::Path, time::Duration};

use tokend_core::after;

use super::{Finding, Machine, StoreState, provider};

/// All of them, in the order in which they are told.
pub(super) const ALL: [fn(&Machine) -> Vec<Finding>; 13] = [
    configuration,
    store,
    key,
    disk,
    clock,
    process,
    provider::daemon,
    provider::providers,
    descriptors,
    sockets,
    authorities,
    unit,
    leftovers,
];

/// A store of a few credentials grows by less in a year.
const LITTLE: u64 = 64 << 20;

/// Below this SQLite's log has no room.
const NOTHING: u64 = 4 << 20;

fn configuration(machine: &Machine) -> Vec<Finding> {
    if machine.mistakes.is_empty() {
        return vec![Finding::ok("configuration", "nothing is wrong with it")];
    }
    machine.mistakes.iter().map(|problem| Finding::error("configuration", problem)).collect()
}

fn store(machine: &Machine) -> Vec<Finding> {
    let state = machine.state_dir.display();
    vec![match &machine.store {
        StoreState::Held(holder) => {
            let by = holder.pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
            Finding::ok("store", format!("{state} is in use by tokend{by}, which checks it itself"))
        }
        StoreState::Sound { credentials, .. } => {
            Finding::ok("store", format!("{state} is whole; credentials: {credentials}"))
        }
        StoreState::Unusable(problem) => Finding::error("store", problem),
        StoreState::Unseen => {
            Finding::warn("store", format!("{state} is closed to this user"), "run this as root")
        }
    }]
}

fn key(machine: &Machine) -> Vec<Finding> {
    let source = &machine.key_source;
    let mut findings = vec![match (&machine.key_problem, &machine.store) {
        (Some(problem), _) => Finding::error("key", problem),
        (None, StoreState::Sound { key_fits: true, .. }) => {
            Finding::ok("key", format!("{source} opens the store"))
        }
        (None, StoreState::Held(_)) => Finding::ok("key", format!("{source} is configured")),
        _ => Finding::ok("key", format!("{source} can't be tried from here")),
    }];
    if let Some(unused) = &machine.unused_key {
        let unused = unused.display();
        findings.push(Finding::warn(
            "key",
            format!("{unused} isn't the store's key any more, and opens older backups"),
            format!("keep it where they aren't, and `shred --remove {unused}`"),
        ));
    }
    findings
}

fn disk(machine: &Machine) -> Vec<Finding> {
    let Some(disk) = machine.disk else { return Vec::new() };
    let state = machine.state_dir.display();
    let left = format!("{} MiB are left for {state}", disk.free >> 20);
    // A backup and a copy before an upgrade take as much as the store has.
    let wanted = LITTLE.max(2 * disk.store);
    vec![if disk.free < NOTHING || disk.files == 0 {
        Finding::fail(
            "disk",
            left,
            "free some: nothing can be asked for that can't be written down",
        )
    } else if disk.free < wanted || disk.files < 100 {
        Finding::warn("disk", left, "free some: an upgrade or a backup may find no room")
    } else {
        Finding::ok("disk", left)
    }]
}

fn clock(machine: &Machine) -> Vec<Finding> {
    let set = "set it right before tokend starts, by chrony or systemd-timesyncd";
    if let Some(written_at) = machine.written_at
        && written_at > after(machine.now, Duration::from_secs(60))
    {
        let what = format!("it is {}, and the store was written at {written_at}", machine.now);
        return vec![Finding::fail("clock", what, set)];
    }
    vec![match machine.synchronised {
        Some(true) => Finding::ok("clock", "it is kept by a time server"),
        Some(false) => Finding::warn("clock", "it isn't kept by a time server", set),
        None => Finding::ok("clock", "nothing tells whether it is kept by a time server"),
    }]
}

fn process(machine: &Machine) -> Vec<Finding> {
    let Some(process) = &machine.process else {
        let unseen = "its memory, and whether providers can be reached, weren't looked at";
        let (what, remedy) = match machine.store {
            StoreState::Held(_) => {
                (format!("its process can't be seen from here: {unseen}"), "run this where it runs")
            }
            StoreState::Unseen => {
                (format!("whether it runs is hidden from this user: {unseen}"), "run this as root")
            }
            StoreState::Sound { .. } | StoreState::Unusable(_) => (
                format!("it doesn't run: {unseen}"),
                "`systemctl start tokend`, and run this again",
            ),
        };
        return vec![Finding::warn("daemon", what, remedy)];
    };
    let pid = process.pid;
    let mut findings = vec![if process.program.ends_with(" (deleted)") {
        Finding::warn(
            "daemon",
            format!("pid {pid} runs a program that was replaced since"),
            "`systemctl restart tokend`: no call is lost",
        )
    } else {
        Finding::ok("daemon", format!("pid {pid} runs {}", process.program))
    }];
    match (process.locked, process.resident) {
        (Some(locked), Some(resident)) if locked < resident / 2 => findings.push(Finding::warn(
            "memory",
            format!("{locked} KiB of {resident} are kept out of swap space"),
            "let its unit say LimitMEMLOCK=infinity, or encrypt the swap space",
        )),
        (Some(_), Some(_)) => {
            findings.push(Finding::ok("memory", "all of it is kept out of swap space"));
        }
        _ => {}
    }
    if process.dumps_core == Some(true) {
        let remedy = "let its unit say LimitCORE=0";
        findings.push(Finding::warn("memory", "core dumps would have secrets in them", remedy));
    }
    if let Some(tracer) = process.tracer.filter(|tracer| *tracer != 0) {
        let what = format!("pid {tracer} reads its memory");
        findings.push(Finding::fail("memory", what, "find out what that is, and end it"));
    }
    findings
}

fn descriptors(machine: &Machine) -> Vec<Finding> {
    let Some((open, most)) = machine.process.as_ref().and_then(|it| it.descriptors) else {
        return Vec::new();
    };
    let what = format!("{open} of {most} are open");
    vec![if open * 10 > most * 8 {
        let remedy = "let its unit say a larger LimitNOFILE=, or have programs share a connection";
        Finding::warn("descriptors", what, remedy)
    } else {
        Finding::ok("descriptors", what)
    }]
}

fn sockets(machine: &Machine) -> Vec<Finding> {
    let mut findings: Vec<_> = machine
        .sockets
        .iter()
        .map(|socket| {
            let path = socket.path.display();
            match (socket.mode, socket.is_heard) {
                (None, None) => {
                    let what = format!("{path} is closed to this user");
                    Finding::warn("socket", what, "run this as root")
                }
                // Its directory is closed; the kernel lists it all the same.
                (None, Some(true)) => Finding::ok("socket", format!("{path} is served")),
                (None, Some(false)) => Finding::fail(
                    "socket",
                    format!("{path} isn't there"),
                    "`systemctl start tokend.socket tokend-admin.socket`, or start tokend",
                ),
                (Some(_), Some(false)) => {
                    let what = format!("nobody listens at {path}");
                    Finding::fail("socket", what, "start tokend")
                }
                (Some(mode), _) if mode & 0o002 != 0 => Finding::warn(
                    "socket",
                    format!("everyone may connect to {path} (mode {mode:04o})"),
                    "let its unit say SocketMode=0660",
                ),
                (Some(mode), Some(true)) => {
                    Finding::ok("socket", format!("{path} is served (mode {mode:04o})"))
                }
                (Some(mode), None) => {
                    Finding::ok("socket", format!("{path} is there (mode {mode:04o})"))
                }
            }
        })
        .collect();
    match &machine.group {
        Some((group, None)) => {
            let remedy = format!("`sudo groupadd --system {group}`, then restart tokend");
            findings.push(Finding::warn("group", format!("there is no group {group}"), remedy));
        }
        Some((group, Some(members))) if members.is_empty() => findings.push(Finding::warn(
            "group",
            format!("{group} has no members, unless it is somebody's primary group"),
            format!("`sudo usermod -aG {group} USER` lets a user connect"),
        )),
        Some((group, Some(members))) => {
            findings.push(Finding::ok("group", format!("{group}: {}", members.join(", "))));
        }
        None => {}
    }
    findings
}

fn authorities(machine: &Machine) -> Vec<Finding> {
    vec![if machine.has_authorities {
        Finding::ok("certificates", "there are authorities to believe")
    } else {
        let remedy = "install ca-certificates, or set SSL_CERT_FILE for tokend";
        Finding::fail(
            "certificates",
            "no provider can be believed: there are no authorities",
            remedy,
        )
    }]
}

/// Settings of the unit that tokend depends on: what they have to be, and why.
const SETTINGS: [(&str, &str, &str); 5] = [
    ("PrivateUsers", "no", "it hides who callers are"),
    ("StartLimitIntervalUSec", "0", "tokend has to come back however often it ends"),
    ("LimitMEMLOCK", "infinity", "secrets would get into swap space"),
    ("NoNewPrivileges", "yes", "programs that it runs could become another user's"),
    ("LimitCORE", "0", "core dumps would have secrets in them"),
];

fn unit(machine: &Machine) -> Vec<Finding> {
    let unit = &machine.unit;
    if unit.get("LoadState").is_none_or(|state| state != "loaded") {
        return Vec::new();
    }
    let drop_ins = unit.get("DropInPaths").map(String::as_str).unwrap_or_default();
    let mut findings = Vec::new();
    for (name, wanted, why) in SETTINGS {
        match unit.get(name) {
            Some(value) if value != wanted => {
                let place = if drop_ins.is_empty() { "`systemctl cat tokend`" } else { drop_ins };
                let what = format!("tokend.service has {name}={value}: {why}");
                let remedy = format!("make it {name}={wanted} again; see {place}");
                findings.push(Finding::warn("unit", what, remedy));
            }
            _ => {}
        }
    }
    // systemd writes what is off in one of these ways.
    if unit.get("WatchdogUSec").is_some_and(|value| value == "0" || value == "infinity") {
        let what = "tokend.service has no watchdog: a tokend that hangs isn't started anew";
        findings.push(Finding::warn("unit", what, "let it say WatchdogSec=30s"));
    }
    if unit.get("NeedDaemonReload").is_some_and(|value| value == "yes") {
        let remedy = "`sudo systemctl daemon-reload`, then restart tokend";
        findings.push(Finding::warn("unit", "its file has changed since it was read", remedy));
    }
    for (name, state) in &machine.socket_units {
        if state != "enabled" {
            let remedy = format!("`sudo systemctl enable --now {name}`");
            findings.push(Finding::warn("unit", format!("{name} is {state}"), remedy));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok("unit", "tokend.service and its sockets are set up"));
    }
    findings
}

fn leftovers(machine: &Machine) -> Vec<Finding> {
    let name = |path: &Path| path.display().to_string();
    let found = machine.leftovers.iter().map(|path| {
        let what = format!("{} holds what was removed since", name(path));
        Finding::warn("copies", what, "remove it once you don't need it")
    });
    found.collect()
}
