//! Secrets that are replaced, with the real binaries.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Output,
};

use base64::{Engine, engine::general_purpose::STANDARD};

use support::{
    Place, assert_output, canary, contains, disguises,
    provider::{Provider, Reply, Request},
    text,
};

const OLD: &str = "0ld-Horse_Battery";
const NEW: &str = "n3w-Horse_Battery";

/// Returns the password that a request came with.
fn password(request: &Request) -> String {
    let pair = request.headers["authorization"].strip_prefix("Basic ").unwrap();
    let pair = String::from_utf8(STANDARD.decode(pair).unwrap()).unwrap();
    pair.split_once(':').unwrap().1.to_owned()
}

/// A provider that issues tokens to who has one of the passwords that the test accepts.
fn provider(accepts: impl Fn(usize, &str) -> bool + Send + 'static) -> Provider {
    Provider::scripted(move |number, request| {
        if accepts(number, &password(request)) {
            Reply::json(200, format!(r#"{{"access_token":"t{number}-c0ffee","expires_in":3600}}"#))
        } else {
            Reply::json(401, r#"{"error":"invalid_client"}"#)
        }
    })
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn add_static(place: &Place, provider: &str, flags: &[&str], secret: &str) {
    let all = [&["add", "api", "--provider", provider, "--var", "url=https://api.example"], flags];
    succeeded(&place.run_with_input(all.concat(), secret));
}

fn write(path: &Path, text: &str) {
    fs::write(path, canary::real(text)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// How often something is looked at before a test gives up on it: a look takes a process.
const LOOKS: usize = 10_000;

/// Waits until `get` prints this.
fn wait_for(place: &Place, value: &str) {
    let prints = || text(&place.run(["get", "api"]).stdout) == format!("{value}\n");
    assert!((0..LOOKS).any(|_| prints()), "{value} never came");
}

#[test]
fn a_static_secret_is_replaced_in_place_and_no_issuance_is_counted() {
    let place = Place::new();
    let daemon = place.start();
    let flags = ["--var", "username=ann", "--secret-stdin", "password", "--limit", "1/day"];
    add_static(&place, "static-basic", &flags, OLD);
    assert_output(&place.run(["get", "api"]), 0, &format!("{OLD}\n"), "");

    for new in ["again-Horse_Battery", NEW] {
        let set = place.run_with_input(["set-secret", "api", "password"], new);
        assert_output(&set, 0, "api: replaced password\n", "");
        assert_output(&place.run(["get", "api"]), 0, &format!("{new}\n"), "");
    }
    let basic = place.run(["get", "api", "--basic"]);
    assert_output(&basic, 0, &format!("ann:{NEW}\n"), "");
    assert_output(&place.run(["get", "api", "--field", "id"]), 0, "ann\n", "");
    let secret = place.run(["get", "api", "--field", "secret"]);
    assert_output(&secret, 0, &format!("{NEW}\n"), "");
    let unknown = place.run(["get", "api", "--field", "user"]);
    let known = "tokend-cli: the token of api has no field \"user\"; it has id, secret, token\n";
    assert_output(&unknown, 1, "", known);

    let log = daemon.end().log;
    for secret in [OLD, NEW].iter().flat_map(|secret| disguises(secret)) {
        assert!(!contains(log.as_bytes(), &secret));
        for (path, bytes) in place.stored() {
            assert!(!contains(&bytes, &secret), "a secret is in {}", path.display());
        }
    }
    let _daemon = place.start();
    assert_output(&place.run(["get", "api"]), 0, &format!("{NEW}\n"), "");
}

#[test]
fn a_token_that_is_no_name_and_password_has_no_pair() {
    let place = Place::new();
    let _daemon = place.start();
    add_static(&place, "static-bearer", &["--var", "user=a", "--secret-stdin", "token"], OLD);
    let output = place.run(["get", "api", "--basic"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("isn't a name and a password"));
}

#[test]
fn the_secret_before_is_used_until_the_new_one_has_worked() {
    let (place, provider) = (
        Place::new(),
        provider(|number, given| match given {
            // The provider takes a while to learn of the new one.
            NEW => number > 3,
            given => given == OLD,
        }),
    );
    let _daemon = place.start();
    succeeded(&place.add("api", provider.url(), OLD));
    let set = place.run_with_input(["set-secret", "api", "client_secret", "--now"], NEW);
    assert_eq!(set.status.code(), Some(5), "{}", text(&set.stderr));
    let refused = "the new `client_secret` of api was refused";
    assert!(text(&set.stderr).contains(refused), "{}", text(&set.stderr));
    assert!(succeeded(&place.run(["status"])).contains("the old one still works"));
    assert_output(&place.run(["get", "api"]), 0, "t3-c0ffee\n", "");
    let passwords: Vec<_> = provider.requests().iter().map(password).collect();
    assert_eq!(passwords, [OLD, NEW, OLD]);
    let budget = succeeded(&place.run(["budget", "--json"]));
    assert!(budget.contains("\"issued_last_day\": 2"), "it counts once: {budget}");

    // What was refused isn't tried first again; whoever sets it again has it tried.
    succeeded(&place.run(["refresh", "api"]));
    assert_eq!(password(provider.requests().last().unwrap()), OLD);
    let again = place.run_with_input(["set-secret", "api", "client_secret", "--now"], NEW);
    succeeded(&again);
    assert_output(&place.run(["get", "api"]), 0, "t5-c0ffee\n", "");
    assert!(!succeeded(&place.run(["status"])).contains("problem"));
    succeeded(&place.run(["refresh", "api"]));
    assert_eq!(password(provider.requests().last().unwrap()), NEW);
}

#[test]
fn a_refused_credential_is_mended_by_another_secret() {
    let (place, provider) = (Place::new(), provider(|_, given| given == NEW));
    let _daemon = place.start();
    assert_eq!(place.add("api", provider.url(), OLD).status.code(), Some(5));
    succeeded(&place.run_with_input(["set-secret", "api", "--secret-stdin", "client_secret"], NEW));
    wait_for(&place, "t2-c0ffee");
}

#[test]
fn a_watched_file_is_followed_through_a_swap_of_links_and_its_end_is_told_of() {
    let place = Place::new();
    let mut daemon = place.start();
    for (version, secret) in [("v1", OLD), ("v2", NEW)] {
        fs::create_dir(place.path().join(version)).unwrap();
        write(&place.path().join(version).join("token"), &format!("{secret}\n"));
    }
    symlink("v1", place.path().join("data")).unwrap();
    let source = format!("token={}/data/token", place.path().display());
    let flags =
        ["--var", "user=a", "--source-file", &source, "--secret-expires", "token=2020-01-31"];
    add_static(&place, "static-bearer", &flags, "");
    assert_output(&place.run(["get", "api"]), 0, &format!("{OLD}\n"), "");

    symlink("v2", place.path().join("next")).unwrap();
    fs::rename(place.path().join("next"), place.path().join("data")).unwrap();
    wait_for(&place, NEW);
    daemon.wait_for_log("secrets replaced from their source");
    fs::remove_file(place.path().join("data")).unwrap();
    daemon.wait_for_log("the last one holds");
    assert_output(&place.run(["get", "api"]), 0, &format!("{NEW}\n"), "");
    assert!(succeeded(&place.run(["status"])).contains("the last one holds"));

    let dated = ["set-secret", "api", "--secret-expires", "token=2020-01-31T00:00:00Z"];
    succeeded(&place.run(dated));
    assert!(succeeded(&place.run(["status"])).contains("has ended (2020-01-31T00:00:00Z)"));
}

#[test]
fn a_command_is_run_before_an_issuance() {
    let (place, provider) = (Place::new(), provider(|_, _| true));
    let _daemon = place.start();
    let held = place.path().join("held");
    write(&held, OLD);
    let token_url = format!("token_url={}/token", provider.url());
    let command = format!("client_secret=/bin/cat {}", held.display());
    succeeded(&place.run([
        "add",
        "api",
        "--provider",
        "oauth2-client-credentials",
        "--var",
        &token_url,
        "--var",
        "client_id=tester",
        "--source-command",
        &command,
        "--source-max-age",
        "1s",
    ]));
    write(&held, NEW);
    // It is a second until it is run again.
    let is_sent = || {
        succeeded(&place.run(["refresh", "api"]));
        password(provider.requests().last().unwrap()) == NEW
    };
    assert!((0..LOOKS).any(|_| is_sent()), "the command is never run again");

    let relative = place.run(["set-secret", "api", "--source-command", "client_secret=cat x"]);
    assert_eq!(relative.status.code(), Some(2));
    assert!(text(&relative.stderr).contains("absolute path"));
}
