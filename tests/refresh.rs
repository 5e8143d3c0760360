//! Refreshes, limits and reports with the real binaries.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

use std::{
    process::{Command, Output},
    thread,
};

use secrecy::ExposeSecret;
use support::{
    Place, assert_output, canary,
    provider::{Provider, Reply, issued},
    text,
};
use tokend_client::{Client, Rejection, Ruling, TokenOptions};

const SECRET: &str = "s3cret-Horse_Battery";

fn json(output: &Output) -> serde_json::Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

/// Runs what a program does that holds a client.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

#[test]
fn twenty_credentials_of_a_provider_that_hangs_hold_up_no_other() {
    let (place, hanging, good) = (Place::new(), Provider::issuing(), Provider::issuing());
    let _daemon = place.start();
    hanging.close();
    thread::scope(|scope| {
        // To add one is to wait for its first token.
        let add = |number| place.add(&format!("hanging-{number}"), hanging.url(), SECRET);
        let adding: Vec<_> = (0..20).map(|number| scope.spawn(move || add(number))).collect();
        hanging.wait_for_requests(8);
        assert!(place.add("good", good.url(), SECRET).status.success());
        assert_output(&place.run(["get", "good"]), 0, "token-1-c0ffee\n", "");
        // The others wait for their turn, and get it.
        assert_eq!(hanging.requests().len(), 8);
        hanging.open();
        for added in adding {
            let added = added.join().unwrap();
            assert!(added.status.success(), "{}", text(&added.stderr));
        }
    });
    assert_eq!(hanging.requests().len(), 20);
}

#[test]
fn a_refused_token_is_replaced_once_for_all_who_report_it() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    assert!(place.add("api", provider.url(), SECRET).status.success());
    let client = Client::at(place.socket());
    block_on(async {
        let refused = client.token("api").await.unwrap();
        let report = || Rejection::of(&refused).status(401);
        let rulings = futures_util::future::join_all(
            (0..20).map(|_| client.report_rejection("api", report())),
        );
        for ruling in rulings.await {
            assert!(ruling.unwrap().brought_another());
        }
        let late = client.report_rejection("api", report()).await.unwrap();
        assert!(matches!(late, Ruling::Superseded), "{late:?}");
        let token = client.token("api").await.unwrap();
        assert_eq!(canary::told(token.value().expose_secret()), "token-2-c0ffee");
        // A new token that is refused, too, isn't what is wrong.
        let again = client.report_rejection("api", Rejection::of(&token).status(401)).await;
        assert!(matches!(again, Ok(Ruling::NotATokenProblem { .. })), "{again:?}");
        let scope = client.report_rejection("api", Rejection::of(&token).status(403)).await;
        assert!(matches!(scope, Ok(Ruling::NotATokenProblem { .. })), "{scope:?}");
    });
    assert_eq!(provider.requests().len(), 2);
}

#[test]
fn who_has_the_token_already_is_told_so_and_gets_none() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    assert!(place.add("api", provider.url(), SECRET).status.success());
    let client = Client::at(place.socket());
    block_on(async {
        let held = client.token("api").await.unwrap();
        let options = TokenOptions::default;
        let same = client.token_if_changed("api", held.id(), options()).await.unwrap();
        assert!(same.is_none());
        assert!(place.run(["refresh", "api"]).status.success());
        let changed = client.token_if_changed("api", held.id(), options()).await.unwrap();
        assert_eq!(canary::told(changed.unwrap().value().expose_secret()), "token-2-c0ffee");
    });
}

