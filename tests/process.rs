//! What the process holds stays in the process.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

#[path = "process/attach.rs"]
mod attach;
#[path = "support/log.rs"]
mod log;

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    panic,
    process::Command,
    thread,
};

use log::Log;
use nix::{
    sys::signal::Signal,
    unistd::{User, chown, geteuid},
};
use support::{Place, binary, text};

#[test]
fn a_panic_is_logged_without_what_was_put_together_for_it() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).finish();
    let dispatch = tracing::Dispatch::new(subscriber);
    let fails = |fault: fn(&str)| {
        let dispatch = dispatch.clone();
        let fault = move || tracing::dispatcher::with_default(&dispatch, || fault("s3cret-é"));
        thread::Builder::new().name("faulty".into()).spawn(fault).unwrap().join().unwrap_err();
        log.take()
    };
    tokend::process::close();
    let logs = [
        fails(|secret| panic!("{secret} is wrong")),
        fails(|secret| assert_eq!(secret, "another")),
        fails(|secret| drop(secret[..8].to_owned())),
        fails(|secret| assert_eq!(secret.parse::<u8>().map_err(|_| secret), Ok(1))),
    ];
    let literal = fails(|_| panic!("the queue is gone"));
    drop(panic::take_hook());
    for log in logs {
        assert!(log.contains("panicked: what it says isn't shown"), "{log}");
        assert!(log.contains("tests/process.rs:") && log.contains("faulty"), "{log}");
        assert!(!log.contains("s3cret"), "{log}");
    }
    assert!(literal.contains("panicked: the queue is gone"), "{literal}");
}

/// Makes a place for a daemon that is not root's, so that no capability opens it, and
/// returns how to run a program as its user.
fn unprivileged() -> (Place, impl Fn(&mut Command)) {
    let place = Place::empty();
    let user = geteuid().is_root().then(|| User::from_name("daemon").unwrap().unwrap());
    if let Some(user) = &user {
        for path in [place.state(), place.runtime()] {
            fs::create_dir(&path).unwrap();
            chown(&path, Some(user.uid), Some(user.gid)).unwrap();
        }
        fs::set_permissions(place.state(), fs::Permissions::from_mode(0o700)).unwrap();
    }
    // The checkout may be where others don't get.
    let own = place.path().join("tokend");
    assert!(Command::new("cp").arg(binary("tokend")).arg(&own).status().unwrap().success());
    let run_as = move |command: &mut Command| {
        if let Some(user) = &user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
    };
    let mut init = Command::new(&own);
    init.arg("--config").arg(place.config()).arg("init");
    run_as(&mut init);
    let made = init.output().unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    (place, run_as)
}

#[test]
fn no_core_is_dumped_and_the_same_user_can_not_look_into_the_daemon() {
    let (place, run_as) = unprivileged();
    let daemon = place.start_with(|command| {
        let mut own = Command::new("sh");
        // As much as anyone may allow before it starts.
        own.args(["-c", "ulimit -c $(ulimit -H -c); exec \"$0\" --config \"$1\""]);
        own.arg(place.path().join("tokend")).arg(place.config());
        own.env("CANARY", "in the environment").current_dir(place.runtime());
        run_as(&mut own);
        *command = own;
    });
    let pid = daemon.pid();
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");

    let look = |pid: &str, file: &str| {
        let mut reader = Command::new("sh");
        reader.args(["-c", &format!("exec 3</proc/{pid}/{file}")]);
        run_as(&mut reader);
        reader.output().unwrap()
    };
    for file in ["environ", "mem", "maps", "auxv"] {
        let own = look("self", file);
        assert!(own.status.success(), "{file}: {}", text(&own.stderr));
        let refused = look(&pid.to_string(), file);
        let said = text(&refused.stderr);
        assert!(!refused.status.success() && said.contains("ermission denied"), "{file}: {said}");
    }

    let ended = daemon.end_by(Signal::SIGABRT, support::PATIENCE);
    assert_eq!(ended.signal, Some(Signal::SIGABRT as i32));
    assert!(!ended.dumped_core);
}

#[test]
fn a_daemon_that_may_not_lock_its_memory_says_so_once_and_goes_on() {
    let (place, run_as) = unprivileged();
    fs::remove_file(place.state().join("tokend.db")).unwrap();
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -l 64; exec \"$0\" --config \"$1\""]);
    limited.arg(place.path().join("tokend")).arg(place.config());
    run_as(&mut limited);
    let log = text(&limited.output().unwrap().stderr);
    assert_eq!(log.matches("LimitMEMLOCK=infinity").count(), 1, "{log}");
    assert!(log.contains("`tokend init`"), "it got as far as its store: {log}");
}

#[test]
fn a_daemon_that_may_lock_a_part_of_its_memory_locks_the_data_key() {
    let (place, run_as) = unprivileged();
    let daemon = place.start_with(|command| {
        let mut limited = Command::new("sh");
        limited.args(["-c", "ulimit -l 64; exec \"$0\" --config \"$1\""]);
        limited.arg(place.path().join("tokend")).arg(place.config());
        limited.current_dir(place.runtime());
        run_as(&mut limited);
        *command = limited;
    });
    let locked = locked_memory(daemon.pid());
    assert!((1..=64).contains(&locked), "{locked} kB");
}

/// Returns how much of its memory a process has locked, in kB.
fn locked_memory(pid: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
    locked.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_daemon_that_may_lock_its_memory_does() {
    if !geteuid().is_root() {
        eprintln!("skipped: only root may lock without a limit; continuous integration is");
        return;
    }
    let place = Place::new();
    let daemon = place.start();
    assert!(locked_memory(daemon.pid()) > 64);
    assert!(place.run(["status"]).status.success());
    assert_eq!(daemon.end().code, Some(0));
}
