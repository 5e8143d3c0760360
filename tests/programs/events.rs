//! `events`: what has happened, and what happens.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::{Running, SECRET, add};
use crate::support::{
    PATIENCE, Place, assert_output, binary,
    provider::{Provider, Reply},
    text,
};

/// Returns the kinds of what is told of some credentials, or of all.
fn kinds(place: &Place, names: &[&str]) -> Vec<String> {
    let told = place.run(["events", "--json"].iter().chain(names));
    assert!(told.status.success(), "{}", text(&told.stderr));
    text(&told.stdout).lines().map(kind).collect()
}

fn kind(line: &str) -> String {
    let event: Value = serde_json::from_str(line).unwrap();
    event["kind"].as_str().unwrap().to_owned()
}

#[test]
fn what_has_happened_is_told_once_each_and_without_secrets() {
    let place = Place::new();
    let provider = Provider::scripted(|number, _| match number {
        1 => Reply::json(200, r#"{"access_token":"token-1-c0ffee","expires_in":3600}"#),
        2 => Reply::json(503, format!(r#"{{"error":"{SECRET}"}}"#)),
        _ => Reply::json(400, r#"{"error":"invalid_client"}"#),
    });
    let _daemon = place.start();
    add(&place, &provider, &["one"]);
    assert!(place.run(["grant", "one", "uid:54321"]).status.success());
    // The provider fails first, and then says no.
    for status in [4, 5] {
        assert_eq!(place.run(["refresh", "one"]).status.code(), Some(status));
    }
    assert!(place.run(["reject", "one", "--status", "401"]).status.code() != Some(0));
    assert!(place.run(["remove", "one", "--yes"]).status.success());
    let all = kinds(&place, &[]);
    let of_one = kinds(&place, &["one"]);
    assert_eq!((all[0].as_str(), &all[1..]), ("STARTED", &of_one[..]));
    let expected =
        ["CREATED", "ISSUED", "ACCESS_CHANGED", "FAILED", "FAILED", "REJECTED", "REMOVED"];
    assert_eq!(of_one, expected);
    assert_eq!(kinds(&place, &["other"]), [""; 0]);
    let told = text(&place.run(["events", "one"]).stdout);
    let lines: Vec<_> =
        told.lines().map(|line| line.split_once("one ").unwrap().1.trim()).collect();
    assert!(lines[0].starts_with("created            readers: "), "{told}");
    assert!(lines[1].starts_with("issued             absent, took "), "{told}");
    assert!(lines[1].contains(", lives "), "{told}");
    assert!(lines[2].contains("readers: uid:54321"), "{told}");
    assert!(
        lines[3].starts_with("failed             forced, ") && lines[3].contains(", again in ")
    );
    assert!(lines[4].ends_with(", see tokend-cli show one"), "{told}");
    assert!(lines[5].starts_with("rejected           no other token can be had"), "{told}");
    assert_eq!(place.run(["events", "--since", "0s"]).stdout, b"");
}

#[test]
fn whoever_follows_hears_of_what_happens_through_a_restart_and_of_nothing_twice() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let daemon = place.start();
    add(&place, &provider, &["one"]);
    let running = Running::start(place.cli().args(["events", "--follow", "--json"]));
    let told = |count: usize| (0..count).map(|_| kind(&running.line())).collect::<Vec<_>>();
    assert_eq!(told(3), ["STARTED", "CREATED", "ISSUED"]);
    assert!(place.run(["refresh", "one"]).status.success());
    assert_eq!(told(1), ["ISSUED"]);
    daemon.kill();
    let _daemon = place.start();
    assert_eq!(told(1), ["STARTED"]);
    assert!(place.run(["refresh", "one"]).status.success());
    assert_eq!(told(1), ["ISSUED"]);
    running.signal(Signal::SIGTERM);
    assert_eq!(running.end(), (Some(0), Vec::new()));
}

#[test]
fn one_who_follows_does_not_hold_the_daemons_end_and_waits_for_the_next() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let daemon = place.start();
    add(&place, &provider, &["one"]);
    let running = Running::start(place.cli().args(["events", "-f", "one"]));
    running.wait_for_part(" issued ");
    assert_eq!(daemon.end().code, Some(0));
    let _daemon = place.start();
    assert!(place.run(["refresh", "one"]).status.success());
    running.wait_for_part(" issued ");
}

#[test]
fn events_that_nobody_reads_any_more_end_without_a_word() {
    let place = Place::new();
    let _daemon = place.start();
    let mut command = Command::new("timeout");
    command.arg(PATIENCE.as_secs().to_string()).arg(binary("tokend-cli")).args(["events", "-f"]);
    command.env("TOKEND_SOCKET", place.socket()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut events = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(events.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains(" started "), "{line}");
    let ended = events.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr), (Some(1), Vec::new()));
}

#[test]
fn a_name_that_is_none_is_refused() {
    let place = Place::new();
    let _daemon = place.start();
    let refused = place.run(["events", "A B"]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    assert_output(&place.run(["events", "none"]), 0, "", "");
}
