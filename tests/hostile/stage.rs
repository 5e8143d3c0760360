//! A daemon that any user can connect to, and who they are.

#![allow(dead_code, reason = "tests and the measurement use a part each")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
    thread,
};

use rustix::{
    process::{Resource, Rlimit, Uid, geteuid, getrlimit, setrlimit},
    thread::set_thread_res_uid,
};

use crate::support::{Daemon, Place, provider::Provider};

const SECRET: &str = "s3cret-Horse_Battery";
pub(crate) const TOKEN: &[u8] = b"token-1-c0ffee";

pub(crate) const ANN: u32 = 54_321;
pub(crate) const EVE: u32 = 54_322;

/// Starts a daemon that any user can connect to, with a token for Ann and Eve, and few descriptors.
pub(crate) fn start(place: &Place, provider: &Provider) -> Daemon {
    let daemon = place.start_with(|command| {
        let tokend = std::mem::replace(command, Command::new("sh"));
        command.args(["-c", "ulimit -n 256 && exec \"$0\" \"$@\""]);
        command.arg(tokend.get_program()).args(tokend.get_args()).stdin(Stdio::null());
        // A line for each frame would be a flood of its own.
        command.env("TOKEND_LOG", "info").env_remove("NOTIFY_SOCKET");
    });
    assert!(place.add("api", provider.url(), SECRET).status.success());
    for uid in [ANN, EVE] {
        assert!(place.run(["grant", "api", &format!("uid:{uid}")]).status.success());
    }
    fs::set_permissions(place.runtime(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(place.socket(), fs::Permissions::from_mode(0o666)).unwrap();
    daemon
}

/// Does something as another user.
pub(crate) fn become_and<T: Send>(uid: u32, act: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            // Of this thread alone (setresuid(2), "C library/kernel differences").
            let user = Some(Uid::from_raw(uid));
            set_thread_res_uid(user, user, user).unwrap();
            act()
        });
        other.join().unwrap()
    })
}

pub(crate) fn is_root() -> bool {
    let is_root = geteuid().is_root();
    if !is_root {
        eprintln!("skipped: only root can become someone else; continuous integration is");
    }
    is_root
}

/// Lets this process have so many descriptors.
pub(crate) fn have_descriptors(most: u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < most) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum }).unwrap();
    }
}

/// Returns how much memory the daemon has in use, in KiB.
pub(crate) fn resident(daemon: &Daemon) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Returns how many descriptors the daemon has open.
pub(crate) fn descriptors(daemon: &Daemon) -> usize {
    fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap().count()
}

/// Returns how long the daemon has computed, in hundredths of a second (proc(5), `USER_HZ`).
pub(crate) fn computed(daemon: &Daemon) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", daemon.pid())).unwrap();
    // The program's name is in parentheses, and may have spaces in it.
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}
