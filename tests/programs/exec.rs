//! `exec`: a program with tokens.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{ChildStdin, Command, Stdio},
};

use nix::sys::{
    signal::Signal,
    statfs::{TMPFS_MAGIC, statfs},
};

use super::{Changes, Running, add, content, interruptible, names, token};
use crate::support::{self, Place, assert_output, provider::Provider, text};

#[test]
fn a_program_finds_its_tokens_in_its_environment_and_nowhere_else() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    add(&place, &provider, &["one", "two"]);
    let show = "echo $ONE_TOKEN $OTHER; tr '\\0' ' ' < /proc/$$/cmdline | grep -c $ONE_TOKEN; \
                ls -l /proc/$$/fd | grep -c socket:";
    let ended = place.run(["exec", "one", "OTHER=two", "--", "sh", "-c", show]);
    let shown = text(&ended.stdout);
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines[0], format!("{} {}", token(1), token(2)), "{}", text(&ended.stderr));
    // The connection to the daemon isn't handed on.
    assert_eq!((lines[1], lines[2]), ("0", "0"));
    let header = place.run(["exec", "--header", "H=one", "--", "sh", "-c", "printf %s \"$H\""]);
    // curl -H adds the line break by itself.
    assert_output(&header, 0, &format!("Authorization: Bearer {}", token(1)), "");
}

#[test]
fn nothing_is_started_unless_all_tokens_are_there() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let daemon = place.start();
    add(&place, &provider, &["one"]);
    let mark = place.path().join("started");
    let attempt = |words: &[&str]| {
        let touch = ["--", "touch", mark.to_str().unwrap()];
        let ended = place.run(["exec"].iter().chain(words).chain(&touch));
        assert!(!mark.exists() && ended.stdout.is_empty(), "{words:?}");
        (ended.status.code(), text(&ended.stderr))
    };
    assert_eq!(attempt(&["one", "none"]).0, Some(3));
    assert_eq!(attempt(&["--files", "one", "none"]).0, Some(3));
    assert_eq!(attempt(&["one", "one"]).0, Some(2));
    let (code, stderr) = attempt(&["one:other"]);
    assert!(code == Some(1) && stderr.contains("has no field \"other\"; it has token"), "{stderr}");
    daemon.end();
    assert_eq!(attempt(&["one"]).0, Some(4));
}

#[test]
fn the_exit_status_is_the_programs_own() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    add(&place, &provider, &["one"]);
    let plain = place.path().join("plain");
    fs::write(&plain, "no program").unwrap();
    let plain = plain.to_str().unwrap();
    for files in [None, Some("--files")] {
        let code = |program: &[&str]| {
            let words = ["exec"].into_iter().chain(files).chain(["one", "--"]);
            place.run(words.chain(program.iter().copied())).status.code()
        };
        assert_eq!(code(&["true"]), Some(0), "{files:?}");
        assert_eq!(code(&["sh", "-c", "exit 77"]), Some(77), "{files:?}");
        assert_eq!(code(&["/no/such/program"]), Some(127), "{files:?}");
        assert_eq!(code(&[plain]), Some(126), "{files:?}");
    }
    // Where nothing is left in between, the signal itself is seen; else what shells make of it.
    let died = ["--", "sh", "-c", "kill -KILL $$"];
    let own = place.run(["exec", "one"].iter().chain(&died)).status;
    assert_eq!(own.signal(), Some(9));
    let told = place.run(["exec", "--files", "one"].iter().chain(&died)).status;
    assert_eq!(told.code(), Some(137));
}

/// A program that shows its file's path and content, shows it again at each USR1, and says
/// which signals it got: bash notices one that came before it reads when it has read.
const SERVER: &str = "\
    trap 'cat $ONE_TOKEN_FILE; echo' USR1; \
    trap 'echo got TERM; exit 9' TERM; trap 'echo got HUP' HUP; \
    echo $ONE_TOKEN_FILE; cat $ONE_TOKEN_FILE; echo; \
    while :; do read -t 1 line; [ $? = 1 ] && exit 8; done";

/// Starts the program with a standard input that stays open.
fn serve(place: &Place, flags: &[&str]) -> (Running, PathBuf, ChildStdin) {
    let mut command = place.cli();
    command.args(["exec", "--files"]).args(flags);
    command.args(["one", "--", "bash", "-c", SERVER]);
    let mut running = Running::start(interruptible(&command).stdin(Stdio::piped()));
    let file = PathBuf::from(running.line());
    let stdin = running.child.stdin.take().unwrap();
    (running, file, stdin)
}

