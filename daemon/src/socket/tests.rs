//! Sockets and their directories, and who else may have put something there.

use std::os::unix::{fs::symlink, net::UnixDatagram};

use tempfile::TempDir;

use super::*;

const STRANGER: u32 = 54_321;

/// A directory that tokend may use.
fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run");
    make_directory(&path, Reach::Own).unwrap();
    (dir, path)
}

fn mode_of(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn permit(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Gives something to another user. Only root can: continuous integration is.
fn give_away(path: &Path) -> bool {
    let given = std::os::unix::fs::lchown(path, Some(STRANGER), Some(STRANGER)).is_ok();
    if !given {
        eprintln!("skipped: only root can give files away; continuous integration is");
    }
    given
}

#[test]
fn a_socket_of_a_dead_process_is_replaced_and_a_living_one_is_not() {
    let (_dir, run) = place();
    let path = run.join(CALLERS);
    drop(bind(&path, Reach::Own).unwrap());
    let (listener, _) = bind(&path, Reach::Own).unwrap();
    assert_eq!(mode_of(&path), 0o600);
    let error = bind(&path, Reach::Own).unwrap_err();
    assert!(matches!(error, SocketError::InUse(_)), "{error}");
    // One that is too busy to answer lives, too.
    let backlog: Vec<_> = std::iter::repeat_with(|| is_stale(&path)).take(5_000).collect();
    assert!(!backlog.contains(&true));
    drop(listener);
    assert_eq!(fs::read_dir(&run).unwrap().count(), 1, "nothing else is left behind");
}

#[test]
fn a_stale_socket_of_another_user_is_left_where_it_is() {
    let (_dir, run) = place();
    let path = run.join(CALLERS);
    drop(UnixListener::bind(&path).unwrap());
    if give_away(&path) {
        let error = bind(&path, Reach::Own).unwrap_err().to_string();
        assert!(error.contains("belongs to uid 54321, neither root nor"), "{error}");
        assert!(path.exists());
    }
}

#[test]
fn nothing_but_a_socket_is_replaced() {
    let (_dir, run) = place();
    let (path, precious) = (run.join(CALLERS), run.join("precious"));
    fs::write(&precious, "precious").unwrap();
    let elsewhere = bind(&run.join("other.sock"), Reach::Own).unwrap();
    let in_the_way: [&dyn Fn(); 5] = [
        &|| fs::write(&path, "").unwrap(),
        &|| symlink(&precious, &path).unwrap(),
        &|| symlink("other.sock", &path).unwrap(),
        &|| symlink("nowhere", &path).unwrap(),
        &|| fs::create_dir(&path).unwrap(),
    ];
    for make in in_the_way {
        make();
        let before = fs::symlink_metadata(&path).unwrap();
        let error = bind(&path, Reach::Own).unwrap_err();
        assert!(matches!(error, SocketError::NotASocket(_)), "{error}");
        assert_eq!(fs::symlink_metadata(&path).unwrap().ino(), before.ino());
        if before.is_dir() {
            fs::remove_dir(&path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
    }
    assert_eq!(fs::read(&precious).unwrap(), b"precious");
    // Another kind of socket, which is used.
    let _datagrams = UnixDatagram::bind(&path).unwrap();
    let error = bind(&path, Reach::Own).unwrap_err();
    assert!(matches!(error, SocketError::InUse(_)), "{error}");
    drop(elsewhere);
}

#[test]
fn a_path_that_is_too_long_for_a_socket_is_said_to_be() {
    let (_dir, run) = place();
    let path = run.join("d".repeat(LONGEST_PATH)).join(CALLERS);
    let error = bind(&path, Reach::Own).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "is longer than the 107 bytes that a socket's can have: set runtime_dir \
                             to a shorter one"
        ),
        "{error}"
    );
}

#[test]
fn only_the_daemons_own_socket_is_removed_at_its_end() {
    let (_dir, run) = place();
    let path = run.join(CALLERS);
    let (_listener, first) = bind(&path, Reach::Own).unwrap();
    fs::remove_file(&path).unwrap();
    let (_other, second) = bind(&path, Reach::Own).unwrap();
    first.remove();
    assert!(path.exists());
    second.remove();
    assert!(!path.exists());
}

#[test]
fn directories_are_private_unless_others_are_let_in() {
    let dir = tempfile::tempdir().unwrap();
    for (name, reach, mode) in
        [("a", Reach::Own, 0o700), ("b", Reach::Group(0), 0o755), ("c", Reach::Anyone, 0o755)]
    {
        let path = dir.path().join(name);
        make_directory(&path, reach).unwrap();
        assert_eq!(mode_of(&path), mode);
    }
}

#[test]
fn a_listeners_directory_is_reached_by_a_mount_or_by_its_group() {
    let (_dir, run) = place();
    let group = rustix::process::getegid().as_raw();
    for (name, reach, modes) in [
        ("a/b/ci", Reach::Anyone, [0o700, 0o700, 0o755]),
        ("c/d/ci", Reach::Group(group), [0o755, 0o755, 0o750]),
    ] {
        let dir = run.join(name);
        make_directory_below(&run, &dir, reach).unwrap();
        let mut above: Vec<_> = dir.ancestors().take(3).map(mode_of).collect();
        above.reverse();
        assert_eq!(above, modes);
        assert_eq!(fs::metadata(&dir).unwrap().gid(), group);
        // It stays as it is, with its number: mounts of it are to last.
        let before = fs::metadata(&dir).unwrap().ino();
        make_directory_below(&run, &dir, reach).unwrap();
        assert_eq!(fs::metadata(&dir).unwrap().ino(), before);
    }
    assert_eq!(mode_of(&run), 0o700);
    let elsewhere = run.with_file_name("elsewhere");
    let error = make_directory_below(&run, &elsewhere, Reach::Anyone).unwrap_err();
    assert!(matches!(error, SocketError::NoDirectory(_)), "{error}");
    fs::create_dir(&elsewhere).unwrap();
    permit(&elsewhere, 0o755);
    make_directory_below(&run, &elsewhere, Reach::Anyone).unwrap();
}

#[test]
fn a_directory_in_which_others_could_put_a_socket_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let refused = |part: &str| {
        let error = make_directory(&run, Reach::Own).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    fs::write(&run, "").unwrap();
    refused("run is in the way and isn't a directory; move it away");
    fs::remove_file(&run).unwrap();

    // The sticky bit keeps no one from making the socket first.
    make_directory(&run, Reach::Own).unwrap();
    for mode in [0o777, 0o1777, 0o770, 0o702] {
        permit(&run, mode);
        refused("run can be written by other users");
    }
    permit(&run, 0o700);

    permit(dir.path(), 0o777);
    refused("which has no sticky bit, and put another directory in its place; `chmod o-w");
    permit(dir.path(), 0o1777);
    make_directory(&run, Reach::Own).unwrap();
    permit(dir.path(), 0o700);

    let real = dir.path().join("real");
    fs::rename(&run, &real).unwrap();
    symlink(&real, &run).unwrap();
    make_directory(&run, Reach::Own).unwrap();
    permit(&real, 0o777);
    refused("run can be written by other users");
    permit(&real, 0o700);
    if give_away(&run) {
        refused("run is a link that belongs to uid 54321, neither root nor");
        fs::remove_file(&run).unwrap();
        fs::rename(&real, &run).unwrap();
        give_away(&run);
        refused("run belongs to uid 54321, neither root nor the daemon's own user");
    } else {
        fs::remove_file(&run).unwrap();
    }
    let _ = fs::remove_dir(&run);
    symlink("nowhere", &run).unwrap();
    refused("there is no directory");
}
