//! Reloads and the system around them: signals, groups and the service manager.

use std::{
    fs, iter,
    os::unix::{fs::MetadataExt as _, net::UnixDatagram},
};

use nix::{
    sys::signal::Signal,
    unistd::{Group, geteuid},
};

use super::{
    definition, get, place, refused, reload,
    support::{PATIENCE, Place, text},
};

#[test]
fn a_hangup_reloads_where_there_is_no_terminal_and_ends_where_there_is_one() {
    let (place, mut daemon, _provider) = place();
    if fs::File::open("/dev/tty").is_ok() {
        assert_eq!(daemon.end_by(Signal::SIGHUP, PATIENCE).code, Some(0));
        return;
    }
    place.define("acme", &definition("Token", "second"));
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_log("provider acme: changed");
    assert_eq!(get(&place, &["api", "--header"]), "Authorization: Token token-1-c0ffee\n");
    assert_eq!(daemon.end().code, Some(0));
}

#[test]
fn another_group_may_connect_from_a_reload_on_and_the_one_before_not_any_more() {
    if !geteuid().is_root() {
        eprintln!("skipped: only root is in any group; continuous integration is");
        return;
    }
    let (place, _daemon, _provider) = place();
    let own = fs::read_to_string(place.config()).unwrap();
    let reach = || {
        let [directory, socket] =
            [place.runtime(), place.socket()].map(|path| fs::metadata(path).unwrap());
        (directory.mode() & 0o777, socket.mode() & 0o777, socket.gid())
    };
    let before = reach();
    let group = Group::from_name("daemon").unwrap().unwrap().gid.as_raw();
    place.configure("socket_group = 'daemon'");
    assert!(reload(&place).ends_with(" before, daemon now\n"));
    assert_eq!(reach(), (0o755, 0o660, group));
    let operators = fs::metadata(place.runtime().join("admin.sock")).unwrap();
    assert_eq!(operators.mode() & 0o777, 0o600, "operators' socket stays theirs");

    fs::write(place.config(), format!("{own}socket_group = 'no-such-group'\n")).unwrap();
    assert!(refused(&place).contains("there is no group no-such-group: only root"));
    let checked = place.tokend(["check"]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(text(&checked.stderr).contains("`groupadd --system no-such-group` makes it"));
    assert_eq!(reach(), (0o755, 0o660, group));
    fs::write(place.config(), own).unwrap();
    assert!(reload(&place).starts_with("socket_group: daemon before, "));
    assert_eq!((reach().0, reach().1), (before.0, before.1));
}

#[test]
fn the_service_manager_is_told_of_the_beginning_and_the_end_of_each_reload() {
    let place = Place::new();
    let path = place.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let hear = || {
        let mut buffer = [0; 512];
        let length = manager.recv(&mut buffer).unwrap();
        text(&buffer[..length])
    };
    // How the daemon is comes in between.
    let next = || iter::repeat_with(hear).find(|told| !told.starts_with("STATUS=")).unwrap();
    let _daemon = place.start_with(|command| {
        command.env("NOTIFY_SOCKET", &path);
    });
    assert_eq!(next(), "READY=1\n");
    for is_mistaken in [false, true] {
        if is_mistaken {
            place.configure("lgo = 'info'");
            refused(&place);
        } else {
            reload(&place);
        }
        let told = next();
        let since = told.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap_or_default();
        assert!(since.trim_end().parse::<u64>().is_ok(), "{told}");
        assert_eq!(next(), "READY=1\n");
    }
}
