//! Listeners: another socket, at which a few credentials are and no others.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::PathBuf,
    process::Output,
};

use support::{Place, assert_output, provider::Provider, text};

const SECRET: &str = "s3cret-Horse_Battery";
const DENIED: &str = "tokend-cli: there is no such credential, or you may not read it\n";

/// A place with a listener that is closed to other users of this machine.
fn place(more: &str) -> (Place, PathBuf) {
    let place = Place::new();
    let directory = place.runtime().join("closed/ci");
    place.configure(&format!(
        "[[listener]]\nname = 'ci'\ndirectory = '{}'\ncredentials = ['listed', 'later']\n{more}",
        directory.display()
    ));
    (place, directory)
}

/// Runs `tokend-cli` as in a container, which has the listener's directory only.
fn inside(directory: &std::path::Path, arguments: &[&str], place: &Place) -> Output {
    let mut command = place.cli();
    command.env("TOKEND_SOCKET", directory.join("tokend.sock"));
    command.args(arguments).output().unwrap()
}

#[test]
fn a_listener_serves_what_is_listed_through_a_restart_and_nothing_else_to_anyone() {
    let (place, directory) = place("anyone = true");
    let (daemon, provider) = (place.start(), Provider::issuing());
    for name in ["listed", "other"] {
        assert!(place.add(name, provider.url(), SECRET).status.success());
    }
    let got = inside(&directory, &["get", "listed"], &place);
    assert_output(&got, 0, "token-1-c0ffee\n", "");
    assert_eq!(
        text(&inside(&directory, &["list", "--json"], &place).stdout).matches("name").count(),
        1
    );
    // Even for root, what isn't listed is as absent as what there is none of.
    let [other, none] = ["other", "none"].map(|name| inside(&directory, &["get", name], &place));
    assert!(text(&other.stderr).starts_with(DENIED), "{}", text(&other.stderr));
    assert_eq!(other.status.code(), none.status.code());
    assert_eq!(text(&other.stderr).replace("other", "none"), text(&none.stderr));
    for refused in [&["status"][..], &["remove", "listed", "--yes"], &["refresh", "listed"]] {
        assert!(!inside(&directory, refused, &place).status.success(), "{refused:?}");
    }

    // What is mounted somewhere is the directory, by its number.
    let before = fs::metadata(&directory).unwrap();
    assert_eq!(before.mode() & 0o777, 0o755);
    assert_eq!(daemon.end().code, Some(0));
    assert!(!directory.join("tokend.sock").exists());
    let _daemon = place.start();
    assert_eq!(fs::metadata(&directory).unwrap().ino(), before.ino());
    let mode = fs::metadata(directory.join("tokend.sock")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o666);
    assert_output(&inside(&directory, &["get", "listed"], &place), 0, "token-1-c0ffee\n", "");
}

#[test]
fn operators_see_the_listeners_and_whom_they_let_read() {
    let (place, directory) = place("");
    let (_daemon, provider) = (place.start(), Provider::issuing());
    assert!(place.add("listed", provider.url(), SECRET).status.success());
    let status = text(&place.run(["status"]).stdout);
    let socket = directory.join("tokend.sock");
    let row =
        format!("ci        later (not there yet), listed  their readers  {}", socket.display());
    assert!(status.contains(&row), "{status}");
    let access = text(&place.run(["access", "listed", "--as", "root"]).stdout);
    let at = format!("by the listener ci: may not read it (no rule) at {}\n", socket.display());
    assert!(access.starts_with("root may read listed\n") && access.contains(&at), "{access}");

    let own = nix::unistd::geteuid();
    let denied = inside(&directory, &["get", "listed"], &place);
    assert!(text(&denied.stderr).starts_with(DENIED), "{}", text(&denied.stderr));
    assert!(place.run(["grant", "listed", &format!("uid:{own}")]).status.success());
    assert_output(&inside(&directory, &["get", "listed"], &place), 0, "token-1-c0ffee\n", "");
}

#[test]
fn a_listener_that_lets_every_user_of_the_machine_read_is_refused() {
    let (place, directory) = place("anyone = true");
    fs::create_dir_all(&directory).unwrap();
    for directory in directory.ancestors().take(3) {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let started = place.tokend::<&str>([]);
    assert_eq!(started.status.code(), Some(1));
    let said = text(&started.stderr);
    let problem = format!(
        "tokend: the listener \"ci\" would let any user of this machine read its credentials: each \
         can get to {}; name a group, or put the directory into one that is closed to others\n",
        directory.display()
    );
    assert!(said.ends_with(&problem), "{said}");
    assert!(!directory.join("tokend.sock").exists());
    place.configure("group = 'no-such-group'");
    let said = text(&place.tokend::<&str>([]).stderr);
    assert!(said.contains("there is no group \"no-such-group\" for the listener \"ci\""), "{said}");
    place.configure("[[listener]]\nname = 'x'\ndirectory = 'x'\ncredentials = ['a']");
    let said = text(&place.tokend::<&str>([]).stderr);
    assert!(said.contains("| directory = 'x'") && said.contains("give an absolute path"), "{said}");
}

#[test]
fn a_runtime_directory_that_cannot_hold_sockets_is_refused_with_the_reason() {
    let place = Place::new();
    let refused = |part: &str| {
        let started = place.tokend::<&str>([]);
        assert_eq!(started.status.code(), Some(1));
        assert!(text(&started.stderr).contains(part), "{}", text(&started.stderr));
    };
    let run = place.runtime();
    fs::write(&run, "").unwrap();
    refused("run is in the way and isn't a directory; move it away\n");
    fs::remove_file(&run).unwrap();
    fs::create_dir(&run).unwrap();
    fs::set_permissions(&run, fs::Permissions::from_mode(0o1777)).unwrap();
    refused("run can be written by other users: let only root or the daemon's own user");
    fs::set_permissions(&run, fs::Permissions::from_mode(0o700)).unwrap();
    symlink("elsewhere", place.socket()).unwrap();
    refused("tokend.sock is in the way and isn't a socket; move it away\n");
    fs::remove_file(place.socket()).unwrap();

    // Another daemon's socket stays, and works.
    let other = Place::new();
    let config = fs::read_to_string(other.config()).unwrap();
    let shared = config.replace(&other.runtime().display().to_string(), &run.display().to_string());
    fs::write(other.config(), shared).unwrap();
    let _living = other.start();
    refused("tokend.sock: another process listens there already; stop it first\n");
    assert!(place.run(["status"]).status.success());
}