#[test]
fn a_token_can_be_reported_by_its_value_which_is_no_argument() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    assert!(place.add("api", provider.url(), SECRET).status.success());
    let stale = place.run_with_input(["reject", "api", "--token-stdin"], "some-older-token\n");
    assert_eq!(code(&stale), Some(0), "{}", text(&stale.stderr));
    assert_eq!(provider.requests().len(), 1, "another token's report costs nothing");
    let held = place.run_with_input(["reject", "api", "--token-stdin"], "token-1-c0ffee\n");
    assert_eq!(code(&held), Some(0), "{}", text(&held.stderr));
    assert_output(&place.run(["get", "api"]), 0, "token-2-c0ffee\n", "");
    let again = place.run(["reject", "api"]);
    assert_eq!(code(&again), Some(1), "{}", text(&again.stderr));
}

#[test]
fn issuances_are_listed_with_their_causes_and_outlive_the_credential() {
    let place = Place::new();
    let provider = Provider::scripted(|number, _| match number {
        2 => Reply::json(503, r#"{"message":"on holiday"}"#),
        number => issued(number, 3_600),
    });
    let _daemon = place.start();
    assert!(place.add("api", provider.url(), SECRET).status.success());
    assert_eq!(code(&place.run(["refresh", "api"])), Some(4));
    let listed = json(&place.run(["issuances", "api", "--json"]));
    let told: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|issuance| [&issuance["cause"], &issuance["outcome"], &issuance["message"]])
        .map(|told| told.map(|text| text.as_str().unwrap()))
        .collect();
    let message = "status 503: on holiday";
    assert_eq!(told, [["FORCED", "TRANSIENT", message], ["ABSENT", "ISSUED", ""]]);
    assert!(place.run(["remove", "api", "--yes"]).status.success());
    let table = text(&place.run(["issuances"]).stdout);
    assert_eq!(table.matches("(removed)").count(), 2, "{table}");
}

#[test]
fn an_operators_limit_is_shared_by_all_credentials_of_the_account_and_can_be_changed() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    for name in ["one", "two"] {
        assert!(place.add(name, provider.url(), SECRET).status.success());
    }
    let set = place.run(["set", "one", "--limit", "3/day@Europe/Berlin", "--refresh", "used"]);
    assert!(set.status.success(), "{}", text(&set.stderr));
    assert!(place.run(["refresh", "two"]).status.success());
    assert_eq!(code(&place.run(["refresh", "two"])), Some(6));
    assert_output(&place.run(["get", "two"]), 0, "token-3-c0ffee\n", "");
    let budgets = json(&place.run(["budget", "--json"]));
    let [budget] = &budgets.as_array().unwrap()[..] else { panic!("{budgets}") };
    assert_eq!(budget["limit"], "3/day@Europe/Berlin");
    assert_eq!(budget["credentials"], serde_json::json!(["one", "two"]));
    assert_eq!((budget["used"].as_u64(), budget["remaining"].as_u64()), (Some(3), Some(0)));

    let wrong = place.run(["set", "one", "--limit", "3/fortnight"]);
    assert_eq!(code(&wrong), Some(2), "{}", text(&wrong.stderr));
    assert!(place.run(["set", "one", "--no-limits"]).status.success());
    assert!(place.run(["refresh", "two"]).status.success());
    assert_eq!(provider.requests().len(), 4);
}

#[test]
fn lifting_a_limit_frees_all_who_wait_for_it() {
    let (place, provider) = (Place::new(), Provider::scripted(|number, _| issued(number, 5)));
    let _daemon = place.start();
    assert!(place.add("one", provider.url(), SECRET).status.success());
    assert!(place.run(["set", "one", "--limit", "1/1d"]).status.success());
    assert_eq!(code(&place.add("two", provider.url(), SECRET)), Some(6));
    assert!(place.run(["set", "one", "--no-limits"]).status.success());
    let freed = place.run(["get", "two", "--min-ttl", "0s"]);
    assert_eq!(code(&freed), Some(0), "{}", text(&freed.stderr));
}

