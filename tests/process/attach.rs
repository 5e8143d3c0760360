//! Processes of the same user that try to get into another one's memory and descriptors.

use std::{
    fs,
    io::{BufRead as _, BufReader, IoSliceMut},
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
use crate::support::{Daemon, Place, binary, text};

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

/// Starts the daemon as its own user.
fn start(place: &Place, run_as: impl Fn(&mut Command)) -> Daemon {
    place.start_with(|command| {
        let mut own = Command::new(place.path().join("tokend"));
        own.arg("--config").arg(place.config()).current_dir(place.runtime());
        run_as(&mut own);
        *command = own;
    })
}

/// Prepares the command to be run as that user.
fn command(place: &Place, run_as: impl Fn(&mut Command)) -> Command {
    // The checkout may be where others don't get.
    let own = place.path().join("tokend-cli");
    assert!(Command::new("cp").arg(binary("tokend-cli")).arg(&own).status().unwrap().success());
    let mut command = Command::new(own);
    command.env("TOKEND_SOCKET", place.socket()).current_dir("/");
    run_as(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
    command
}

#[test]
fn a_debugger_of_the_same_user_does_not_get_into_the_daemon() {
    let (place, run_as) = unprivileged();
    let daemon = start(&place, run_as);
    assert_eq!(attempts(daemon.pid(), &place), REFUSED);
    assert_eq!(daemon.end().code, Some(0));
}

#[test]
fn a_debugger_of_the_same_user_does_not_get_into_the_command() {
    let (place, run_as) = unprivileged();
    // It takes a connection, and never says a word.
    let listener = UnixListener::bind(place.socket()).unwrap();
    fs::set_permissions(place.socket(), fs::Permissions::from_mode(0o666)).unwrap();
    let get = Ending(command(&place, run_as).args(["get", "api"]).spawn().unwrap());
    // By then it is closed.
    let connection = listener.accept().unwrap();
    assert_eq!(attempts(get.0.id(), &place), REFUSED);
    drop(connection);
}

#[test]
fn what_the_command_runs_is_as_open_as_if_it_had_been_started_by_itself() {
    let (place, run_as) = unprivileged();
    let _daemon = start(&place, &run_as);
    let add = ["add", "api", "--provider", "static-bearer", "--var", "url=http://127.0.0.1"];
    let add = add.into_iter().chain(["--var", "user=me", "--secret-stdin", "token"]);
    let uid = fs::metadata(place.state()).unwrap().uid().to_string();
    let mut adding = place.cli();
    let added = adding.args(add).env("TOKEND_SERVER_UID", uid).output_of("t0ken-Horse_Battery");
    assert!(added.status.success(), "{}", text(&added.stderr));
    let core = "ulimit -S -c; ulimit -H -c";
    let said = |mut command: Command| {
        let mut child = Ending(command.stdout(Stdio::piped()).spawn().unwrap());
        let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
        let limits = [(); 2].map(|()| lines.next().unwrap().unwrap());
        (child, limits)
    };
    // What runs says so itself, and takes the place of the command, whose number it keeps.
    let script = format!("{core}; exec sleep 600");
    let mut alone = Command::new("sh");
    run_as(alone.args(["-c", &script]).stdin(Stdio::null()));
    let (alone, limits) = said(alone);
    let mut run = command(&place, &run_as);
    run.args(["exec", "api", "--", "sh", "-c", &script]);
    let (run, inherited) = said(run);
    assert_eq!(inherited, limits);
    for child in [&alone, &run] {
        let [attach, seize, read, take] = attempts(child.0.id(), &place).map(|(_, result)| result);
        assert_eq!((attach, take), (Ok(()), Ok(())));
        // It is traced already.
        assert_eq!((seize, read), (Err(Errno::EPERM), Err(Errno::EFAULT)));
    }
}