#[test]
fn files_in_memory_are_kept_current_and_go_with_the_program() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let daemon = place.start();
    add(&place, &provider, &["one"]);
    let (running, file, stdin) = serve(&place, &[]);
    assert_eq!(running.line(), token(1));
    let directory = file.parent().unwrap().to_owned();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&directory), mode(&file)), (0o700, 0o600));
    let system = statfs(&directory).unwrap().filesystem_type();
    assert_eq!(system, TMPFS_MAGIC);

    let changed = Changes::of(&directory);
    assert!(place.run(["refresh", "one"]).status.success());
    changed.wait_until(|| content(&file) == token(2));
    running.signal(Signal::SIGUSR1);
    running.wait_for(&token(2));
    // The daemon may come and go.
    daemon.kill();
    let _daemon = place.start();
    assert!(place.run(["refresh", "one"]).status.success());
    changed.wait_until(|| content(&file) == token(3));
    assert_eq!(names(&directory), [file]);

    drop(stdin);
    assert_eq!(running.end().0, Some(8));
    assert!(!directory.exists());
}

#[test]
fn a_program_is_told_that_a_file_was_replaced_if_that_is_asked_for() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    add(&place, &provider, &["one"]);
    let (running, _, stdin) = serve(&place, &["--signal", "USR1"]);
    assert_eq!(running.line(), token(1));
    assert!(place.run(["refresh", "one"]).status.success());
    // It shows the file at that signal, and not before.
    assert_eq!(running.line(), token(2));
    drop(stdin);
    assert_eq!(running.end(), (Some(8), Vec::new()));
}

#[test]
fn a_file_that_could_not_be_replaced_is_tried_again() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    add(&place, &provider, &["one"]);
    let (running, file, _stdin) = serve(&place, &[]);
    assert_eq!(running.line(), token(1));
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(place.run(["refresh", "one"]).status.success());
    running.wait_for_part("is a directory: ");
    let changed = Changes::of(file.parent().unwrap());
    fs::remove_dir(&file).unwrap();
    changed.wait_until(|| fs::read(&file).is_ok_and(|bytes| text(&bytes) == token(2)));
}

#[test]
fn signals_reach_the_program_and_the_files_go_all_the_same() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    add(&place, &provider, &["one"]);
    let (running, file, _stdin) = serve(&place, &[]);
    assert_eq!(running.line(), token(1));
    running.signal(Signal::SIGHUP);
    running.wait_for("got HUP");
    running.signal(Signal::SIGTERM);
    assert_eq!(running.end(), (Some(9), vec!["got TERM".to_owned()]));
    assert!(!file.parent().unwrap().exists());
}

#[test]
fn what_was_ignored_before_stays_so_in_the_program() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    add(&place, &provider, &["one"]);
    for files in ["", "--files"] {
        let cli = support::binary("tokend-cli");
        let show = "grep SigIgn /proc/self/status";
        let line = format!("trap '' HUP; exec {} exec {files} one -- {show}", cli.display());
        let mut command = Command::new("env");
        command.args(["--default-signal", "sh", "-c", &line]);
        let ended = command.env("TOKEND_SOCKET", place.socket()).output().unwrap();
        let shown = text(&ended.stdout);
        assert!(shown.trim_end().ends_with('1'), "{files}: {shown} {}", text(&ended.stderr));
    }
}

#[test]
fn a_disk_is_taken_for_files_only_if_that_is_asked_for() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    add(&place, &provider, &["one"]);
    let there = place.path().join("there");
    fs::create_dir(&there).unwrap();
    let show = ["one", "--", "sh", "-c", "echo $ONE_TOKEN_FILE"];
    let mut command = place.cli();
    command.env("XDG_RUNTIME_DIR", &there).args(["exec", "--files"]).args(show);
    // Whether it is on a disk depends on where temporary files are.
    let is_disk = statfs(&there).unwrap().filesystem_type() != TMPFS_MAGIC;
    let shown = text(&command.output().unwrap().stdout);
    assert_eq!(shown.starts_with(there.to_str().unwrap()), !is_disk, "{shown}");
    let told = ["exec", "--files", "--directory", there.to_str().unwrap()];
    let shown = text(&place.run(told.iter().chain(&show)).stdout);
    assert!(shown.starts_with(there.to_str().unwrap()), "{shown}");
    assert!(names(&there).is_empty());
}
