//! The APIs that tokend knows by name, in their own wire formats: stored by
//! `tokend-cli add`, issued by a server on loopback, read by `tokend-cli get`.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

use serde_json::{Value, json};
use support::{
    Place, assert_output, contains, disguises,
    provider::{Provider, Reply, Request},
    text,
};

const SECRET: &str = "s3cret-Horse_Battery";

/// Adds a credential of a built-in provider.
fn add(place: &Place, provider: &str, secret: &str, variables: &[String]) {
    let mut arguments = vec!["add", "api", "--provider", provider, "--secret-stdin", secret];
    for variable in variables {
        arguments.extend(["--var", variable]);
    }
    let added = place.run_with_input(arguments, SECRET);
    assert!(added.status.success(), "{}", text(&added.stderr));
}

fn json_body(request: &Request) -> Value {
    serde_json::from_str(&request.body).unwrap()
}

#[test]
fn causely_logs_in_with_json() {
    let provider = Provider::scripted(|_, request| {
        assert_eq!(request.headers["content-type"], "application/json");
        let body = json!({
            "access_token": "eyJ.causely",
            "refresh_token": "25b1",
            "expires_in": 86_400,
            "expires": "Sat, 31 May 2098 22:54:23 GMT",
        });
        Reply::json(200, body.to_string())
    });
    let place = Place::new();
    let _daemon = place.start();
    let token_url = format!("token_url={}/api-token", provider.url());
    add(&place, "causely", "client_secret", &["client_id=me".to_owned(), token_url]);
    assert_output(&place.run(["get", "api"]), 0, "eyJ.causely\n", "");
    let header = "Authorization: Bearer eyJ.causely\n";
    assert_output(&place.run(["get", "api", "--header"]), 0, header, "");
    let [request] = &provider.requests()[..] else { panic!("{:?}", provider.requests()) };
    assert_eq!(json_body(request), json!({"clientId": "me", "secret": SECRET}));
}

#[test]
fn fyma_is_asked_no_more_often_than_its_daily_limit_allows() {
    let provider = Provider::scripted(|number, _| {
        let body = json!({"access_token": format!("t{number}"), "token_type": "Bearer", "expires_in": 86_400});
        Reply::json(200, body.to_string())
    });
    let place = Place::new();
    let daemon = place.start();
    let variables = [
        "client_id=me".to_owned(),
        "daily_limit=2".to_owned(),
        format!("token_url={}/oauth/token", provider.url()),
    ];
    add(&place, "fyma", "client_secret", &variables);
    assert!(place.run(["refresh", "api"]).status.success());
    assert_eq!(place.run(["refresh", "api"]).status.code(), Some(6));
    assert_output(&place.run(["get", "api"]), 0, "t2\n", "");

    // The account's limit holds for whoever uses it, whatever the daemon went
    // through.
    daemon.kill();
    let _daemon = place.start();
    assert!(place.run(["remove", "api", "--yes"]).status.success());
    let arguments = ["add", "api", "--provider", "fyma", "--secret-stdin", "client_secret"];
    let variables = variables.iter().flat_map(|variable| ["--var", variable]);
    let again = place.run_with_input(arguments.into_iter().chain(variables), SECRET);
    assert_eq!(again.status.code(), Some(6), "{}", text(&again.stderr));

    let body = json!({
        "grant_type": "client_credentials",
        "audience": "https://api.fyma.ai",
        "client_id": "me",
        "client_secret": SECRET,
    });
    let requests = provider.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| json_body(request) == body), "{requests:?}");
}

#[test]
fn fyma_that_says_too_many_is_left_alone_and_the_old_token_is_served() {
    let provider = Provider::scripted(|number, _| match number {
        1 => Reply::json(200, r#"{"access_token":"t1","token_type":"Bearer","expires_in":86400}"#),
        _ => Reply::json(429, r#"{"error":"too_many_requests","error_description":"quota"}"#)
            .with("retry-after", "3600"),
    });
    let place = Place::new();
    let _daemon = place.start();
    let token_url = format!("token_url={}/oauth/token", provider.url());
    add(&place, "fyma", "client_secret", &["client_id=me".to_owned(), token_url]);
    let limited = place.run(["refresh", "api"]);
    assert_eq!(limited.status.code(), Some(4), "{}", text(&limited.stderr));
    assert!(text(&limited.stderr).contains("quota"), "{}", text(&limited.stderr));
    assert_output(&place.run(["get", "api"]), 0, "t1\n", "");
    let shown = place.run(["show", "api", "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["state"], "BACKING_OFF", "{shown}");
    assert_eq!(provider.requests().len(), 2);
}

#[test]
fn toggle_gives_its_token_in_a_header() {
    let provider = Provider::scripted(|_, _| {
        Reply::json(200, r#"{"data":{"loginUser":{"id":"1"}}}"#)
            .with("x-authorization", "Bearer eyJ.toggle")
            .with("authorization", "Bearer eyJ.toggle")
    });
    let place = Place::new();
    let _daemon = place.start();
    let url = format!("url={}/graphql", provider.url());
    add(&place, "toggle", "password", &["email=me@example.com".to_owned(), url]);
    assert_output(&place.run(["get", "api"]), 0, "eyJ.toggle\n", "");
    let [request] = &provider.requests()[..] else { panic!("{:?}", provider.requests()) };
    let body = json_body(request);
    assert!(body["query"].as_str().unwrap().contains("loginUser(email:$email"), "{body}");
    assert_eq!(body["variables"], json!({"email": "me@example.com", "password": SECRET}));
}

#[test]
fn toggle_refuses_with_status_200() {
    let provider = Provider::scripted(|_, _| {
        Reply::json(200, r#"{"errors":[{"message":"Unauthorized","customer_facing":false}]}"#)
    });
    let place = Place::new();
    let _daemon = place.start();
    let url = format!("url={}/graphql", provider.url());
    let arguments = ["add", "api", "--provider", "toggle", "--secret-stdin", "password"];
    let arguments = arguments.into_iter().chain(["--var", "email=me", "--var", &url]);
    let refused = place.run_with_input(arguments, SECRET);
    assert_eq!(refused.status.code(), Some(5), "{}", text(&refused.stderr));
    assert_eq!(provider.requests().len(), 1);
}

#[test]
fn a_password_in_a_query_is_in_no_log_even_of_everything() {
    let provider = Provider::scripted(|number, _| match number {
        1 => {
            Reply::json(200, r#"{"token_type":"access","access_token":"d567","expires_in":"899"}"#)
        }
        _ => Reply { status: 500, headers: Vec::new(), body: String::new() },
    });
    let place = Place::new();
    let daemon = place.start_with(|command| {
        command.env("TOKEND_LOG", "trace");
    });
    let variables = [
        "username=me".to_owned(),
        "credentials_in=query".to_owned(),
        format!("url={}/authorization", provider.url()),
    ];
    add(&place, "iot-x", "password", &variables);
    assert_output(&place.run(["get", "api"]), 0, "d567\n", "");
    let failed = place.run(["refresh", "api"]);
    assert_eq!(failed.status.code(), Some(4));
    assert!(provider.requests()[0].path.contains(SECRET), "it is sent in the query");
    let log = daemon.end().log;
    for secret in [SECRET, "d567"] {
        for disguise in disguises(secret) {
            let shown = [log.as_bytes(), &failed.stderr].into_iter();
            assert!(!shown.clone().any(|bytes| contains(bytes, &disguise)), "{secret}:\n{log}");
        }
    }
}
