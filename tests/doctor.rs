//! `tokend doctor` beside a daemon and without one.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    process::Output,
};

use serde_json::Value;
use support::{Place, provider::Provider, text};

/// What is found, as scripts read it.
fn findings(output: &Output) -> Vec<Value> {
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    all.as_array().unwrap().clone()
}

/// What is said of this, with its level.
fn said_of(output: &Output, about: &str) -> Vec<(String, String)> {
    let of_it = findings(output).into_iter().filter(|finding| finding["about"] == about);
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    of_it.map(|finding| (word(&finding, "level"), word(&finding, "what"))).collect()
}

#[test]
fn providers_are_connected_to_and_not_asked() {
    let place = Place::new();
    let (well, gone) = (Provider::issuing(), TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let refused = gone.local_addr().unwrap().to_string();
    drop(gone);
    let daemon = place.start();
    assert!(place.add("well", well.url(), "s3cret-Horse_Battery").status.success());
    place.add("gone", &format!("http://{refused}"), "s3cret-Horse_Battery");
    // The end of a connection is no request.
    let asked = || well.requests().iter().filter(|request| !request.path.is_empty()).count();
    assert_eq!(asked(), 1);

    let looked = place.tokend(["doctor", "--json"]);
    assert_eq!(looked.status.code(), Some(1), "{}", text(&looked.stderr));
    let host = well.url().trim_start_matches("http://");
    let said = said_of(&looked, "provider");
    assert_eq!(said[0], ("ok".to_owned(), format!("{host} can be reached for well")));
    assert_eq!(said[1].0, "fail");
    let problem = format!("{refused} can't be reached for gone: tcp connect error");
    assert!(said[1].1.starts_with(&problem), "{said:?}");
    assert_eq!(said.len(), 2);
    assert_eq!(asked(), 1);
    let version = format!("its version is this one's: {}", env!("CARGO_PKG_VERSION"));
    assert!(said_of(&looked, "daemon").contains(&("ok".to_owned(), version)));
    let sockets = said_of(&looked, "socket");
    assert!(sockets.iter().all(|(level, what)| level == "ok" && what.contains("is served")));
    daemon.end();
}

#[test]
fn a_providers_clock_is_known_by_its_answers() {
    let place = Place::new();
    let provider = Provider::scripted(|number, _| {
        support::provider::issued(number, 3_600).with("date", "Thu, 01 Jan 2015 00:00:00 GMT")
    });
    let daemon = place.start();
    place.add("api", provider.url(), "s3cret-Horse_Battery");
    let clock = said_of(&place.tokend(["doctor", "--json"]), "clock");
    let said = |(level, what): &(String, String)| {
        level == "warn" && what.contains(" s ahead of that of the provider of api at ")
    };
    assert!(clock.iter().any(said), "{clock:?}");
    daemon.end();
}

#[test]
fn without_a_daemon_it_says_what_nobody_could_look_at() {
    let place = Place::new();
    let looked = place.tokend(["doctor", "--json"]);
    assert_eq!(looked.status.code(), Some(1), "nobody serves the sockets");
    let daemon = said_of(&looked, "daemon");
    let [(level, what)] = daemon.as_slice() else { panic!("{daemon:?}") };
    assert_eq!(level, "warn");
    assert!(what.contains("whether providers can be reached, weren't looked at"), "{what}");
    assert_eq!(said_of(&looked, "provider"), []);
}

#[test]
fn mistakes_are_lines_like_any_other() {
    let place = Place::new();
    let declared = place.path().join("credentials.d");
    fs::create_dir(&declared).unwrap();
    fs::write(declared.join("a.toml"), "credential.a.provider = 'no-such-provider'\n").unwrap();
    place.configure(&format!("credential_dirs = ['{}']", declared.display()));
    place.define("broken", "title = ''\nno_such_key = 1\n");
    let looked = place.tokend(["doctor", "--json"]);
    assert_eq!(looked.status.code(), Some(1));
    let said = said_of(&looked, "configuration");
    for part in ["broken.toml:2:1: ", "no-such-provider"] {
        let tells = |(level, what): &(String, String)| level == "fail" && what.contains(part);
        assert!(said.iter().any(tells), "{part}: {said:?}");
    }
    assert!(!said_of(&looked, "store").is_empty(), "it goes on");

    place.configure("lgo = 'info'");
    let looked = place.tokend(["doctor"]);
    assert_eq!(looked.status.code(), Some(1));
    let out = text(&looked.stdout);
    let lines: Vec<_> = out.lines().collect();
    let [mistake, rest] = lines.as_slice() else { panic!("{out}") };
    assert!(mistake.starts_with("FAIL configuration: ") && mistake.contains("`lgo`"), "{out}");
    assert!(rest.starts_with("warn configuration: ") && rest.contains("nothing else was looked"));
}
