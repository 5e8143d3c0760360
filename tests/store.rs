//! The store, its backups and its keys, with the real binaries.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

#[path = "store/backups.rs"]
mod backups;
#[path = "store/damage.rs"]
mod damage;
#[path = "store/full.rs"]
mod full;
#[path = "store/hosts.rs"]
mod hosts;
#[path = "store/keys.rs"]
mod keys;
#[path = "store/released.rs"]
mod released;
#[path = "store/restoring.rs"]
mod restoring;

use std::{fs, path::Path, process::Output};

use support::{Place, assert_output, provider::Provider, text};

const SECRET: &str = "s3cret-Horse_Battery";

/// What a command ends with when a budget is spent.
const SPENT: Option<i32> = Some(6);

/// What a command ends with when waiting doesn't help.
const PERSON_NEEDED: Option<i32> = Some(5);

/// Adds a credential with ten tokens in twelve hours.
fn add_limited(place: &Place, name: &str, provider: &Provider) {
    let added = place.add(name, provider.url(), SECRET);
    assert!(added.status.success(), "{}", text(&added.stderr));
    succeed(place, &["set", name, "--limit", "10/12h"]);
}

#[track_caller]
fn succeed(place: &Place, arguments: &[&str]) -> String {
    let output = place.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn told(output: &Output) -> String {
    text(&output.stderr)
}

/// Copies all files of one directory into another.
fn copy(from: &Path, to: &Path) {
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[test]
fn a_restored_backup_spends_nothing_until_an_operator_says_what_was_used() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let daemon = place.start();
    add_limited(&place, "api", &provider);
    assert!(place.add("idle", provider.url(), SECRET).status.success());
    succeed(&place, &["set", "idle", "--refresh", "on-demand"]);
    succeed(&place, &["revoke", "idle", "--local", "--yes"]);
    let not_restored = place.run(["budget", "accept", "--used", "0", "--all"]);
    assert_eq!(not_restored.status.code(), PERSON_NEEDED);
    assert!(told(&not_restored).contains("never restored"), "{not_restored:?}");
    assert_eq!(daemon.end().code, Some(0));
    let database = place.state().join("tokend.db");
    let backup = fs::read(&database).unwrap();
    let daemon = place.start();
    succeed(&place, &["refresh", "api"]);
    daemon.kill();
    let _ = fs::remove_file(place.state().join("tokend.db-wal"));
    fs::write(&database, backup).unwrap();

    let daemon = place.start();
    let asked = provider.requests().len();
    // What is held is served.
    assert_output(&place.run(["get", "api"]), 0, "token-1-c0ffee\n", "");
    let status = succeed(&place, &["status"]);
    let command = "`tokend-cli budget accept --used N --credential api`";
    let problem = "so its limits count as spent until";
    assert!(status.contains(problem) && status.contains(command), "{status}");
    assert!(succeed(&place, &["budget"]).contains("?/10"));
    daemon.kill();
    // It is noticed once, and lasts.
    let _daemon = place.start();
    for arguments in [["refresh", "api"], ["get", "idle"]] {
        let refused = place.run(arguments);
        assert_eq!(refused.status.code(), SPENT, "{refused:?}");
        let command = format!("tokend-cli budget accept --used N --credential {}", arguments[1]);
        assert!(told(&refused).contains(&command), "{refused:?}");
        // It is half a day since the notice, which is a moment ago.
        let wait = ["12h", "11h 59m"].map(|wait| format!("the next is allowed in {wait}\n"));
        assert!(wait.iter().any(|wait| told(&refused).contains(wait)), "{refused:?}");
    }
    assert_eq!(provider.requests().len(), asked);

    let accepted = succeed(&place, &["budget", "accept", "--used", "1", "--credential", "api"]);
    // Two are in the backup.
    assert!(accepted.contains("3/10") && !accepted.contains('?'), "{accepted}");
    assert!(place.run(["get", "idle"]).status.success());
    succeed(&place, &["refresh", "api"]);
    assert_eq!(provider.requests().len(), asked + 2);
    assert!(!succeed(&place, &["status"]).contains("nobody knows"));
    let nobody = place.run(["budget", "accept", "--used", "0", "nobody.example"]);
    assert!(told(&nobody).contains("there is no account"), "{nobody:?}");
}
