//! `sink`: a file with the current token.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, symlink},
        net::UnixDatagram,
    },
};

use nix::{sys::signal::Signal, unistd::geteuid};

use super::{Changes, Running, add, content, interruptible, names, token};
use crate::support::{
    PATIENCE, Place, assert_output,
    provider::{Provider, Reply, issued},
    text,
};

#[test]
fn a_file_is_written_once_with_the_wanted_owner_mode_and_format() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    add(&place, &provider, &["one"]);
    let path = place.path().join("token");
    let file = path.to_str().unwrap();
    let once = |flags: &[&str]| {
        let ended = place.run(["sink", "one", file, "--once"].iter().chain(flags));
        assert_output(&ended, 0, "", "");
        content(&path)
    };
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!((once(&[]), mode()), (token(1), 0o600));
    let header = format!("Authorization: Bearer {}\n", token(1));
    assert_eq!((once(&["--format", "header", "--mode", "640"]), mode()), (header, 0o640));
    let json: serde_json::Value = serde_json::from_str(&once(&["--format", "json"])).unwrap();
    assert_eq!(json["value"], token(1));
    if geteuid().is_root() {
        once(&["--owner", "12345:54321"]);
        let about = fs::metadata(&path).unwrap();
        assert_eq!((about.uid(), about.gid()), (12_345, 54_321));
    }
    assert_eq!(names(place.path()).iter().filter(|name| name.ends_with("token")).count(), 1);

    // A link is no file, and a failure leaves what is there.
    let link = place.path().join("link");
    symlink(&path, &link).unwrap();
    let refused = place.run(["sink", "one", link.to_str().unwrap(), "--once"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("is a symbolic link"), "{}", text(&refused.stderr));
    let before = fs::read(&path).unwrap();
    assert_eq!(place.run(["sink", "none", file, "--once"]).status.code(), Some(3));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn the_file_follows_the_token_through_a_restart_and_systemd_is_told() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let daemon = place.start();
    add(&place, &provider, &["one"]);
    let directory = place.path().join("tokens");
    fs::create_dir(&directory).unwrap();
    let (path, manager) = (directory.join("one"), place.path().join("notify"));
    let told = UnixDatagram::bind(&manager).unwrap();
    told.set_read_timeout(Some(PATIENCE)).unwrap();
    let state = || {
        let mut bytes = [0; 100];
        let length = told.recv(&mut bytes).unwrap();
        text(&bytes[..length])
    };
    let mut command = place.cli();
    command.env("NOTIFY_SOCKET", &manager).args(["sink", "one"]).arg(&path);
    let running = Running::start(&mut command);
    assert_eq!(state(), "READY=1\n");
    assert_eq!(content(&path), token(1));

    let changed = Changes::of(&directory);
    assert!(place.run(["refresh", "one"]).status.success());
    changed.wait_until(|| content(&path) == token(2));
    daemon.kill();
    let _daemon = place.start();
    assert!(place.run(["refresh", "one"]).status.success());
    changed.wait_until(|| content(&path) == token(3));
    // After one that is taken away, another is asked for.
    assert!(place.run(["revoke", "one", "--yes", "--local"]).status.success());
    running.wait_for_part("no token of one is held");
    changed.wait_until(|| content(&path) == token(4));
    // What has ended stays, where there is no other.
    assert!(place.run(["remove", "one", "--yes"]).status.success());
    running.wait_for_part("one");
    assert_eq!(content(&path), token(4));
    running.signal(Signal::SIGTERM);
    assert_eq!(state(), "STOPPING=1\n");
    assert_eq!(running.end().0, Some(0));
    assert_eq!(names(&directory), [path]);
}

#[test]
fn a_sink_asks_for_what_nobody_else_asks_for_and_waits_for_a_provider_that_is_down() {
    let place = Place::new();
    let provider = Provider::scripted(|number, _| match number {
        1 => issued(1, 3_600),
        2 => Reply::json(503, "{}"),
        _ => issued(number, 3_600),
    });
    let _daemon = place.start();
    add(&place, &provider, &["one"]);
    assert!(place.run(["set", "one", "--refresh", "on-demand"]).status.success());
    assert!(place.run(["revoke", "one", "--yes", "--local"]).status.success());
    let directory = place.path().join("tokens");
    fs::create_dir(&directory).unwrap();
    let path = directory.join("one");
    let changed = Changes::of(&directory);
    let _running = Running::start(place.cli().args(["sink", "one"]).arg(&path));
    changed.wait_until(|| fs::read(&path).is_ok_and(|bytes| text(&bytes) == token(3)));
}

#[test]
fn a_sink_of_what_is_not_there_ends_and_says_so() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    add(&place, &provider, &["one"]);
    let path = place.path().join("token");
    let ended = place.run(["sink", "none", path.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(3), "{}", text(&ended.stderr));
    assert!(!path.exists());
}

#[test]
fn a_file_whose_token_has_ended_is_removed_if_that_is_asked_for() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    add(&place, &provider, &["one"]);
    let directory = place.path().join("tokens");
    fs::create_dir(&directory).unwrap();
    let path = directory.join("one");
    let changed = Changes::of(&directory);
    let command = interruptible(place.cli().args(["sink", "--remove", "one"]).arg(&path));
    let running = Running::start(&mut { command });
    changed.wait_until(|| path.exists());
    assert!(place.run(["remove", "one", "--yes", "--keep-token"]).status.success());
    changed.wait_until(|| !path.exists());
    running.signal(Signal::SIGINT);
    assert_eq!(running.end().0, Some(130));
}
