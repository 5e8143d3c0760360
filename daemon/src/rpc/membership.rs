//! Which groups and which unit a process belongs to, found out while it is sure to be the one
//! that connected.

use std::{
    fs::File,
    io::{self, Read as _},
    os::fd::OwnedFd,
};

use nix::{
    errno::Errno,
    sys::socket::{getsockopt, sockopt::PeerPidfd},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};
use tokio::net::UnixStream;

use crate::credential::is_service;

/// Where the unified hierarchy is among those of `/proc/PID/cgroup` (cgroups(7)).
const UNIFIED: &str = "0::/";

/// Where processes are looked for: tokend's own unit hides those of others in `/proc`
/// (`ProtectProc=`, systemd.exec(5)) and shows them elsewhere.
const PROCESSES: [&str; 2] = ["/proc", "/run/tokend.proc"];

/// How much the kernel tells of a process in general, at most, in bytes.
const USUAL: usize = 4_096;

/// What units are called that hold others.
const SLICE: &str = ".slice";

/// What a process belongs to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Membership {
    /// Its supplementary groups.
    pub(super) groups: Vec<u32>,
    /// The service that it is part of, if it is of one.
    pub(super) unit: Option<String>,
}

/// The life of a process, to which its number is given only as long as it lasts.
struct Life(OwnedFd);

impl Membership {
    /// Reads what the process `pid` at the other end belongs to, unless it has become another
    /// user's or has ended.
    pub(super) fn of(stream: &UnixStream, pid: i32, uid: u32, own_uid: u32) -> Option<Self> {
        let life = Life::of(stream, pid)?;
        let read = |file| {
            let paths = PROCESSES.map(|place| format!("{place}/{pid}/{file}"));
            paths.iter().find_map(|path| contents(path).ok())
        };
        let groups = groups(&read("status")?, uid)?;
        let cgroups = read("cgroup").unwrap_or_default();
        let unit = unit(&cgroups, own_uid).map(str::to_owned);
        life.goes_on().then_some(Self { groups, unit })
    }
}

impl Life {
    /// Takes hold of the process that connected. A kernel before Linux 6.5 can't say which that
    /// was (`SO_PEERPIDFD`, unix(7)): there it is the one that has its number by now.
    fn of(stream: &UnixStream, pid: i32) -> Option<Self> {
        match getsockopt(stream, PeerPidfd) {
            Ok(life) => Some(Self(life)),
            Err(Errno::ENOPROTOOPT) => {
                let pid = Pid::from_raw(pid)?;
                pidfd_open(pid, PidfdFlags::empty()).ok().map(Self)
            }
            // It has ended.
            Err(_) => None,
        }
    }

    /// Tells whether it hasn't ended: `pidfd_open(2)` has it readable from then on.
    fn goes_on(&self) -> bool {
        let mut ends = [PollFd::new(&self.0, PollFlags::IN)];
        poll(&mut ends, Some(&Timespec::default())) == Ok(0)
    }
}

