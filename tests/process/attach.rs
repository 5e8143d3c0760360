//! Processes of the same user that try to get into another one's memory and descriptors.

use std::{
    fs,
    io::IoSliceMut,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::UnixListener,
    },
    process::{Child, Command, Stdio},
    thread,
};

use nix::{
    errno::Errno,
    sys::{
        ptrace,
        uio::{RemoteIoVec, process_vm_readv},
    },
    unistd,
};
use rustix::{
    process::{Gid, Pid, PidfdFlags, PidfdGetfdFlags, Uid, pidfd_getfd, pidfd_open},
    thread::{set_thread_res_gid, set_thread_res_uid},
};

use super::unprivileged;
use crate::support::{Place, binary};

/// The ways in, and what the kernel says to each.
type Attempts = [(&'static str, Result<(), Errno>); 4];

/// What all of them are told where they may not.
const REFUSED: Attempts = [
    ("PTRACE_ATTACH", Err(Errno::EPERM)),
    ("PTRACE_SEIZE", Err(Errno::EPERM)),
    ("process_vm_readv", Err(Errno::EPERM)),
    ("pidfd_getfd", Err(Errno::EPERM)),
];

/// Tries to get into a process as a debugger does, as the user of the daemons of a place.
///
/// Where that works, the process is stopped or traced afterwards.
fn attempts(pid: u32, place: &Place) -> Attempts {
    let owner = fs::metadata(place.state()).unwrap();
    let (user, group) = (Uid::from_raw(owner.uid()), Gid::from_raw(owner.gid()));
    let own =
        |result: rustix::io::Result<()>| result.map_err(|e| Errno::from_raw(e.raw_os_error()));
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            // Of this thread alone (setresuid(2), "C library/kernel differences").
            set_thread_res_gid(group, group, group).unwrap();
            set_thread_res_uid(user, user, user).unwrap();
            let pid = i32::try_from(pid).unwrap();
            let (traced, held) = (unistd::Pid::from_raw(pid), Pid::from_raw(pid).unwrap());
            let seize = || {
                ptrace::seize(traced, ptrace::Options::empty())?;
                ptrace::interrupt(traced)
            };
            let mut byte = [0];
            // Nothing lies at the very first address, which is found out by who may look.
            let nowhere = [RemoteIoVec { base: 0, len: 1 }];
            let read = process_vm_readv(traced, &mut [IoSliceMut::new(&mut byte)], &nowhere);
            let take = || {
                let process = pidfd_open(held, PidfdFlags::empty())?;
                pidfd_getfd(process, 0, PidfdGetfdFlags::empty()).map(drop)
            };
            let taken = own(take());
            let read = read.map(drop);
            [
                ("PTRACE_ATTACH", ptrace::attach(traced)),
                ("PTRACE_SEIZE", seize()),
                ("process_vm_readv", read),
                ("pidfd_getfd", taken),
            ]
        });
        other.join().unwrap()
    })
}

/// A process that is ended with the test.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_debugger_of_the_same_user_does_not_get_into_the_daemon() {
    let (place, run_as) = unprivileged();
    let daemon = place.start_with(|command| {
        let mut own = Command::new(place.path().join("tokend"));
        own.arg("--config").arg(place.config()).current_dir(place.runtime());
        run_as(&mut own);
        *command = own;
    });
    assert_eq!(attempts(daemon.pid(), &place), REFUSED);
    assert_eq!(daemon.end().code, Some(0));
}

#[test]
fn a_debugger_of_the_same_user_does_not_get_into_the_command_but_into_what_it_starts() {
    let (place, run_as) = unprivileged();
    // It takes a connection, and never says a word.
    let listener = UnixListener::bind(place.socket()).unwrap();
    fs::set_permissions(place.socket(), fs::Permissions::from_mode(0o666)).unwrap();
    let own = place.path().join("tokend-cli");
    assert!(Command::new("cp").arg(binary("tokend-cli")).arg(&own).status().unwrap().success());
    let mut get = Command::new(&own);
    get.args(["get", "api"]).env("TOKEND_SOCKET", place.socket()).current_dir("/");
    run_as(get.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
    let get = Ending(get.spawn().unwrap());
    // By then it is closed.
    let connection = listener.accept().unwrap();
    assert_eq!(attempts(get.0.id(), &place), REFUSED);
    drop((connection, get));

    // The same attempts get into a process that isn't closed.
    let mut open = Command::new("sleep");
    run_as(open.arg("600").stdin(Stdio::null()));
    let open = Ending(open.spawn().unwrap());
    let [attach, seize, read, take] = attempts(open.0.id(), &place).map(|(_, result)| result);
    assert_eq!((attach, take), (Ok(()), Ok(())));
    assert_eq!((seize, read), (Err(Errno::EPERM), Err(Errno::EFAULT)), "it is traced already");
}
