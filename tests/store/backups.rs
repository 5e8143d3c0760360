//! Backups that are made while the daemon serves, and restored.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
};

use nix::sys::signal::{Signal, kill};

use super::{
    SECRET, SPENT, add_limited, succeed,
    support::{Place, assert_output, provider::Provider, text},
    told,
};

/// What a command ends with that a signal ended.
const CANCELLED: Option<i32> = Some(130);

fn backup(place: &Place, name: &str) -> PathBuf {
    let path = place.path().join(name);
    let output = place.cli().arg("backup").arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    path
}

fn restore(place: &Place, backup: &Path) -> std::process::Output {
    place.tokend(["restore".as_ref(), backup.as_os_str()])
}

/// What is in the place of a backup, but for the backups themselves.
fn rest(place: &Place) -> Vec<String> {
    let entries = fs::read_dir(place.path()).unwrap();
    entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_backup_that_was_made_while_tokend_served_is_restored_and_known_as_one() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let daemon = place.start();
    add_limited(&place, "api", &provider);
    let path = place.path().join("backup.db");
    let (state, shown) = (place.state(), path.display());
    let output = place.cli().arg("backup").arg(&path).output().unwrap();
    let stdout = text(&output.stdout);
    let size = fs::metadata(&path).unwrap().len();
    let begin = format!(
        "copied the store in {} to {shown}: 1 credential, {size} bytes, read through and sound\n\
         the key file:{} opens it (id ",
        state.display(),
        state.join("key").display()
    );
    assert!(stdout.starts_with(&begin), "{stdout}");
    assert!(stdout.ends_with("in another place; without it nobody can read it\n"), "{stdout}");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    let again = place.cli().arg("backup").arg(&path).output().unwrap();
    assert!(told(&again).contains("is there already: name another file"), "{again:?}");
    succeed(&place, &["backup", "--force", "--json", &shown.to_string()]);
    succeed(&place, &["refresh", "api"]);
    // While it serves, nothing is put in its place.
    let refused = restore(&place, &path);
    assert!(told(&refused).contains("stop it first"), "{refused:?}");
    daemon.kill();

    let restored = restore(&place, &path);
    assert!(restored.status.success(), "{}", told(&restored));
    let said = text(&restored.stdout);
    assert!(said.starts_with(&format!("the store in {} is that of {shown}", state.display())));
    let kept = said.lines().nth(1).unwrap().strip_prefix("the one before is ").unwrap();
    let kept = PathBuf::from(kept.split(':').next().unwrap());
    assert_eq!(fs::metadata(&kept).unwrap().mode() & 0o777, 0o600);

    let asked = provider.requests().len();
    let daemon = place.start();
    assert_output(&place.run(["get", "api"]), 0, "token-1-c0ffee\n", "");
    assert!(succeed(&place, &["status"]).contains("so its limits count as spent until"));
    assert_eq!(place.run(["refresh", "api"]).status.code(), SPENT);
    assert_eq!(provider.requests().len(), asked);
    assert_eq!(daemon.end().code, Some(0));
    // The one before is as good as a backup.
    assert!(restore(&place, &kept).status.success());
    let _daemon = place.start();
    assert_output(&place.run(["get", "api"]), 0, "token-2-c0ffee\n", "");
}

#[test]
fn a_backup_of_another_key_is_told_by_its_id_and_changes_nothing() {
    let (place, other) = (Place::new(), Place::new());
    let daemon = place.start();
    let path = backup(&place, "backup.db");
    let shown = text(&place.run(["backup", "--json", "-"]).stdout);
    assert!(shown.starts_with("SQLite format 3"), "it goes to standard output");
    drop(daemon);
    let before = other.stored();
    let refused = restore(&other, &path);
    assert_eq!(refused.status.code(), Some(1));
    let key = other.state().join("key");
    let expected = format!(
        "tokend: the key file:{} doesn't open {}: its key has the id ",
        key.display(),
        path.display()
    );
    assert!(told(&refused).starts_with(&expected), "{}", told(&refused));
    let nothing = other.path().join("nothing");
    fs::write(&nothing, "no store").unwrap();
    let refused = restore(&other, &nothing);
    assert_eq!(told(&refused), format!("tokend: {} isn't a store of tokend\n", nothing.display()));
    let names = |stored: &[(PathBuf, Vec<u8>)]| -> Vec<PathBuf> {
        let mut names: Vec<_> = stored.iter().map(|(path, _)| path.clone()).collect();
        names.sort();
        names.retain(|path| !path.ends_with("tokend.lock"));
        names
    };
    assert_eq!(names(&other.stored()), names(&before));
    assert!(fs::read(other.state().join("tokend.db")).is_ok_and(|now| {
        before.iter().any(|(path, bytes)| path.ends_with("tokend.db") && *bytes == now)
    }));
    // On a machine that has nothing but the key and the backup, it makes the store.
    let new = Place::empty();
    new.configure(&format!("key_file = '{}'", place.state().join("key").display()));
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
    let made = new.tokend(["restore", "--user", &user, &path.display().to_string()]);
    assert!(made.status.success(), "{}", told(&made));
    assert_eq!(fs::metadata(new.state()).unwrap().permissions().mode() & 0o777, 0o700);
    drop(new.start());
}

#[test]
fn nothing_is_left_of_a_backup_that_is_cancelled_or_whose_daemon_is_killed() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let daemon = place.start();
    // A store that isn't copied in a moment.
    for number in 0..8 {
        let secret = SECRET.repeat(1_000);
        assert!(place.add(&format!("c{number}"), provider.url(), &secret).status.success());
    }
    let before = rest(&place).len();
    let path = place.path().join("backup.db");
    let begin = || -> Child {
        let mut cli = place.cli();
        cli.arg("backup").arg(&path).stdout(Stdio::null()).stderr(Stdio::piped());
        cli.spawn().unwrap()
    };
    // The kernel holds it as soon as it has begun to write.
    let mut cancelled = begin();
    while rest(&place).len() == before {
        if cancelled.try_wait().unwrap().is_some() {
            break;
        }
        thread::yield_now();
    }
    let pid = nix::unistd::Pid::from_raw(i32::try_from(cancelled.id()).unwrap());
    let _ = kill(pid, Signal::SIGINT);
    let code = cancelled.wait().unwrap().code();
    // It may have been faster than the signal.
    assert!(code == CANCELLED || path.exists(), "{code:?}");
    let _ = fs::remove_file(&path);
    assert_eq!(rest(&place).len(), before, "{:?}", rest(&place));

    let mut broken = begin();
    while rest(&place).len() == before {
        if broken.try_wait().unwrap().is_some() {
            break;
        }
        thread::yield_now();
    }
    daemon.kill();
    let code = broken.wait().unwrap().code();
    assert!(code == Some(4) || path.exists(), "{code:?}");
    let _ = fs::remove_file(&path);
    assert_eq!(rest(&place).len(), before, "{:?}", rest(&place));
    let _daemon = place.start();
    let left: Vec<_> = place.stored().into_iter().map(|(path, _)| path).collect();
    let is_copy = |path: &PathBuf| path.to_string_lossy().contains("tokend.db.copy");
    assert!(!left.iter().any(is_copy), "{left:?}");
}