#[test]
fn who_is_told_to_wait_makes_all_of_the_account_wait_and_a_restart_forgets_nothing() {
    let place = Place::new();
    let provider = Provider::scripted(|number, _| match number {
        2 => Reply::json(429, r#"{"error":"slow down"}"#).with("retry-after", "3600"),
        number => issued(number, 3_600),
    });
    let daemon = place.start();
    assert!(place.add("one", provider.url(), SECRET).status.success());
    assert_eq!(code(&place.run(["refresh", "one"])), Some(4));
    assert_eq!(code(&place.add("two", provider.url(), SECRET)), Some(6));
    assert_output(&place.run(["get", "one"]), 0, "token-1-c0ffee\n", "");
    daemon.kill();

    let _daemon = place.start();
    assert_eq!(code(&place.run(["get", "two"])), Some(6));
    let budget = text(&place.run(["budget"]).stdout);
    assert!(budget.contains("told by the provider"), "{budget}");
    assert_eq!(provider.requests().len(), 2);
    // An operator may try all the same.
    assert!(place.run(["refresh", "two"]).status.success());
}

/// An OAuth server whose tokens come with refresh tokens.
fn with_refresh_tokens(place: &Place, grant: &str, provider: &Provider) {
    let definition = format!(
        "title = \"Acme\"\n\
         [secrets.client_secret]\ndescription = \"the secret\"\n\
         [secrets.refresh_token]\ndescription = \"the refresh token\"\noptional = true\n\
         [oauth2]\ntoken_url = \"{}/token\"\nclient_id = \"tester\"\n{grant}\n",
        provider.url()
    );
    place.define("acme", &definition);
}

fn renewable(number: usize) -> Reply {
    Reply::json(
        200,
        format!(
            r#"{{"access_token":"token-{number}-c0ffee","expires_in":3600,"refresh_token":"r{number}-c0ffee"}}"#
        ),
    )
}

#[test]
fn a_refresh_token_gets_the_next_token_and_a_refused_one_costs_one_login() {
    let place = Place::new();
    let provider = Provider::scripted(|number, _| match number {
        3 => Reply::json(400, r#"{"error":"invalid_grant"}"#),
        number => renewable(number),
    });
    with_refresh_tokens(&place, "grant = \"client_credentials\"\nrefresh = true", &provider);
    let daemon = place.start();
    let add = ["add", "api", "--provider", "acme", "--secret-stdin", "client_secret"];
    let added = place.run_with_input(add, SECRET);
    assert!(added.status.success(), "{}", text(&added.stderr));
    assert!(place.run(["refresh", "api"]).status.success());
    daemon.kill();
    let _daemon = place.start();
    assert!(place.run(["refresh", "api"]).status.success());
    assert_output(&place.run(["get", "api"]), 0, "token-4-c0ffee\n", "");
    let bodies: Vec<String> = provider.requests().into_iter().map(|r| r.body).collect();
    let login = "grant_type=client_credentials";
    let refresh = |token| format!("grant_type=refresh_token&refresh_token={token}");
    assert_eq!(bodies, [login, &refresh("r1-c0ffee"), &refresh("r2-c0ffee"), login]);
}

#[test]
fn what_only_a_person_can_repeat_is_asked_for_once_and_then_waits_for_that_person() {
    let place = Place::new();
    let provider = Provider::scripted(|_, _| Reply::json(400, r#"{"error":"invalid_grant"}"#));
    with_refresh_tokens(&place, "grant = \"refresh_token\"", &provider);
    // Each run of the hook waits there until it is heard.
    let pipe = place.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let hook = format!(r#"echo "$TOKEND_COMMAND" > {}"#, pipe.display());
    place.configure(&format!("on_login_needed = ['/bin/sh', '-c', '{hook}']"));
    let mut daemon = place.start();
    let secret = place.path().join("secret");
    std::fs::write(&secret, canary::real(SECRET)).unwrap();
    let secret = format!("client_secret={}", secret.display());
    let add = ["add", "api", "--provider", "acme", "--secret-file", &secret];
    let added = place.run_with_input(
        add.into_iter().chain(["--secret-stdin", "refresh_token"]),
        "r0-Horse_Battery",
    );
    assert_eq!(code(&added), Some(5), "{}", text(&added.stderr));
    for _ in 0..3 {
        let get = place.run(["get", "api"]);
        assert_eq!(code(&get), Some(5));
        assert!(text(&get.stderr).contains("a new login is needed"), "{}", text(&get.stderr));
    }
    assert_eq!(provider.requests().len(), 1);
    let status = text(&place.run(["status"]).stdout);
    assert!(status.contains("run `tokend-cli set-secret api refresh_token --now`"), "{status}");
    daemon.wait_for_log("a login is needed: run `tokend-cli set-secret api refresh_token --now`: ");

    // Someone is told: once, and once more by a daemon that finds it so when it starts.
    assert_eq!(
        std::fs::read_to_string(&pipe).unwrap(),
        "tokend-cli set-secret api refresh_token --now\n"
    );
    daemon.wait_for_log("on_login_needed was run");
    let log = daemon.end().log;
    assert!(!log.contains("on_login_needed"), "{log}");
    let _daemon = place.start();
    assert_eq!(
        std::fs::read_to_string(&pipe).unwrap(),
        "tokend-cli set-secret api refresh_token --now\n"
    );
}

#[test]
fn on_demand_no_token_is_asked_for_until_someone_asks() {
    let place = Place::new();
    let provider = Provider::scripted(|number, _| issued(number, 5));
    let daemon = place.start();
    let url = format!("token_url={}/token", provider.url());
    let add = ["add", "api", "--provider", "oauth2-client-credentials", "--refresh", "on-demand"];
    let inputs = ["--var", &url, "--var", "client_id=tester", "--secret-stdin", "client_secret"];
    let added = place.run_with_input(add.into_iter().chain(inputs), SECRET);
    assert!(added.status.success(), "{}", text(&added.stderr));
    daemon.kill();
    drop(place.start());
    assert_eq!(provider.requests().len(), 1, "the first shows that the credential works");
    let _daemon = place.start();
    let shown = text(&place.run(["show", "api"]).stdout);
    assert!(shown.contains("on-demand"), "{shown}");
}

#[test]
fn a_secret_that_the_provider_replaces_is_kept_with_the_token_and_used_from_then_on() {
    let provider = Provider::scripted(|number, _| {
        let next = number + 1;
        Reply::json(
            200,
            format!(r#"{{"token":"token-{number}-c0ffee","key":"key-{next}-c0ffee"}}"#),
        )
    });
    let place = Place::new();
    place.define(
        "acme",
        "title = 'Acme'\n\
         secrets.key.description = 'A key that is good for one login'\n\
         variables.url = { description = 'The login', kind = 'url' }\n\
         issue = { url = '{{ var.url }}', json = { key = '{{ secret.key }}' } }\n\
         output = { token = 'body.token', secrets = { key = 'body.key' } }\n\
         lifetime.default = '1h'\n",
    );
    let daemon = place.start();
    let url = format!("url={}", provider.url());
    let arguments = ["add", "api", "--provider", "acme", "--secret-stdin", "key", "--var", &url];
    let added = place.run_with_input(arguments, "key-1-c0ffee");
    assert!(added.status.success(), "{}", text(&added.stderr));
    // Changes of the credential don't bring the old secret back.
    assert!(place.run(["grant", "api", "uid:4711"]).status.success());
    assert!(place.run(["refresh", "api"]).status.success());
    assert!(place.run(["set", "api", "--refresh", "used"]).status.success());
    daemon.kill();
    let _daemon = place.start();
    assert!(place.run(["refresh", "api"]).status.success());
    let sent: Vec<String> = provider.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(
        sent,
        [r#"{"key":"key-1-c0ffee"}"#, r#"{"key":"key-2-c0ffee"}"#, r#"{"key":"key-3-c0ffee"}"#]
    );
    assert_output(&place.run(["get", "api"]), 0, "token-3-c0ffee\n", "");
}
