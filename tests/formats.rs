//! Tokens in the forms that tools take, what helpers are asked for, and what curl writes.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

use std::{fs, os::unix::fs::symlink, process::Output};

use serde_json::{Value, json};
use support::{
    Place, assert_output, binary, canary,
    provider::{Provider, Reply},
    text,
};

const PASSWORD: &str = "pa:s\"s'w\\ord$HOME-Horse_Battery";

/// Adds a name and a password for a server of this machine.
fn add_basic(place: &Place) {
    let words = ["add", "basic", "--provider", "static-basic", "--secret-stdin", "password"];
    let variables = ["--var", "url=http://localhost:8080/v1", "--var", "username=ann"];
    let added = place.run_with_input(words.into_iter().chain(variables), PASSWORD);
    assert!(added.status.success(), "{}", text(&added.stderr));
}

/// Starts an API that hands out t1-c0ffee, t2-c0ffee and so on at each login, and adds a credential.
fn add_toggle(place: &Place) -> Provider {
    let provider = Provider::scripted(|number, _| {
        Reply::json(200, "{}").with("x-authorization", format!("t{number}-c0ffee"))
    });
    let url = format!("url={}/graphql", provider.url());
    let words = ["add", "api", "--provider", "toggle", "--var", "username=me", "--var", &url];
    let added = place.run_with_input(words.into_iter().chain(["--secret-stdin", "password"]), "x");
    assert!(added.status.success(), "{}", text(&added.stderr));
    provider
}

/// Runs a helper by the name that its tool calls it by, with a file of hosts.
fn call(place: &Place, helper: &str, arguments: &[&str], input: &str) -> Output {
    let link = place.path().join(helper);
    if !link.exists() {
        symlink(binary("tokend-cli"), &link).unwrap();
    }
    let mut command = place.cli_at(&link);
    command.env("XDG_CONFIG_HOME", place.path()).args(arguments).output_of(input)
}

fn map(place: &Place, hosts: &str) {
    fs::create_dir_all(place.path().join("tokend")).unwrap();
    fs::write(place.path().join("tokend/hosts"), hosts).unwrap();
}

#[test]
fn a_name_and_a_password_are_printed_as_each_tool_reads_them() {
    let place = Place::new();
    let _daemon = place.start();
    add_basic(&place);
    for (format, printed) in [
        ("plain", format!("{PASSWORD}\n")),
        ("git", format!("username=ann\npassword={PASSWORD}\n")),
        (
            "netrc",
            "machine localhost login ann password \"pa:s\\\"s'w\\\\ord$HOME-Horse_Battery\"\n"
                .to_owned(),
        ),
        (
            "docker",
            format!(
                "{:#}\n",
                json!({
                    "ServerURL": "http://localhost:8080/v1", "Username": "ann", "Secret": PASSWORD,
                })
            ),
        ),
        (
            "aws",
            format!(
                "{:#}\n",
                json!({
                    "Version": 1, "AccessKeyId": "ann", "SecretAccessKey": PASSWORD,
                })
            ),
        ),
    ] {
        assert_output(&place.run(["get", "basic", "--format", format]), 0, &printed, "");
    }
    let given = ["--format", "netrc", "--host", "git.example:8443", "--username", "bob"];
    let other = place.run(["get", "basic", "--field", "id"].into_iter().chain(given));
    assert_output(&other, 0, "machine git.example login bob password ann\n", "");
}

#[test]
fn a_token_is_printed_for_a_shell_for_curl_and_for_kubectl() {
    let place = Place::new();
    let _daemon = place.start();
    let _provider = add_toggle(&place);
    let get = |words: &str| place.run(["get", "api"].into_iter().chain(words.split(' ')));
    assert_output(&get("--format env"), 0, "export API_TOKEN=t1-c0ffee\n", "");
    assert_output(&get("--format env --as T"), 0, "export T=t1-c0ffee\n", "");
    assert_output(&get("--format curl"), 0, "header = \"Authorization: Bearer t1-c0ffee\"\n", "");
    let info = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1"}"#;
    let mut kubectl = place.cli();
    kubectl.args(["get", "api", "--format", "kubernetes"]).env("KUBERNETES_EXEC_INFO", info);
    let printed: Value = serde_json::from_slice(&kubectl.output().unwrap().stdout).unwrap();
    assert_eq!(printed["apiVersion"], "client.authentication.k8s.io/v1beta1");
    assert_eq!(printed["status"]["token"], "t1-c0ffee");
    let whole: Value = serde_json::from_slice(&get("--json").stdout).unwrap();
    let end = whole["expire_time"].as_str().unwrap();
    let told = printed["status"]["expirationTimestamp"].as_str().unwrap();
    assert_eq!(told.trim_end_matches('Z'), end.trim_end_matches('Z').split('.').next().unwrap());
}

