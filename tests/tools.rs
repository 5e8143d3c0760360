//! What operators do beside keeping tokens: run operations at the provider, and write
//! provider definitions.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

use std::{fs, process::Output};

use serde_json::{Value, json};
use support::{
    Place, assert_output, contains, disguises,
    provider::{Provider, Reply, Request},
    text,
};

const SECRET: &str = "s3cret-Horse_Battery";

/// What tokens are made of, so that each can be looked for.
const STEM: &str = "tok3n-c0ffee_";

const DEFINITION: &str = "\
title = 'Acme'
account = '{{ var.user }}'
[variables]
url = { description = 'where it is', kind = 'url' }
user = { description = 'who asks' }
[secrets]
password = { description = 'as for the console' }
[[limits]]
count = 3
window = '12h'
[issue]
url = '{{ var.url }}/token'
form = { user = '{{ var.user }}', password = '{{ secret.password }}' }
[output]
token = 'body.token'
expires_in = 'body.life'
[revoke]
url = '{{ var.url }}/revoke'
form = { token = '{{ token }}' }
[error]
message = 'body.error'
[remote.list_keys]
description = 'lists the keys'
request = { method = 'GET', url = '{{ var.url }}/keys', headers = { Authorization = 'Bearer {{ token }}' } }
result = 'body.items'
[remote.create_key]
description = 'makes a key'
arguments.name = { description = 'what to call it' }
request = { url = '{{ var.url }}/keys', json = { name = '{{ arg.name }}' }, headers = { Authorization = 'Bearer {{ token }}' } }
";

/// A place that knows the definition `acme`.
fn place() -> Place {
    let place = Place::new();
    place.define("acme", DEFINITION);
    place
}

/// Starts a provider that issues tokens and answers the rest by a script.
fn provider(mut rest: impl FnMut(&Request) -> Reply + Send + 'static) -> Provider {
    let mut issued = 0;
    Provider::scripted(move |_, request| {
        if request.path != "/token" {
            return rest(request);
        }
        issued += 1;
        Reply::json(200, json!({"token": format!("{STEM}{issued}"), "life": 3_600}).to_string())
    })
}

fn inputs(provider: &Provider) -> [String; 6] {
    let url = format!("url={}", provider.url());
    let [var, secret] = ["--var", "--secret-stdin"].map(str::to_owned);
    [var.clone(), url, var, "user=me".to_owned(), secret, "password".to_owned()]
}

fn add(place: &Place, provider: &Provider) {
    let words = ["add", "api", "--provider", "acme"].map(str::to_owned);
    let added = place.run_with_input(words.into_iter().chain(inputs(provider)), SECRET);
    assert!(added.status.success(), "{}", text(&added.stderr));
}

fn attempt(place: &Place, provider: &Provider, what: &str) -> Output {
    let words = ["providers", "try", what, "--yes"].map(str::to_owned);
    place.run_with_input(words.into_iter().chain(inputs(provider)), SECRET)
}

