//! A disk that is really full: a small one in memory, which the daemon alone sees.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    SECRET, succeed,
    support::{Daemon, Place, assert_output, provider::Provider},
    told,
};

/// What a command ends with that tokend couldn't do for now.
const FAILED: Option<i32> = Some(4);

/// Starts the daemon with its state on a disk of a megabyte; `None` if only root can.
fn start_on_a_small_disk(place: &Place) -> Option<(Daemon, PathBuf)> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let state = place.state();
    let inside = r#"cp -a "$0" "$0.before" && mount -t tmpfs -o size=1m,mode=700 tmpfs "$0" &&
                    cp -a "$0.before/." "$0" && exec "$@""#;
    let daemon = place.start_with(|command| {
        let mut wrapped = Command::new("unshare");
        wrapped.args(["--mount", "sh", "-c", inside]).arg(&state);
        wrapped.arg(command.get_program()).args(command.get_args());
        wrapped.env_remove("TOKEND_LOG").env_remove("NOTIFY_SOCKET");
        *command = wrapped;
    });
    let root = format!("/proc/{}/root{}", daemon.pid(), state.display());
    Some((daemon, root.into()))
}

/// Writes a file until nothing goes in any more.
fn fill(directory: &Path) -> PathBuf {
    let path = directory.join("filler");
    let mut file = File::create(&path).unwrap();
    for size in [65_536, 4_096, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
    path
}

fn copies(state: &Path) -> usize {
    let names = fs::read_dir(state).unwrap().map(|it| it.unwrap().file_name());
    names.filter(|it| it.to_string_lossy().starts_with("tokend.db.")).count()
}

#[test]
fn a_full_disk_keeps_a_backup_from_being_made_or_restored_and_tokend_goes_on() {
    let place = Place::new();
    let Some((daemon, state)) = start_on_a_small_disk(&place) else { return };
    let provider = Provider::issuing();
    assert!(place.add("api", provider.url(), SECRET).status.success());
    let path = place.path().join("backup.db").display().to_string();
    succeed(&place, &["backup", &path]);

    let filler = fill(&state);
    let made = place.run(["backup", "--force", &path]);
    assert_eq!(made.status.code(), FAILED, "{made:?}");
    assert!(told(&made).contains("no space left in"), "{made:?}");
    let restored = place.run(["restore", "--yes", &path]);
    assert_eq!(restored.status.code(), FAILED, "{restored:?}");
    assert!(told(&restored).contains("no space left beside the store"), "{restored:?}");
    assert_eq!(copies(&state), 0);
    assert_output(&place.run(["get", "api"]), 0, "token-1-c0ffee\n", "");

    fs::remove_file(filler).unwrap();
    succeed(&place, &["backup", "--force", &path]);
    succeed(&place, &["restore", "--yes", &path]);
    // The one before takes no space while the disk is nearly full: it is moved, not copied.
    assert_eq!(copies(&state), 1);
    assert_output(&place.run(["get", "api"]), 0, "token-1-c0ffee\n", "");
    assert_eq!(daemon.end().code, Some(0));
}
