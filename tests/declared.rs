//! Credentials that files declare, with the real binaries.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

#[path = "declared/apply.rs"]
mod apply;
#[path = "declared/refresh_token.rs"]
mod refresh_token;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Output,
};

use support::{Daemon, Place, assert_output, canary, provider::Provider, text};

const OLD: &str = "0ld-Horse_Battery";
const NEW: &str = "n3w-Horse_Battery";

/// Makes a place whose daemons read declarations.
fn place() -> Place {
    let place = Place::new();
    place.configure(&format!("credential_dirs = ['{}']", declarations(&place).display()));
    fs::create_dir(declarations(&place)).unwrap();
    place
}

fn declarations(place: &Place) -> PathBuf {
    place.path().join("credentials.d")
}

fn declare(place: &Place, file: &str, text: &str) -> PathBuf {
    let path = declarations(place).join(file);
    fs::write(&path, text).unwrap();
    path
}

fn withdraw(place: &Place, file: &str) {
    fs::remove_file(declarations(place).join(file)).unwrap();
}

/// Writes a secret where references find it, and returns the path.
fn keep(place: &Place, name: &str, secret: &str) -> PathBuf {
    let path = place.path().join(name);
    fs::write(&path, canary::real(secret)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// Returns a declaration of a token that is its own secret.
fn bearer(name: &str, reference: &str, more: &str) -> String {
    format!(
        "[credential.{name}]\nprovider = 'static-bearer'\n{more}\n\
         variables = {{ url = 'https://api.example', user = 'ann' }}\n\
         secrets.token = {reference}\n"
    )
}

fn file(path: &Path) -> String {
    format!("{{ file = '{}' }}", path.display())
}

/// Returns a declaration for a provider on loopback.
fn oauth(client: &str, url: &str, path: &Path, more: &str) -> String {
    format!(
        "[credential.api]\nprovider = 'oauth2-client-credentials'\n{more}\n\
         variables = {{ token_url = '{url}/token', client_id = '{client}' }}\n\
         secrets.client_secret = {}\n",
        file(path)
    )
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn status(place: &Place) -> String {
    succeeded(&place.run(["status"]))
}

fn restart(place: &Place, daemon: Daemon) -> Daemon {
    daemon.end();
    place.start()
}

#[test]
fn what_is_declared_is_there_when_the_daemon_serves_whatever_its_secrets_lie_in() {
    let place = place();
    let units = place.path().join("unit");
    fs::create_dir(&units).unwrap();
    fs::write(units.join("ci-token"), canary::real(OLD)).unwrap();
    let kept = keep(&place, "kept", NEW);
    let command = format!("{{ command = ['/bin/cat', '{}'] }}", kept.display());
    declare(&place, "a.toml", &bearer("by-file", &file(&kept), "readers = ['uid:4711']"));
    let both = [
        bearer("by-unit", "{ credential = 'ci-token' }", ""),
        bearer("by-command", &command, ""),
        bearer("by-env", "{ env = 'CI_TOKEN' }", ""),
    ];
    declare(&place, "b.toml", &both.concat());
    let daemon = place.start_with(|command| {
        command.env("CREDENTIALS_DIRECTORY", &units).env("CI_TOKEN", "plain");
    });
    for (name, token) in
        [("by-file", NEW), ("by-unit", OLD), ("by-command", NEW), ("by-env", "plain")]
    {
        assert_output(&place.run(["get", name]), 0, &format!("{token}\n"), "");
    }
    let shown = succeeded(&place.run(["show", "by-file"]));
    assert!(shown.contains("credentials.d/a.toml") && shown.contains("uid:4711"), "{shown}");
    assert!(!status(&place).contains("problem"), "{}", status(&place));

    // After a restart the unit's credentials lie elsewhere, and another value is set.
    let moved = place.path().join("moved");
    fs::rename(&units, &moved).unwrap();
    daemon.end();
    let _daemon = place.start_with(|command| {
        command.env("CREDENTIALS_DIRECTORY", &moved).env("CI_TOKEN", "another");
    });
    assert_output(&place.run(["get", "by-unit"]), 0, &format!("{OLD}\n"), "");
    assert_output(&place.run(["get", "by-env"]), 0, "another\n", "");
}

#[test]
fn what_differs_is_changed_at_the_start_and_the_token_stays_unless_the_account_is_another() {
    let (place, provider) = (place(), Provider::issuing());
    let secret = keep(&place, "secret", OLD);
    declare(&place, "api.toml", &oauth("one", provider.url(), &secret, ""));
    let daemon = place.start();
    let first = succeeded(&place.run(["get", "api"]));
    let more = "readers = ['uid:4711']\nrefresh = 'used'\nlimits = ['24/day']";
    declare(&place, "api.toml", &oauth("one", provider.url(), &secret, more));
    let daemon = restart(&place, daemon);
    assert_eq!(succeeded(&place.run(["get", "api"])), first);
    let shown = succeeded(&place.run(["show", "api"]));
    for part in ["uid:4711", "24/day", "used"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // Whatever says the same changes nothing.
    let etag = |place: &Place| succeeded(&place.run(["show", "api", "--json"]));
    let before = etag(&place);
    let daemon = restart(&place, daemon);
    let update =
        |shown: &str| shown.lines().find(|line| line.contains("update_time")).map(str::to_owned);
    assert!(update(&before).is_some());
    assert_eq!(update(&etag(&place)), update(&before));
    assert_eq!(provider.requests().len(), 1);

    declare(&place, "api.toml", &oauth("two", provider.url(), &secret, more));
    let _daemon = restart(&place, daemon);
    assert_ne!(succeeded(&place.run(["get", "api"])), first);
    assert_eq!(provider.requests().len(), 2);
}

#[test]
fn with_a_mistake_in_any_file_all_is_served_as_it_is_stored_and_status_says_where() {
    let place = place();
    let kept = keep(&place, "kept", OLD);
    declare(&place, "a.toml", &bearer("a", &file(&kept), ""));
    let daemon = place.start();
    declare(&place, "a.toml", &bearer("a", &file(&kept), "readers = ['uid:4711']"));
    declare(&place, "b.toml", &bearer("b", &file(&kept), "reader = ['uid:4711']"));
    declare(&place, "c.toml", &bearer("c", "'0ld'", ""));
    let checked = place.tokend(["check"]);
    assert_eq!(checked.status.code(), Some(1));
    let complaints = text(&checked.stderr);
    assert!(
        complaints.contains("b.toml:3:1") && complaints.contains("c.toml:5:17"),
        "{complaints}"
    );
    let daemon = restart(&place, daemon);
    assert_output(&place.run(["get", "a"]), 0, &format!("{OLD}\n"), "");
    assert!(!succeeded(&place.run(["show", "a"])).contains("4711"));
    assert_eq!(place.run(["get", "b"]).status.code(), Some(3));
    let told = status(&place);
    for part in [
        "b.toml:3:1: unknown key `reader`, did you mean `readers`?",
        "c.toml:5:17: a secret can't stand in this file",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("no longer declared"), "{told}");
    let by_hand = place.run(["grant", "a", "uid:4712"]);
    assert_eq!(by_hand.status.code(), Some(5), "it counts as declared until that can be read");

    declare(&place, "b.toml", &bearer("b", &file(&kept), ""));
    withdraw(&place, "c.toml");
    let _daemon = restart(&place, daemon);
    assert_output(&place.run(["get", "b"]), 0, &format!("{OLD}\n"), "");
    assert!(!status(&place).contains("problem"));
}

#[test]
fn what_is_declared_is_not_changed_by_hand_until_it_is_declared_no_longer() {
    let place = place();
    let kept = keep(&place, "kept", OLD);
    let path = declare(&place, "a.toml", &format!("\n{}", bearer("a", &file(&kept), "")));
    let daemon = place.start();
    for arguments in [
        &["set", "a", "--refresh", "used"][..],
        &["grant", "a", "uid:4711"],
        &["revoke-access", "a", "uid:4711"],
        &["remove", "a", "--yes"],
    ] {
        let output = place.run(arguments);
        let complaint = format!("a is declared in {}:2, which would undo this", path.display());
        assert_eq!(output.status.code(), Some(5), "{arguments:?}");
        assert!(text(&output.stderr).contains(&complaint), "{}", text(&output.stderr));
    }
    let set = place.run_with_input(["set-secret", "a", "token"], NEW);
    assert!(text(&set.stderr).contains("is declared in"), "{}", text(&set.stderr));
    // What isn't a change of what is declared goes on.
    succeeded(&place.run(["refresh", "a"]));

    withdraw(&place, "a.toml");
    let daemon = restart(&place, daemon);
    assert_output(&place.run(["get", "a"]), 0, &format!("{OLD}\n"), "");
    let told = status(&place);
    assert!(told.contains("a is no longer declared in"), "{told}");
    assert!(told.contains("`tokend-cli remove a`"), "{told}");
    succeeded(&place.run(["set", "a", "--refresh", "used"]));
    assert!(!status(&place).contains("declared"), "whoever changes it by hand keeps it");
    drop(daemon);
}

#[test]
fn what_was_made_by_hand_is_taken_over_unless_it_is_of_another_provider() {
    let (place, provider) = (place(), Provider::issuing());
    let daemon = place.start();
    succeeded(&place.add("api", provider.url(), OLD));
    succeeded(&place.add("other", provider.url(), OLD));
    let first = succeeded(&place.run(["get", "api"]));
    let secret = keep(&place, "secret", OLD);
    declare(&place, "api.toml", &oauth("tester", provider.url(), &secret, ""));
    declare(&place, "other.toml", &bearer("other", &file(&secret), ""));
    daemon.end();
    let _daemon = place.start_until("made by hand, taken over as it is declared", |_| ());
    assert_eq!(succeeded(&place.run(["get", "api"])), first);
    assert!(succeeded(&place.run(["show", "api"])).contains("api.toml"));
    let told = status(&place);
    let expected =
        "other is one of oauth2-client-credentials and can't become one of static-bearer";
    assert!(told.contains(expected), "{told}");
    succeeded(&place.run(["get", "other"]));
    succeeded(&place.run(["set", "other", "--refresh", "used"]));
}

#[test]
fn a_secret_that_can_not_be_read_is_a_problem_of_its_credential_alone() {
    let place = place();
    let kept = keep(&place, "kept", OLD);
    declare(&place, "a.toml", &bearer("a", &file(&kept), ""));
    declare(&place, "b.toml", &bearer("b", &file(&place.path().join("missing")), ""));
    declare(&place, "c.toml", &bearer("c", "{ credential = 'ci-token' }", ""));
    let daemon = place.start();
    assert_output(&place.run(["get", "a"]), 0, &format!("{OLD}\n"), "");
    let told = status(&place);
    for part in [
        "b has no `token` yet: can't read",
        "c has no `token` yet",
        "LoadCredentialEncrypted=ci-token:",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    keep(&place, "missing", NEW);
    let _daemon = restart(&place, daemon);
    assert_output(&place.run(["get", "b"]), 0, &format!("{NEW}\n"), "");
}

#[test]
fn killed_between_two_it_makes_both_at_the_next_start() {
    let place = place();
    let kept = keep(&place, "kept", OLD);
    // It prints nothing for as long as it may run, and so the second waits.
    let silent = "{ command = ['/usr/bin/tail', '-f', '/dev/null'] }";
    declare(&place, "a.toml", &bearer("a", &file(&kept), ""));
    declare(&place, "b.toml", &bearer("b", silent, ""));
    place.start_until("credential created", |_| ()).kill();
    declare(&place, "b.toml", &bearer("b", &file(&kept), ""));
    let _daemon = place.start();
    for name in ["a", "b"] {
        assert_output(&place.run(["get", name]), 0, &format!("{OLD}\n"), "");
    }
    assert!(!status(&place).contains("problem"));
}

#[test]
fn a_reload_makes_what_is_declared_by_then_or_with_a_mistake_nothing() {
    let place = place();
    let kept = keep(&place, "kept", OLD);
    declare(&place, "a.toml", &bearer("a", &file(&kept), ""));
    let _daemon = place.start();
    declare(&place, "a.toml", &bearer("a", &file(&kept), "readers = ['uid:4711']"));
    declare(&place, "b.toml", &bearer("b", &file(&kept), ""));
    let told = succeeded(&place.run(["reload"]));
    for part in ["credential a: changed", "credential b: made"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_output(&place.run(["get", "b"]), 0, &format!("{OLD}\n"), "");

    declare(&place, "a.toml", &bearer("a", &file(&kept), ""));
    declare(&place, "b.toml", &bearer("b", &file(&kept), "reader = ['uid:4711']"));
    let failed = place.run(["reload"]);
    assert!(!failed.status.success());
    let told = format!("{}{}", text(&failed.stdout), text(&failed.stderr));
    assert!(told.contains("b.toml:3:1: unknown key `reader`, did you mean"), "{told}");
    assert!(succeeded(&place.run(["show", "a"])).contains("uid:4711"));

    withdraw(&place, "b.toml");
    declare(&place, "c.toml", &bearer("c", &file(&place.path().join("missing")), ""));
    let told = succeeded(&place.run(["reload"]));
    for part in ["c has no `token` yet: can't read", "b is no longer declared in"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    withdraw(&place, "c.toml");
    assert!(succeeded(&place.run(["reload"])).starts_with("b is no longer declared in"));
    assert!(status(&place).contains("b is no longer declared in"), "{}", status(&place));
    succeeded(&place.run(["remove", "b", "--yes"]));
    assert!(!status(&place).contains("problem"), "{}", status(&place));
}