#[test]
fn what_can_not_be_printed_prints_nothing_and_says_why() {
    let place = Place::new();
    let _daemon = place.start();
    let _provider = add_toggle(&place);
    for (words, code, message) in [
        (
            "get api --format aws",
            1,
            "tokend-cli: the token has no AWS keys: it has token\n\
             hint: they are extras: access_key_id, secret_access_key and session_token in the \
             [output] of the provider definition; or a name and a password, as of static-basic\n",
        ),
        (
            "get api --format curl --field token",
            2,
            "tokend-cli: --field means nothing to that format\n\
             hint: tokend-cli get --help says what goes with what\n",
        ),
        (
            "get api --format env --field org",
            1,
            "tokend-cli: the token of api has no field \"org\"; it has token\n",
        ),
    ] {
        assert_output(&place.run(words.split(' ')), code, "", message);
    }
    let absent = place.run(["get", "none", "--format", "env"]);
    assert_eq!((absent.status.code(), absent.stdout.len()), (Some(3), 0));
}

#[test]
fn git_gets_a_token_for_the_hosts_that_it_is_for_and_for_those_that_the_user_names() {
    let place = Place::new();
    let _daemon = place.start();
    let provider = add_toggle(&place);
    let git =
        |arguments: &[&str], input: &str| call(&place, "git-credential-tokend", arguments, input);
    let asked = |url: &str| {
        let (protocol, host) = url.split_once("://").unwrap();
        format!("protocol={protocol}\nhost={host}\n\n")
    };
    let own = asked(provider.url());
    // No file, no credential, no answer: git goes on to others.
    assert_output(&git(&["get"], &own), 0, "", "");
    let told = git(&["--credential", "api", "get"], &own);
    let lines = text(&told.stdout);
    assert!(
        lines.starts_with("username=oauth2\npassword=t1-c0ffee\npassword_expiry_utc="),
        "{lines}"
    );

    let other = asked("https://git.example");
    let message = "tokend-cli: the token of api isn't for git.example; it is for 127.0.0.1\n\
                   hint: if it may go there, say so: --host git.example beside --credential, or a \
                   line\n  git.example api\n  in ~/.config/tokend/hosts\n";
    assert_output(&git(&["--credential", "api", "get"], &other), 1, "", message);
    let named = ["--credential", "api", "--host", ".example", "--username", "ann", "get"];
    assert!(text(&git(&named, &other).stdout).starts_with("username=ann\npassword=t1-c0ffee\n"));
    let clear = asked("http://git.example");
    let exposed = git(&named, &clear);
    assert_eq!((exposed.status.code(), exposed.stdout.len()), (Some(1), 0));

    map(&place, "git.example api x-user\n");
    assert!(
        text(&git(&["get"], &other).stdout).starts_with("username=x-user\npassword=t1-c0ffee\n")
    );
    assert_output(&git(&["get"], &asked("https://else.example")), 0, "", "");
    for operation in ["store", "capability"] {
        assert_output(&git(&[operation], &other), 0, "", "");
    }
}

#[test]
fn what_git_erases_is_a_refusal_if_it_is_the_token_that_is_held() {
    let place = Place::new();
    let _daemon = place.start();
    let provider = add_toggle(&place);
    map(&place, "git.example api\n");
    let erase = |password: &str| {
        let asked = format!("protocol=https\nhost=git.example\npassword={password}\n\n");
        call(&place, "git-credential-tokend", &["erase"], &asked)
    };
    assert_output(&erase("typed by someone"), 0, "", "");
    assert_output(&place.run(["get", "api"]), 0, "t1-c0ffee\n", "");
    assert_output(&erase("t1-c0ffee"), 0, "", "");
    assert_output(&place.run(["get", "api"]), 0, "t2-c0ffee\n", "");
    assert_output(&erase("t1-c0ffee"), 0, "", "");
    assert_eq!(provider.requests().len(), 2);

    // Where no other token can be had, that isn't promised.
    add_basic(&place);
    map(&place, "git.example basic\n");
    let dead = erase(PASSWORD);
    let said = "tokend-cli: the token of basic was refused; no issuance can bring another token: ";
    assert!(dead.status.success() && text(&dead.stderr).starts_with(said), "{dead:?}");
}

#[test]
fn docker_gets_a_token_for_the_hosts_of_the_file() {
    let place = Place::new();
    let _daemon = place.start();
    let _provider = add_toggle(&place);
    map(&place, "ghcr.io api\n.pkg.dev api\nhttps://index.docker.io/v1/ api ann # the hub\n");
    let docker = |operation: &str, input: &str| {
        call(&place, "docker-credential-tokend", &[operation], input)
    };
    let answer = |host: &str, name: &str| {
        format!("{:#}\n", json!({ "ServerURL": host, "Username": name, "Secret": "t1-c0ffee" }))
    };
    assert_output(&docker("get", "ghcr.io\n"), 0, &answer("ghcr.io", "x-access-token"), "");
    let google = answer("eu.pkg.dev", "oauth2accesstoken");
    assert_output(&docker("get", "eu.pkg.dev"), 0, &google, "");
    let hub = "https://index.docker.io/v1/";
    assert_output(&docker("get", hub), 0, &answer(hub, "ann"), "");
    let listed = format!("{:#}\n", json!({ "ghcr.io": "x-access-token", hub: "ann" }));
    assert_output(&docker("list", ""), 0, &listed, "");

    let nothing = "credentials not found in native keychain\n";
    assert_output(&docker("get", "quay.io"), 1, nothing, "");
    let stored = r#"{"ServerURL":"ghcr.io","Username":"ann","Secret":"s3cret"}"#;
    let refused = "tokend-cli: tokend takes no logins from other programs\n";
    assert_output(&docker("store", stored), 1, refused, "");
    assert_output(&docker("erase", "ghcr.io"), 0, "", "");
    assert_output(&place.run(["get", "api"]), 0, "t1-c0ffee\n", "");

    map(&place, "ghcr.io none\n");
    let failed = docker("get", "ghcr.io");
    let said = text(&failed.stdout);
    assert!(failed.status.code() == Some(1) && said.contains("none"), "{said}");
    map(&place, "ghcr.io\n");
    let said = text(&docker("get", "ghcr.io").stdout);
    assert!(said.contains("line 1 of ") && said.contains("HOST CREDENTIAL"), "{said}");
}