/// Runs a command and returns what it prints as JSON.
fn told(place: &Place, arguments: &[&str]) -> Value {
    let output = place.run(arguments.iter().chain(&["--json"]));
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn assert_no_secret(texts: &[&[u8]]) {
    for secret in [SECRET, STEM] {
        for disguise in disguises(secret) {
            let shown = texts.iter().find(|bytes| contains(bytes, &disguise));
            assert!(shown.is_none(), "{secret}:\n{}", text(shown.unwrap()));
        }
    }
}

#[test]
fn operations_at_the_provider_are_listed_and_done_and_cost_no_issuance() {
    let provider = provider(|request| match request.body.as_str() {
        "" => Reply::json(200, r#"{"items": [{"id": 1, "name": "ci"}, {"id": 2, "old": true}]}"#),
        _ => Reply::json(201, r#"{"id": 3, "secret": "tok3n-c0ffee_key"}"#),
    });
    let place = place();
    let daemon = place.start_with(|command| {
        command.env("TOKEND_LOG", "trace");
    });
    add(&place, &provider);
    let listed = "OPERATION   ARGUMENTS  DESCRIPTION\n\
                  list_keys   -          lists the keys\n\
                  create_key  name       makes a key\n\n\
                  to do one: tokend-cli remote api OPERATION [--arg ARGUMENT=VALUE]..\n";
    assert_output(&place.run(["remote", "api"]), 0, listed, "");
    let keys = "id  name  old\n1   ci    -\n2   -     true\n";
    assert_output(&place.run(["remote", "api", "list_keys"]), 0, keys, "");
    let value = told(&place, &["remote", "api", "list_keys"]);
    assert_eq!(value, json!([{"id": 1, "name": "ci"}, {"id": 2, "old": true}]));

    let missing = place.run(["remote", "api", "create_key"]);
    let message = "tokend-cli: create_key needs more, and there is no terminal to ask on: name\n\
                   hint: give\n  --arg name=VALUE: what to call it\n";
    assert_output(&missing, 2, "", message);
    let made = place.run(["remote", "api", "create_key", "--arg", "name=ci"]);
    assert_output(&made, 0, "id: 3\nsecret: tok3n-c0ffee_key\n", "");
    let sent = provider.requests().pop().unwrap();
    assert_eq!(sent.headers["authorization"], format!("Bearer {STEM}1"));
    assert_eq!(sent.body, r#"{"name":"ci"}"#);
    let unknown = place.run(["remote", "api", "drop_key"]);
    assert_eq!(unknown.status.code(), Some(2), "{}", text(&unknown.stderr));

    assert_eq!(told(&place, &["issuances"]).as_array().unwrap().len(), 1);
    assert_no_secret(&[daemon.end().log.as_bytes()]);
}

#[test]
fn an_operation_that_the_provider_refuses_says_why() {
    let provider = provider(|_| Reply::json(401, r#"{"error": "not for you"}"#));
    let place = place();
    let _daemon = place.start();
    add(&place, &provider);
    let refused = place.run(["remote", "api", "list_keys"]);
    let stderr = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(5), "{stderr}");
    assert!(stderr.contains("`list_keys` isn't done: ") && stderr.contains("not for you"));
    // The credential itself is none the worse for it.
    assert_output(&place.run(["get", "api"]), 0, &format!("{STEM}1\n"), "");
}

#[test]
fn definitions_are_checked_as_the_daemon_checks_them() {
    let place = Place::new();
    let _daemon = place.start();
    let (good, bad) = (place.path().join("acme.toml"), place.path().join("bad.toml"));
    fs::write(&good, DEFINITION).unwrap();
    fs::write(&bad, "titel = 'Acme'\n").unwrap();
    let check = |paths: &[&std::path::PathBuf]| {
        let words = ["providers".into(), "check".into()];
        place.run(words.into_iter().chain(paths.iter().map(|path| path.as_os_str().to_owned())))
    };
    assert_output(&check(&[&good]), 0, "", "");
    let own = place.tokend([std::ffi::OsStr::new("check"), bad.as_os_str()]);
    let message = text(&own.stderr).replace("tokend: ", "tokend-cli: ");
    assert!(message.contains("bad.toml:1:1: unknown key `titel`"), "{message}");
    assert_output(&check(&[&good, &bad]), 1, "", &message);
    assert_eq!(check(&[&place.path().join("none.toml")]).status.code(), Some(1));
}

#[test]
fn what_a_definition_will_send_is_shown_and_nothing_is_sent() {
    let provider = provider(|_| Reply::json(200, "{}"));
    let place = Place::new();
    let _daemon = place.start();
    let path = place.path().join("acme.toml");
    fs::write(&path, DEFINITION).unwrap();
    let url = format!("url={}", provider.url());
    let words = ["providers", "explain", path.to_str().unwrap(), "--var", &url];
    let explained = place.run(words);
    let stdout = text(&explained.stdout);
    let issue = format!("issue:\n  POST {}/token\n", provider.url());
    assert!(stdout.starts_with(&issue), "{stdout}");
    for part in ["  user=<user>&password=<password>", "\nrevoke:\n", "\nremote create_key:\n"] {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
    let unknown = place.run(["providers", "explain", "toggle", "--var", "urll=x"]);
    assert_eq!(unknown.status.code(), Some(2), "{}", text(&unknown.stderr));
    assert!(provider.requests().is_empty());
}

#[test]
fn a_trial_shows_all_but_secrets_counts_like_any_other_and_keeps_nothing() {
    let provider = provider(|_| Reply::json(200, "{}"));
    let place = place();
    let daemon = place.start_with(|command| {
        command.env("TOKEND_LOG", "trace");
    });
    add(&place, &provider);
    let path = place.path().join("acme.toml");
    fs::write(&path, DEFINITION).unwrap();
    let tried = attempt(&place, &provider, path.to_str().unwrap());
    let (stdout, stderr) = (text(&tried.stdout), text(&tried.stderr));
    assert_eq!((tried.status.code(), stderr.as_str()), (Some(0), ""), "{stdout}");
    let host = provider.url().trim_start_matches("http://");
    let request =
        format!("This spends one issuance of {host}/me.\n> POST {}/token\n", provider.url());
    assert!(stdout.starts_with(&request), "{stdout}");
    for part in ["\n> user=me&password=[masked]\n", "\n< 200\n", "\ntoken: [32 characters]\n"] {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
    assert!(stdout.ends_with("\nthe token was thrown away\n"), "{stdout}");

    // It counts, and what comes after it counts with it.
    let issuances = told(&place, &["issuances"]);
    assert_eq!(
        issuances[0]["message"], "a trial of acme: the token was thrown away",
        "{issuances}"
    );
    assert_eq!(issuances[0]["counted"], true, "{issuances}");
    assert_eq!(told(&place, &["budget"])[0]["used"], 2);
    assert_eq!(attempt(&place, &provider, "acme").status.code(), Some(0));
    let spent = attempt(&place, &provider, "acme");
    assert_eq!(spent.status.code(), Some(6), "{}", text(&spent.stderr));
    assert_eq!(provider.requests().len(), 3);
    assert_output(&place.run(["get", "api"]), 0, &format!("{STEM}1\n"), "");
    let log = daemon.end().log;
    assert_no_secret(&[&tried.stdout, &tried.stderr, &spent.stderr, log.as_bytes()]);
}

#[test]
fn a_trial_that_is_refused_shows_the_answer_and_says_why() {
    let provider = Provider::scripted(|_, _| Reply::json(401, r#"{"error": "wrong password"}"#));
    let place = place();
    let _daemon = place.start();
    let tried = attempt(&place, &provider, "acme");
    let (stdout, stderr) = (text(&tried.stdout), text(&tried.stderr));
    assert_eq!(tried.status.code(), Some(5), "{stderr}");
    assert!(stdout.contains("\n< 401\n") && stdout.contains("\nverdict: denied\n"), "{stdout}");
    assert!(!stdout.contains("thrown away"), "{stdout}");
    assert!(
        stderr.contains("there is no token: ") && stderr.contains("wrong password"),
        "{stderr}"
    );
    // Nobody can be asked.
    let words = ["providers", "try", "acme"].map(str::to_owned);
    let unasked = place.run_with_input(words.into_iter().chain(inputs(&provider)), SECRET);
    assert_eq!(unasked.status.code(), Some(2), "{}", text(&unasked.stderr));
    assert_eq!(provider.requests().len(), 1);
}

#[test]
fn providers_are_listed_and_shown_in_the_old_form_too() {
    let place = place();
    let _daemon = place.start();
    let listed = place.run(["providers", "list"]);
    assert!(text(&listed.stdout).contains("acme"), "{}", text(&listed.stdout));
    assert_eq!(place.run(["providers"]).stdout, listed.stdout);
    let shown = place.run(["providers", "show", "acme"]);
    assert!(text(&shown.stdout).contains("create_key  makes a key"), "{}", text(&shown.stdout));
    assert_eq!(place.run(["providers", "acme"]).stdout, shown.stdout);
    for words in [
        ["providers", "show", "acme", "--definition"].as_slice(),
        &["providers", "acme", "--definition"],
    ] {
        assert_output(&place.run(words), 0, DEFINITION, "");
    }
    let schema = place.run(["providers", "schema"]);
    let schema: Value = serde_json::from_slice(&schema.stdout).unwrap();
    assert_eq!(schema["title"], "tokend provider definition");
}

#[test]
fn each_change_is_told_as_json_if_that_is_asked_for() {
    let provider = provider(|_| Reply::json(200, "{}"));
    let place = place();
    let _daemon = place.start();
    let words = ["add", "api", "--json", "--provider", "acme"].map(str::to_owned);
    let added = place.run_with_input(words.into_iter().chain(inputs(&provider)), SECRET);
    let added: Value = serde_json::from_slice(&added.stdout).unwrap();
    assert_eq!((&added["name"], &added["state"]), (&json!("api"), &json!("FRESH")));
    let of_credential = [
        (["set", "api", "--refresh", "used"].as_slice(), "refresh_policy", json!("USED")),
        (&["grant", "api", "uid:7"], "readers", json!(["uid:7"])),
        (&["revoke-access", "api", "uid:7"], "readers", json!([])),
        (&["set-secret", "api", "--secret-env", "password=NAME"], "name", json!("api")),
        (&["refresh", "api"], "name", json!("api")),
        (&["revoke", "api", "--yes"], "token", Value::Null),
    ];
    for (words, key, value) in of_credential {
        let mut command = place.cli();
        let done = command.env("NAME", SECRET).args(words).arg("--json").output().unwrap();
        assert!(done.status.success(), "{words:?}: {}", text(&done.stderr));
        let done: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(done[key], value, "{words:?}: {done}");
    }
    let removed = json!({ "name": "api", "removed": true, "revoking": false });
    assert_eq!(told(&place, &["remove", "api", "--yes"]), removed);

    let bad = place.path().join("bad.toml");
    fs::write(&bad, "titel = 'Acme'\n").unwrap();
    let checked = place.run(["providers", "check", bad.to_str().unwrap(), "--json"]);
    assert_eq!((checked.status.code(), text(&checked.stderr)), (Some(1), String::new()));
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let problem = checked[0]["problem"].as_str().unwrap();
    assert!(problem.contains("bad.toml:1:1: unknown key `titel`"), "{problem}");
    let explained = told(&place, &["providers", "explain", "acme"]);
    assert_eq!(explained[0]["purpose"], "issue", "{explained}");
    let words = ["providers", "try", "acme", "--yes", "--json"].map(str::to_owned);
    let tried = place.run_with_input(words.into_iter().chain(inputs(&provider)), SECRET);
    let events = text(&tried.stdout);
    let events: Vec<Value> =
        events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events[0]["account"].is_string() && events[1]["request"].is_string(), "{events:?}");
}

#[test]
fn callers_can_do_none_of_this() {
    let provider = provider(|_| Reply::json(200, "{}"));
    let place = place();
    let _daemon = place.start();
    add(&place, &provider);
    let path = place.path().join("acme.toml");
    fs::write(&path, DEFINITION).unwrap();
    let file = path.to_str().unwrap();
    for words in [
        ["revoke", "api", "--yes"].as_slice(),
        &["remote", "api", "list_keys"],
        &["providers", "check", file],
        &["providers", "explain", file],
        &["providers", "try", file, "--yes"],
        &["providers", "schema"],
    ] {
        let mut command = place.cli();
        let refused = command.env("TOKEND_ADMIN_SOCKET", place.socket()).args(words).output();
        let refused = refused.unwrap();
        assert_eq!(refused.status.code(), Some(1), "{words:?}");
        let stderr = text(&refused.stderr);
        assert!(stderr.contains("this socket has no such service"), "{words:?}: {stderr}");
    }
    assert_eq!(provider.requests().len(), 1);
}