/// Reads a file of the kernel's, which says that it is empty: whoever goes by that reads it in many
/// small pieces.
fn contents(path: &str) -> io::Result<String> {
    let mut file = File::open(path)?;
    let (mut text, mut length) = (vec![0; USUAL], 0);
    loop {
        match file.read(&mut text[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if length == text.len() {
            text.resize(2 * length, 0);
        }
    }
    text.truncate(length);
    String::from_utf8(text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Takes the groups from `/proc/PID/status` if the process is `uid`'s: groups that came with
/// another user mustn't count.
fn groups(status: &str, uid: u32) -> Option<Vec<u32>> {
    let line = |key: &str| status.lines().find_map(|line| line.strip_prefix(key));
    let numbers = |text: &str| -> Option<Vec<u32>> {
        text.split_whitespace().map(|number| number.parse().ok()).collect()
    };
    let uids = numbers(line("Uid:")?)?;
    if uids.iter().all(|id| *id == uid) { numbers(line("Groups:")?) } else { None }
}

/// Takes the service from `/proc/PID/cgroup`.
///
/// The machine's systemd puts each unit below slices. What is below the unit has been named by
/// whoever it was handed to: a container, a user's own systemd. So only the first name below
/// slices counts; but what the daemon's own user calls its units is as good as root's word, since
/// that user reads everything.
fn unit(cgroups: &str, own_uid: u32) -> Option<&str> {
    let path = cgroups.lines().find_map(|line| line.strip_prefix(UNIFIED))?;
    let mut below_slices = path.split('/').skip_while(|name| name.ends_with(SLICE));
    let first = below_slices.next()?;
    let name = if first == format!("user@{own_uid}.service") {
        below_slices.find(|name| !name.ends_with(SLICE)).unwrap_or(first)
    } else {
        first
    };
    // systemd puts this in front of names that mean something to the kernel.
    let name = name.strip_prefix('_').unwrap_or(name);
    is_service(name).then_some(name)
}

/// Reads a text as each of the two.
///
/// # Panics
///
/// It does if what is taken for a service is no name of one.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn read(text: &str, uid: u32) {
    let _ = groups(text, uid);
    if let Some(unit) = unit(text, uid) {
        assert!(is_service(unit) && text.contains(unit));
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixStream as Blocking, process::Command};

    use super::*;

    const STATUS: &str = "Name:\tcat\nUid:\t1000\t1000\t1000\t1000\n\
                          Gid:\t1000\t1000\t1000\t1000\nGroups:\t4 27 1000 \nVmPeak:\t1 kB\n";

    #[test]
    fn any_text_is_read_or_not() {
        for end in 0..STATUS.len() {
            read(&STATUS[..end], 1000);
            read(&format!("0::/{}", &STATUS[end..]), 1000);
        }
    }

    #[test]
    fn groups_are_read_from_the_process_status() {
        assert_eq!(groups(STATUS, 1000), Some(vec![4, 27, 1000]));
    }

    #[test]
    fn groups_of_another_users_process_do_not_count() {
        assert_eq!(groups(STATUS, 1001), None);
        let setuid = STATUS.replace("Uid:\t1000\t1000", "Uid:\t1000\t0");
        assert_eq!(groups(&setuid, 1000), None);
    }

    #[test]
    fn garbage_gives_no_groups() {
        for garbage in ["", "Uid:", "Uid:\t1000", "Uid:\tx\nGroups:\t1", "Groups:\t1"] {
            assert_eq!(groups(garbage, 1000), None, "{garbage:?}");
        }
    }

    #[test]
    fn a_unit_is_what_the_machines_systemd_calls_it() {
        for (path, expected) in [
            ("/system.slice/reports.service", Some("reports.service")),
            ("/system.slice/system-worker.slice/worker@1.service", Some("worker@1.service")),
            ("/ci.slice/ci-build.slice/build.service/main/deep", Some("build.service")),
            ("/reports.service", Some("reports.service")),
            ("/system.slice/_cpu.service", Some("cpu.service")),
            ("/system.slice/__a.service", Some("_a.service")),
            // What others have named.
            ("/user.slice/user-1000.slice/user@1000.service/app.slice/reports.service", {
                Some("user@1000.service")
            }),
            ("/system.slice/build.service/system.slice/reports.service", Some("build.service")),
            ("/machine.slice/machine-x.scope/system.slice/reports.service", None),
            ("/system.slice/docker-0123.scope/reports.service", None),
            ("/docker/0123/system.slice/reports.service", None),
            ("/lxc.payload.x/reports.service", None),
            ("/../system.slice/reports.service", None),
            ("/user.slice/user-1000.slice/session-3.scope", None),
            // No unit of systemd's, or none any more.
            ("/system.slice/reports.service (deleted)", None),
            ("/system.slice/re ports.service", None),
            ("/system.slice/worker@.service", None),
            ("/system.slice", None),
            ("/init.scope", None),
            ("/", None),
        ] {
            assert_eq!(unit(&format!("0::{path}\n"), 990), expected, "{path}");
        }
    }

    #[test]
    fn the_daemons_own_users_units_have_names_of_their_own() {
        let line = "0::/user.slice/user-1000.slice/user@1000.service";
        let slice = "app.slice/app-report.slice";
        for (below, expected) in [
            ("/app.slice/report.service", Some("report.service")),
            (&format!("/{slice}/report@1.service/x"), Some("report@1.service")),
            ("/init.scope", None),
            ("/app.slice", Some("user@1000.service")),
            ("", Some("user@1000.service")),
        ] {
            assert_eq!(unit(&format!("{line}{below}\n"), 1_000), expected, "{below}");
        }
    }

    #[test]
    fn older_hierarchies_and_garbage_name_no_unit() {
        let older = "1:name=systemd:/system.slice/reports.service\n";
        for text in ["", "0", "0::", "garbage", older] {
            assert_eq!(unit(text, 990), None, "{text:?}");
        }
        let both = format!("{older}0::/system.slice/build.service\n");
        assert_eq!(unit(&both, 990), Some("build.service"));
    }

    fn asynchronous(stream: Blocking) -> UnixStream {
        stream.set_nonblocking(true).unwrap();
        UnixStream::from_std(stream).unwrap()
    }

    #[tokio::test]
    async fn what_is_read_of_a_process_counts_while_it_lives() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        // Another process connects and hands nothing on but the end of the connection.
        let script = "import socket, sys; s = socket.socket(socket.AF_UNIX); \
                      s.connect(sys.argv[1]); sys.stdin.read()";
        let mut python = Command::new("python3");
        let python = python.arg("-c").arg(script).arg(&path);
        let mut child = python.stdin(std::process::Stdio::piped()).spawn().unwrap();
        let stream = asynchronous(listener.accept().unwrap().0);
        let (pid, uid) = (child.id().cast_signed(), rustix::process::geteuid().as_raw());
        let life = Life::of(&stream, pid).unwrap();
        assert!(life.goes_on());
        assert!(Membership::of(&stream, pid, uid, uid).is_some());
        assert_eq!(Membership::of(&stream, pid, uid + 1, uid), None, "another user's");
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(!life.goes_on());
        // Its number may be anyone's by now, this process', say.
        let own = std::process::id().cast_signed();
        assert_eq!(Membership::of(&stream, own, uid, uid), None);
    }
}
