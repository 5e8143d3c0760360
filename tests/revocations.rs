//! Tokens that are ended: here at once, and at their providers however long that takes.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

use std::{process::Stdio, thread};

use serde_json::{Value, json};
use support::{
    Place, assert_output, contains, disguises,
    provider::{Provider, Reply, Request},
    text,
};

const SECRET: &str = "s3cret-Horse_Battery";

/// What tokens are made of, so that each can be looked for.
const STEM: &str = "tok3n-c0ffee_";

/// A server as RFC 7009 has it, where the refresh token ends the tokens that came with it.
const DEFINITION: &str = "\
title = 'Acme'
[variables]
url = { description = 'where it is', kind = 'url' }
[secrets]
client_secret = { description = 'as the console shows it' }
[oauth2]
token_url = '{{ var.url }}/token'
revocation_url = '{{ var.url }}/revoke'
grant = 'client_credentials'
client_id = 'me'
client_auth = 'post'
refresh = true
";

/// Starts a provider that issues tokens and answers the rest by a script.
fn provider(mut rest: impl FnMut(&Request) -> Reply + Send + 'static) -> Provider {
    let mut issued = 0;
    Provider::scripted(move |_, request| {
        if request.path != "/token" {
            return rest(request);
        }
        issued += 1;
        let (token, refresh) = (format!("{STEM}{issued}"), format!("{STEM}refresh_{issued}"));
        let body = json!({"access_token": token, "refresh_token": refresh, "expires_in": 3_600});
        Reply::json(200, body.to_string())
    })
}

/// A place that knows the definition `acme` and has a credential of it.
fn place_at(provider: &Provider) -> (Place, support::Daemon) {
    let place = Place::new();
    place.define("acme", DEFINITION);
    let daemon = place.start();
    add(&place, provider);
    (place, daemon)
}

fn add(place: &Place, provider: &Provider) {
    let url = format!("url={}", provider.url());
    let words =
        ["add", "api", "--provider", "acme", "--var", &url, "--secret-stdin", "client_secret"];
    let added = place.run_with_input(words, SECRET);
    assert!(added.status.success(), "{}", text(&added.stderr));
}

