//! Callers who mean ill, and those who want no more than their token meanwhile.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;
#[path = "hostile/wire.rs"]
mod wire;

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    process::{Command, Stdio},
    thread,
};

use rustix::{
    process::{Uid, geteuid},
    thread::set_thread_res_uid,
};
use support::{Daemon, Place, contains, provider::Provider};
use wire::Wire;

const SECRET: &str = "s3cret-Horse_Battery";
const TOKEN: &[u8] = b"token-1-c0ffee";

const ANN: u32 = 54_321;
const EVE: u32 = 54_322;

/// Starts a daemon that any user can connect to, with a token for Ann and few descriptors.
fn start(place: &Place, provider: &Provider) -> Daemon {
    let daemon = place.start_with(|command| {
        let tokend = std::mem::replace(command, Command::new("sh"));
        command.args(["-c", "ulimit -n 256 && exec \"$0\" \"$@\""]);
        command.arg(tokend.get_program()).args(tokend.get_args()).stdin(Stdio::null());
        command.env_remove("TOKEND_LOG").env_remove("NOTIFY_SOCKET");
    });
    assert!(place.add("api", provider.url(), SECRET).status.success());
    assert!(place.run(["grant", "api", &format!("uid:{ANN}")]).status.success());
    fs::set_permissions(place.runtime(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(place.socket(), fs::Permissions::from_mode(0o666)).unwrap();
    daemon
}

/// Does something as another user.
fn become_and<T: Send>(uid: u32, act: impl FnOnce() -> T + Send) -> T {
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

fn is_root() -> bool {
    let is_root = geteuid().is_root();
    if !is_root {
        eprintln!("skipped: only root can become someone else; continuous integration is");
    }
    is_root
}

#[test]
fn a_user_who_connects_without_end_keeps_no_other_out_and_is_told_of_once() {
    if !is_root() {
        return;
    }
    let (place, provider) = (Place::new(), Provider::issuing());
    let mut daemon = start(&place, &provider);
    let connect = || UnixStream::connect(place.socket()).unwrap();
    let eves: Vec<_> = become_and(EVE, || (0..300).map(|_| connect()).collect());
    // Three quarters of a half of the descriptors.
    let line = daemon.wait_for_log("has its share");
    assert!(line.contains(&format!("uid={EVE} connections=96")), "{line}");
    let anns: Vec<_> = become_and(ANN, || {
        let mut anns: Vec<_> = (0..20).map(|_| Wire::new(&place.socket()).unwrap()).collect();
        for ann in &mut anns {
            assert!(contains(&ann.acquire().unwrap(), TOKEN));
        }
        anns
    });
    assert!(contains(&Wire::new(&place.socket()).unwrap().acquire().unwrap(), TOKEN), "root");
    let ended = daemon.end();
    assert!(!ended.log.contains("has its share"), "{}", ended.log);
    drop((eves, anns));
}
