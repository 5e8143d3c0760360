//! Whom to believe, by tables.

use std::{ffi::OsString, os::unix::fs::PermissionsExt as _};

use super::*;

struct Environment(&'static str);

impl Surroundings for Environment {
    fn variable(&self, name: &str) -> Option<OsString> {
        (name == socket::SERVER_VARIABLE).then(|| self.0.into())
    }

    fn exists(&self, _: &Path) -> bool {
        false
    }

    fn uid(&self) -> u32 {
        0
    }
}

const OWN: u32 = 1_000;
const DAEMON: u32 = 990;
const STRANGER: u32 = 1_001;
const UNMAPPED: u32 = 65_534;

fn directory(path: &str, uid: u32, mode: u32) -> Directory {
    Directory { path: path.into(), uid, mode }
}

fn trust(named: &[u32]) -> Trust {
    let named = Ok(named.iter().copied().collect());
    Trust { named, system: Path::new("/run/tokend").to_path_buf() }
}

fn judge(named: &[u32], held: &Directory, above: &Directory, uid: u32) -> &'static str {
    let path = Path::new("/the/socket");
    let users = Users { own: OWN, unmapped: Some(UNMAPPED) };
    match trust(named).judge(path, held, Some(above), users, uid) {
        Ok(()) => "believed",
        Err(Distrust::Server { unmapped: true, .. }) => "unmapped",
        Err(Distrust::Server { .. }) => "server",
        Err(Distrust::Directory { .. }) => "directory",
        Err(Distrust::Named(_)) => "named",
    }
}

#[test]
fn root_this_user_and_who_is_named_are_believed_and_no_one_else() {
    let run = directory("/run", 0, 0o755);
    for (uid, named, verdict) in [
        (0, &[][..], "believed"),
        (OWN, &[], "believed"),
        (STRANGER, &[], "server"),
        (STRANGER, &[DAEMON], "server"),
        (STRANGER, &[DAEMON, STRANGER], "believed"),
        (UNMAPPED, &[], "unmapped"),
        (UNMAPPED, &[UNMAPPED], "believed"),
    ] {
        let held = directory("/run/tokend", 0, 0o755);
        assert_eq!(judge(named, &held, &run, uid), verdict, "{uid} {named:?}");
    }
}

#[test]
fn a_directory_that_others_could_have_made_or_can_write_is_not_used() {
    let tmp = directory("/tmp", 0, 0o1777);
    for (uid, mode, verdict) in [
        (OWN, 0o700, "believed"),
        (OWN, 0o755, "believed"),
        (OWN, 0o775, "directory"),
        (0, 0o1777, "directory"),
        (0, 0o2770, "directory"),
        (STRANGER, 0o755, "directory"),
        (UNMAPPED, 0o755, "unmapped"),
    ] {
        let held = directory("/tmp/mine", uid, mode);
        assert_eq!(judge(&[], &held, &tmp, OWN), verdict, "{uid} {mode:o}");
    }
    let named = directory("/tmp/theirs", STRANGER, 0o755);
    assert_eq!(judge(&[STRANGER], &named, &tmp, STRANGER), "believed");
}

#[test]
fn a_user_who_shows_as_all_do_that_are_not_mapped_is_not_taken_for_this_one() {
    let run = directory("/run", 0, 0o755);
    let users = Users { own: UNMAPPED, unmapped: Some(UNMAPPED) };
    let judge = |named: &[u32], owner, uid| {
        let held = directory("/srv/tokend", owner, 0o755);
        trust(named).judge(Path::new("/the/socket"), &held, Some(&run), users, uid)
    };
    for (owner, uid) in [(0, UNMAPPED), (UNMAPPED, 0), (UNMAPPED, UNMAPPED)] {
        let verdict = judge(&[], owner, uid);
        assert!(matches!(verdict, Err(Distrust::Server { unmapped: true, .. })), "{verdict:?}");
        assert!(judge(&[UNMAPPED], owner, uid).is_ok());
    }
    // Where all are mapped, it is a user like others.
    let users = Users { unmapped: None, ..users };
    let held = directory("/srv/tokend", UNMAPPED, 0o755);
    assert!(trust(&[]).judge(Path::new("/s"), &held, Some(&run), users, UNMAPPED).is_ok());
}

#[test]
fn root_vouches_for_the_user_of_the_systems_directory_only() {
    let (run, open) = (directory("/run", 0, 0o755), directory("/run", 0, 0o1777));
    let system = directory("/run/tokend", DAEMON, 0o755);
    assert_eq!(judge(&[], &system, &run, DAEMON), "believed");
    assert_eq!(judge(&[], &system, &run, STRANGER), "server");
    // Anyone could have made it here.
    assert_eq!(judge(&[], &system, &open, DAEMON), "directory");
    // In a container, whose root has made /run: nobody is mapped, and the owner is the server.
    let mounted = directory("/run/tokend", UNMAPPED, 0o755);
    assert_eq!(judge(&[], &mounted, &run, UNMAPPED), "believed");
    let unmapped = directory("/run", UNMAPPED, 0o755);
    assert_eq!(judge(&[], &mounted, &unmapped, UNMAPPED), "unmapped");
    let other = directory("/run/other", DAEMON, 0o755);
    assert_eq!(judge(&[], &other, &run, DAEMON), "directory");
}

#[test]
fn users_are_named_by_numbers_and_names() {
    let look_up = |name: &str| (name == "tokend").then_some(DAEMON);
    let read = |value| named(&Environment(value), look_up);
    // Whoever runs the test may do so by sudo, which this environment doesn't tell.
    assert_eq!(read("").unwrap(), BTreeSet::new());
    assert_eq!(read("65534, tokend,").unwrap(), BTreeSet::from([DAEMON, 65_534]));
    let error = read("0,nobody-here").unwrap_err();
    assert_eq!(
        error.to_string(),
        "TOKEND_SERVER_UID names no user of this machine: \"nobody-here\"; it takes numbers or \
         names, with commas between them"
    );
}

#[test]
fn the_directory_is_the_one_that_links_lead_to() {
    let place = tempfile::tempdir().unwrap();
    let (safe, open) = (place.path().join("safe"), place.path().join("open"));
    for (path, mode) in [(&safe, 0o700), (&open, 0o777)] {
        fs::create_dir(path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let own = Uid::effective().as_raw();
    for (target, link) in [(&safe, &open), (&open, &safe)] {
        fs::write(target.join("socket"), "").unwrap();
        let link = link.join("link");
        std::os::unix::fs::symlink(target.join("socket"), &link).unwrap();
        let verdict = trust(&[]).verify(&link, own).unwrap();
        assert_eq!(verdict.is_ok(), *target == safe, "{verdict:?}");
    }
}