/// Runs a command and returns what it prints as JSON.
fn told(place: &Place, arguments: &[&str]) -> Value {
    let output = place.run(arguments.iter().chain(&["--json"]));
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn revocations(provider: &Provider) -> Vec<Request> {
    provider.requests().into_iter().filter(|request| request.path == "/revoke").collect()
}

/// Waits until no revocation is pending.
fn settle(place: &Place) {
    while told(place, &["revocations"]) != json!([]) {
        thread::yield_now();
    }
}

#[test]
fn a_revoked_token_is_served_to_no_one_and_is_gone_after_a_restart() {
    let provider = provider(|_| Reply::json(200, "{}"));
    let (place, daemon) = place_at(&provider);
    let unasked = place.run(["revoke", "api"]);
    let message = "tokend-cli: revoking the token of api needs a confirmation, and there is no \
                   terminal to ask on\nhint: tokend-cli revoke api --yes\n";
    assert_output(&unasked, 2, "", message);
    let done = "revoked the token of api\n\
                the next is asked for when someone asks, or by: tokend-cli refresh api\n";
    assert_output(&place.run(["revoke", "api", "--yes"]), 0, done, "");
    let [request] = revocations(&provider).try_into().unwrap();
    let token = format!("token={STEM}refresh_1&token_type_hint=refresh_token");
    assert!(request.body.contains(&token), "{}", request.body);
    assert_eq!(told(&place, &["show", "api"])["state"], "EMPTY");
    let none = place.run(["revoke", "api", "--yes"]);
    let message = "tokend-cli: no token of api is held\nhint: `tokend-cli get api` gets one\n";
    assert_output(&none, 5, "", message);
    assert_output(&place.run(["revocations"]), 0, "no token is still to be revoked\n", "");

    // Who asks gets another, and it alone is on the disk.
    assert_output(&place.run(["get", "api"]), 0, &format!("{STEM}2\n"), "");
    assert!(place.run(["revoke", "api", "--yes"]).status.success());
    daemon.kill();
    let _daemon = place.start();
    let served = text(&place.run(["get", "api"]).stdout);
    assert_eq!(served, format!("{STEM}3\n"), "neither of the revoked ones");
}

#[test]
fn a_provider_that_is_down_is_asked_again_and_the_token_is_served_to_no_one_meanwhile() {
    let mut asked = 0;
    let provider = provider(move |_| {
        asked += 1;
        if asked < 3 { Reply::json(503, r#"{"error": "try_later"}"#) } else { Reply::json(200, "") }
    });
    let place = Place::new();
    place.define("acme", DEFINITION);
    let daemon = place.start_with(|command| {
        command.env("TOKEND_LOG", "trace");
    });
    add(&place, &provider);
    let failed = place.run(["revoke", "api", "--yes"]);
    let stderr = text(&failed.stderr);
    assert_eq!((failed.status.code(), text(&failed.stdout)), (Some(4), String::new()), "{stderr}");
    let message = "tokend-cli: the token of api is served to no one any more, but isn't revoked \
                   yet: ";
    assert!(stderr.starts_with(message) && stderr.contains("try_later"), "{stderr}");
    assert!(stderr.contains("hint: `tokend-cli revocations` shows it"), "{stderr}");
    assert_eq!(told(&place, &["show", "api"])["token"], Value::Null);

    // Both ways of looking show it, and so does the next start.
    let pending = told(&place, &["revocations"]);
    assert_eq!(
        (&pending[0]["credential"], &pending[0]["provider"]),
        (&"api".into(), &"acme".into())
    );
    assert!(pending[0]["attempts"].as_u64() >= Some(1), "{pending}");
    assert_eq!(told(&place, &["status"])["pending_revocations"][0]["id"], pending[0]["id"]);
    let shown = text(&place.run(["status"]).stdout);
    assert!(shown.contains("not revoked by the provider yet:\nTOKEN OF  PROVIDER"), "{shown}");

    // To ask once more is to try at once.
    let mut again = place.run(["revoke", "api", "--yes"]);
    while again.status.code() == Some(4) {
        again = place.run(["revoke", "api", "--yes"]);
    }
    // tokend itself may have been faster.
    assert!(matches!(again.status.code(), Some(0 | 5)), "{}", text(&again.stderr));
    assert_eq!(told(&place, &["revocations"]), json!([]));
    assert_eq!(revocations(&provider).len(), 3);

    let log = daemon.end().log;
    for disguise in disguises(STEM).iter().chain(&disguises(SECRET)) {
        assert!(!contains(log.as_bytes(), disguise), "{log}");
    }
    for (path, content) in place.stored() {
        let shown = disguises(STEM).iter().any(|disguise| contains(&content, disguise));
        assert!(!shown, "{}", path.display());
    }
}

#[test]
fn after_kill_9_between_the_answer_and_its_being_written_the_provider_is_asked_again() {
    let provider = provider(|_| Reply::json(200, ""));
    let (place, daemon) = place_at(&provider);
    provider.close();
    let mut revoke = place.cli();
    revoke.args(["revoke", "api", "--yes"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut revoke = revoke.spawn().unwrap();
    provider.wait_for_requests(2);
    daemon.kill();
    assert!(!revoke.wait().unwrap().success());
    provider.open();

    let _daemon = place.start();
    provider.wait_for_requests(3);
    settle(&place);
    let bodies: Vec<String> = revocations(&provider).into_iter().map(|sent| sent.body).collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], bodies[1], "to revoke twice does no harm");
    assert_output(&place.run(["get", "api"]), 0, &format!("{STEM}2\n"), "");
}

#[test]
fn what_a_provider_denies_is_given_up() {
    let provider = provider(|_| Reply::json(400, r#"{"error": "unauthorized_client"}"#));
    let (place, _daemon) = place_at(&provider);
    let refused = place.run(["revoke", "api", "--yes"]);
    let stderr = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(5), "{stderr}");
    assert!(stderr.contains("the provider refuses to revoke it"), "{stderr}");
    settle(&place);
    assert_output(&place.run(["get", "api"]), 0, &format!("{STEM}2\n"), "");
}

#[test]
fn a_session_is_logged_out_when_its_credential_is_removed() {
    let provider =
        Provider::scripted(|_, request| match request.headers.get("x-metabase-session") {
            Some(session) => {
                assert_eq!((request.path.as_str(), session.as_str()), ("/api/session", "s1"));
                Reply::json(204, "")
            }
            None => Reply::json(200, r#"{"id":"s1"}"#),
        });
    let place = Place::new();
    let daemon = place.start();
    let (url, user) = (format!("url={}", provider.url()), "username=me@example.com");
    let add = |name: &str| {
        let words = ["add", name, "--provider", "metabase", "--var", &url, "--var", user];
        let secret = ["--secret-stdin", "password"];
        let added = place.run_with_input(words.iter().chain(&secret), SECRET);
        assert!(added.status.success(), "{}", text(&added.stderr));
    };
    add("api");
    add("kept");
    assert_output(&place.run(["remove", "kept", "--yes", "--keep-token"]), 0, "removed kept\n", "");
    assert_eq!(provider.requests().len(), 2);

    // It is gone at once, and stays gone; what is left to do is done after a crash as well.
    provider.close();
    let removed = "removed api; its token is being revoked: `tokend-cli revocations` shows \
                   whether it still is\n";
    assert_output(&place.run(["remove", "api", "--yes"]), 0, removed, "");
    assert_eq!(place.run(["get", "api"]).status.code(), Some(3));
    provider.wait_for_requests(3);
    daemon.kill();
    provider.open();
    let _daemon = place.start();
    assert_eq!(told(&place, &["list"]), json!([]));
    provider.wait_for_requests(4);
    settle(&place);
}

#[test]
fn a_key_that_the_user_gave_is_left_alone_when_its_credential_is_removed() {
    let provider = Provider::scripted(|_, _| Reply::json(200, r#"{"data":{}}"#));
    let place = Place::new();
    let _daemon = place.start();
    let url = format!("url={}/graphql", provider.url());
    let words = ["add", "api", "--provider", "cycle", "--var", "label=reports", "--var"];
    let rest = ["key_id=k1", "--var", &url, "--secret-stdin", "api_key"];
    assert!(place.run_with_input(words.iter().chain(&rest), SECRET).status.success());
    assert_output(&place.run(["remove", "api", "--yes"]), 0, "removed api\n", "");
    assert_eq!(provider.requests().len(), 0);
}

#[test]
fn tokens_end_with_the_daemon_if_that_is_wanted() {
    let mut up = [true, false, true].into_iter();
    let provider = provider(move |_| match up.next() {
        Some(false) => Reply::json(503, ""),
        _ => Reply::json(200, ""),
    });
    let (place, daemon) = place_at(&provider);
    // Unasked, a token stays.
    assert_eq!(daemon.end().code, Some(0));
    assert_eq!(provider.requests().len(), 1);
    place.configure("revoke_on_shutdown = true");
    let daemon = place.start();
    assert_eq!(daemon.end().code, Some(0));
    assert_eq!(revocations(&provider).len(), 1);

    // What isn't done in time is done at the next start.
    let daemon = place.start();
    assert_output(&place.run(["get", "api"]), 0, &format!("{STEM}2\n"), "");
    assert_eq!(daemon.end().code, Some(0));
    assert_eq!(revocations(&provider).len(), 2);
    let _daemon = place.start();
    provider.wait_for_requests(5);
    settle(&place);
    let last = revocations(&provider).pop().unwrap();
    assert!(last.body.contains(&format!("{STEM}refresh_2")), "{}", last.body);
}

#[test]
fn a_revocation_that_leads_nowhere_can_be_given_up() {
    let provider = provider(|_| Reply::json(503, ""));
    let (place, _daemon) = place_at(&provider);
    assert_eq!(place.run(["revoke", "api", "--yes"]).status.code(), Some(4));
    let id = told(&place, &["revocations"])[0]["id"].as_str().unwrap().to_owned();
    let unasked = place.run(["revocations", "drop", &id]);
    assert_eq!(unasked.status.code(), Some(2), "{}", text(&unasked.stderr));
    let dropped = place.run(["revocations", "drop", &id, "--yes"]);
    assert_output(&dropped, 0, "given up: the token may live on at its provider\n", "");
    assert_eq!(told(&place, &["revocations"]), json!([]));
    let again = place.run(["revocations", "drop", &id, "--yes"]);
    assert_eq!(again.status.code(), Some(2), "{}", text(&again.stderr));
}

#[test]
fn a_token_without_a_way_to_revoke_it_is_said_to_live_on_and_can_be_dropped_here() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    assert!(place.add("api", provider.url(), SECRET).status.success());
    let refused = place.run(["revoke", "api", "--yes"]);
    let stderr = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(5), "{stderr}");
    for part in
        ["has no [revoke]", "goes on living until its end, 2", "tokend-cli revoke api --local"]
    {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    assert_output(&place.run(["get", "api"]), 0, "token-1-c0ffee\n", "");
    let dropped = "dropped the token of api\n\
                   the next is asked for when someone asks, or by: tokend-cli refresh api\n";
    assert_output(&place.run(["revoke", "api", "--yes", "--local"]), 0, dropped, "");
    assert_eq!(provider.requests().len(), 1);
    assert_output(&place.run(["get", "api"]), 0, "token-2-c0ffee\n", "");
    assert_output(&place.run(["remove", "api", "--yes"]), 0, "removed api\n", "");
}