#[test]
fn what_curl_has_written_of_an_answer_brings_the_newer_token() {
    let place = Place::new();
    let _daemon = place.start();
    let provider = add_toggle(&place);
    let rotated = |words: &str, input: &str| {
        let words = ["rotated", "api"].into_iter().chain(words.split_whitespace());
        place.run_with_input(words, input)
    };
    let head = |token: &str| {
        format!(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/2 200 \r\nx-authorization: Bearer {token}\r\n\r\n\
             {{\"data\":null}}"
        )
    };
    let id = || {
        let shown = place.run(["get", "api", "--json"]);
        let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
        shown["token_id"].as_str().unwrap().to_owned()
    };
    let first = id();
    assert_output(&rotated("", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"), 0, "", "");
    assert_output(&rotated("", &head("t1-c0ffee")), 0, "", "");
    assert_eq!(id(), first);
    assert_output(&rotated(&format!("--token-id {first}"), &head("newer-c0ffee")), 0, "", "");
    assert_output(&place.run(["get", "api"]), 0, "newer-c0ffee\n", "");

    // Another script's answer, to a request with the token before, comes too late.
    let note = "tokend-cli: another token of api has taken its place already\n";
    assert_output(&rotated(&format!("--token-id {first}"), &head("late-c0ffee")), 0, "", note);
    let mut late = place.cli();
    late.args(["rotated", "api", "--token-env", "SENT"]).env("SENT", "t1-c0ffee");
    assert_output(&late.output_of(&head("late-c0ffee")), 0, "", note);
    assert_output(&place.run(["get", "api"]), 0, "newer-c0ffee\n", "");
    assert_eq!(provider.requests().len(), 1);
}

#[test]
fn a_newer_token_in_a_body_comes_from_a_file() {
    let place = Place::new();
    place.define(
        "sliding",
        "title = 'x'\n[secrets]\ntoken = { description = 'x' }\n[issue]\nlocal = true\n\
         [output]\ntoken = 'secret.token'\n[[rotated]]\nbody = 'session.next'\n\
         [lifetime]\ndefault = 'never'\n",
    );
    let _daemon = place.start();
    let words = ["add", "api", "--provider", "sliding", "--secret-stdin", "token"];
    assert!(place.run_with_input(words, "t1-c0ffee").status.success());
    let body = place.path().join("body.json");
    fs::write(&body, canary::real(r#"{"session":{"next":"t2-c0ffee"}}"#)).unwrap();
    let rotated = |input: &str| {
        let words = ["rotated", "api", "--body", body.to_str().unwrap()];
        place.run_with_input(words, input)
    };
    let refused = rotated("t3-c0ffee");
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
    assert_output(&rotated("HTTP/1.1 200 OK\r\n\r\n"), 0, "", "");
    assert_output(&place.run(["get", "api"]), 0, "t2-c0ffee\n", "");
    fs::write(&body, "no JSON").unwrap();
    assert_output(&rotated(""), 0, "", "");
    assert_output(&place.run(["get", "api"]), 0, "t2-c0ffee\n", "");
    let included = "HTTP/1.1 200 OK\r\n\r\n{\"session\":{\"next\":\"t3-c0ffee\"}}";
    assert_output(&place.run_with_input(["rotated", "api"], included), 0, "", "");
    assert_output(&place.run(["get", "api"]), 0, "t3-c0ffee\n", "");
}

#[test]
fn a_refused_token_is_piped_in() {
    let place = Place::new();
    let _daemon = place.start();
    let provider = add_toggle(&place);
    let reject = |token: &str| {
        place.run_with_input(
            ["reject", "api", "-", "--status", "200", "--code", "Unauthorized", "--json"],
            token,
        )
    };
    let ruling: Value = serde_json::from_slice(&reject("t1-c0ffee\n").stdout).unwrap();
    assert_eq!((&ruling["name"], &ruling["outcome"]), (&json!("api"), &json!("REFRESHED")));
    assert!(reject("Bearer t1-c0ffee").status.success());
    assert_output(&place.run(["get", "api"]), 0, "t2-c0ffee\n", "");
    assert_eq!(provider.requests().len(), 2);
}
