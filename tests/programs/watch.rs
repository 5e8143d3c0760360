//! `watch`: tokens as they change.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use nix::sys::signal::Signal;

use super::{Running, add, interruptible, token};
use crate::support::{PATIENCE, Place, binary, provider::Provider};

#[test]
fn changes_are_told_without_tokens_through_a_restart() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let daemon = place.start();
    add(&place, &provider, &["one"]);
    let running = Running::start(place.cli().arg("watch"));
    let first = running.line();
    assert!(first.contains("Z one: token ") && first.ends_with("expires in 1h"), "{first}");
    assert!(place.run(["refresh", "one"]).status.success());
    assert!(running.line().contains("Z one: token "));
    daemon.kill();
    let _daemon = place.start();
    assert!(place.run(["refresh", "one"]).status.success());
    let third = running.wait_for_part("Z one: token ");
    assert!(!third.contains("c0ffee"), "{third}");
    running.signal(Signal::SIGTERM);
    // The token that was held all along is no news.
    assert_eq!(running.end(), (Some(0), Vec::new()));
}

#[test]
fn each_change_is_an_object_on_a_line_and_has_the_token_if_it_is_asked_for() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    add(&place, &provider, &["one"]);
    let mut command = place.cli();
    command.args(["watch", "one", "none", "--json", "--show-token"]);
    let running = Running::start(&mut interruptible(&command));
    let mut objects = [running.line(), running.line()]
        .map(|line: String| serde_json::from_str::<serde_json::Value>(&line).unwrap());
    objects.sort_by_key(|object| object["name"].to_string());
    assert_eq!(objects[0]["event"], "no_token");
    assert_eq!(objects[0]["reason"], "CREDENTIAL_NOT_FOUND");
    assert_eq!(objects[1]["value"], token(1));
    running.signal(Signal::SIGINT);
    assert_eq!(running.end(), (Some(130), Vec::new()));
}

#[test]
fn a_program_runs_for_each_token_one_at_a_time_and_the_latest_counts() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    add(&place, &provider, &["one"]);
    // It says what it got, waits to be told to go on, and fails: all that is said stands in the
    // order in which it happens on standard error alone.
    let go = place.path().join("go");
    nix::unistd::mkfifo(&go, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let script = format!("echo $TOKEND_NAME $(cat) >&2; read line < {}; exit 3", go.display());
    let mut command = place.cli();
    command.args(["watch", "one", "--", "sh", "-c", &script]);
    let running = Running::start(&mut command);
    running.wait_for(&format!("one {}", token(1)));
    // All these come while it runs.
    let mut watch = place.cli();
    let other = Running::start(watch.args(["watch", "one", "--json", "--show-token"]));
    other.wait_for_part(&token(1));
    for number in 2..=4 {
        assert!(place.run(["refresh", "one"]).status.success());
        other.wait_for_part(&token(number));
    }
    let mut seen = 1;
    while seen < 4 {
        fs::write(&go, "\n").unwrap();
        running.wait_for_part("sh failed for the token of one: exit status: 3");
        let line = running.wait_for_part("one token-");
        let number = (seen + 1..=4).find(|number| line == format!("one {}", token(*number)));
        seen = number.expect("it is a newer one");
    }
    // It is ended as the watch is.
    running.signal(Signal::SIGTERM);
    assert_eq!(running.end(), (Some(0), Vec::new()));
}

#[test]
fn a_watch_waits_for_a_daemon_that_is_not_there_yet() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let daemon = place.start();
    add(&place, &provider, &["one"]);
    daemon.end();
    let running = Running::start(place.cli().args(["watch", "one"]));
    let waiting = running.line();
    assert!(waiting.starts_with("tokend-cli: tokend isn't running: "), "{waiting}");
    assert!(waiting.ends_with("; it is tried again"), "{waiting}");
    let _daemon = place.start();
    running.wait_for_part("Z one: token ");
}

#[test]
fn no_program_runs_for_a_token_that_was_taken_away_before_its_turn() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    add(&place, &provider, &["one"]);
    let go = place.path().join("go");
    nix::unistd::mkfifo(&go, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let script = format!("cat; echo; read line < {}; exit 3", go.display());
    let running = Running::start(place.cli().args(["watch", "one", "--", "sh", "-c", &script]));
    assert_eq!(running.line(), token(1));
    // Both come while it runs.
    assert!(place.run(["refresh", "one"]).status.success());
    assert!(place.run(["revoke", "one", "--yes", "--local"]).status.success());
    running.wait_for_part("no token of one is held");
    fs::write(&go, "\n").unwrap();
    running.wait_for_part("exit status: 3");
    assert!(place.run(["refresh", "one"]).status.success());
    assert_eq!(running.line(), token(3));
    running.signal(Signal::SIGTERM);
    assert_eq!(running.end().0, Some(0));
}

#[test]
fn a_program_that_runs_gets_each_signal_and_is_waited_for() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    add(&place, &provider, &["one"]);
    let go = place.path().join("go");
    nix::unistd::mkfifo(&go, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // Ctrl-C isn't enough for it.
    let script = format!("trap '' INT; echo ready; read line < {}", go.display());
    let mut command = place.cli();
    command.args(["watch", "one", "--", "sh", "-c", &script]);
    let running = Running::start(&mut interruptible(&command));
    running.wait_for("ready");
    running.signal(Signal::SIGINT);
    running.signal(Signal::SIGTERM);
    // Which of them is noticed first is left to the system.
    let (code, lines) = running.end();
    assert!(code == Some(130) || code == Some(0), "{code:?}");
    assert_eq!(lines, [""; 0]);
}

#[test]
fn what_was_ignored_before_does_not_end_a_watch() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    add(&place, &provider, &["one"]);
    let line = format!("trap '' INT; exec {} watch one", binary("tokend-cli").display());
    let mut command = Command::new("sh");
    let running = Running::start(command.args(["-c", &line]).env("TOKEND_SOCKET", place.socket()));
    running.wait_for_part("Z one: token ");
    running.signal(Signal::SIGINT);
    running.signal(Signal::SIGTERM);
    assert_eq!(running.end(), (Some(0), Vec::new()));
}

#[test]
fn a_watch_that_nobody_reads_any_more_ends_without_a_change() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    add(&place, &provider, &["one"]);
    let mut command = Command::new("timeout");
    command.arg(PATIENCE.as_secs().to_string()).arg(binary("tokend-cli")).args(["watch", "one"]);
    command.env("TOKEND_SOCKET", place.socket()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut watch = command.spawn().unwrap();
    let mut line = String::new();
    // As `head -1` does.
    BufReader::new(watch.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("Z one: token "), "{line}");
    let ended = watch.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr), (Some(1), Vec::new()));
}

#[test]
fn the_first_token_of_what_is_added_later_is_a_change() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let running = Running::start(place.cli().args(["watch", "--changes-only"]));
    running.wait_for_part("it is tried again");
    let _daemon = place.start();
    add(&place, &provider, &["one"]);
    running.wait_for_part("Z one: token ");
}
