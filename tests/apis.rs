//! The APIs that tokend knows by name, in their own wire formats: stored by
//! `tokend-cli add`, issued by a server on loopback, read by `tokend-cli get`.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use support::{
    Place, assert_output, contains, disguises,
    provider::{Provider, Reply, Request},
    text,
};
use tokend_client::{Client, Rejection, Rotation, Submission, Token};

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

/// Runs what a program does that holds a client.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

/// Asks an API with a token, and returns the headers and the body of its answer.
fn call(url: &str, token: &Token) -> (http::HeaderMap, String) {
    let host = url.trim_start_matches("http://").trim_end_matches("/graphql");
    let mut stream = TcpStream::connect(host).unwrap();
    let value = token.value().expose_secret();
    write!(
        stream,
        "POST /graphql HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {value}\r\n\
         content-length: 2\r\nconnection: close\r\n\r\n{{}}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers = fields.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    (headers.collect::<Vec<_>>().into_iter().collect(), body.to_owned())
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
fn toggle_hands_one_caller_a_newer_token_and_all_get_it() {
    let provider = Provider::scripted(|number, request| match number {
        1 | 3 => Reply::json(200, r#"{"data":{"loginUser":{"id":"1"}}}"#)
            .with("x-authorization", format!("Bearer t{number}")),
        _ => {
            assert_eq!(request.headers["authorization"], "Bearer t1");
            Reply::json(200, r#"{"data":{}}"#).with("x-authorization", "Bearer t2")
        }
    });
    let place = Place::new();
    let daemon = place.start();
    let url = format!("{}/graphql", provider.url());
    let variable = format!("url={url}");
    add(&place, "toggle", "password", &["email=me@example.com".to_owned(), variable]);
    block_on(async {
        let client = Client::at(place.socket());
        let token = client.token("api").await.unwrap();
        let (headers, body) = call(&url, &token);
        let rotation = Rotation::of(&token, &headers, Some(body.as_bytes())).unwrap();
        let submitted = client.submit_rotation("api", rotation.clone()).await.unwrap();
        assert_eq!(submitted, Submission::Accepted);
        assert_output(&place.run(["get", "api"]), 0, "t2\n", "");
        // Once more is nothing new, and another is too late.
        let again = client.submit_rotation("api", rotation).await.unwrap();
        assert_eq!(again, Submission::Unchanged);
        let late = Rotation::of_id(token.id(), "late".into());
        let late = client.submit_rotation("api", late).await.unwrap();
        assert_eq!(late, Submission::Superseded);
    });

    // It is on the disk, and no login was needed.
    daemon.kill();
    let _daemon = place.start();
    assert_output(&place.run(["get", "api"]), 0, "t2\n", "");
    assert_eq!(provider.requests().len(), 2);

    // The API refuses it in the body of a 200; another login follows.
    block_on(async {
        let client = Client::at(place.socket());
        let token = client.token("api").await.unwrap();
        let report = Rejection::of(&token).status(200).code("Unauthorized");
        assert!(client.report_rejection("api", report).await.unwrap().brought_another());
    });
    assert_output(&place.run(["get", "api"]), 0, "t3\n", "");
}

#[test]
fn a_newer_token_can_be_piped_in_and_is_no_argument() {
    let provider =
        Provider::scripted(|_, _| Reply::json(200, "{}").with("x-authorization", "Bearer t1"));
    let place = Place::new();
    let _daemon = place.start();
    let url = format!("url={}/graphql", provider.url());
    add(&place, "toggle", "password", &["email=me@example.com".to_owned(), url]);
    let shown = place.run(["get", "api", "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let rule = |name| json!({"header": name, "strip_prefix": "Bearer ", "extra": null});
    assert_eq!(shown["rotations"], json!([rule("X-Authorization"), rule("Authorization")]));
    let id = shown["token_id"].as_str().unwrap();
    assert_output(&place.run_with_input(["rotate", "api"], "Bearer t2\n"), 0, "", "");
    assert_output(&place.run(["get", "api"]), 0, "t2\n", "");
    let late = place.run_with_input(["rotate", "api", "--token-id", id], "t3\n");
    let message = "tokend-cli: another token of api has taken its place already\n\
                   hint: tokend-cli get api prints that one\n";
    assert_output(&late, 1, "", message);
    let unfit = place.run_with_input(["rotate", "api"], "caf\u{e9}\n");
    assert_eq!(unfit.status.code(), Some(2), "{}", text(&unfit.stderr));
    assert!(!text(&unfit.stderr).contains("caf"), "{}", text(&unfit.stderr));
    assert_output(&place.run(["get", "api"]), 0, "t2\n", "");
    assert_eq!(place.run_with_input(["rotate", "none"], "t3").status.code(), Some(3));
}

#[test]
fn an_api_whose_definition_says_nothing_of_newer_tokens_takes_none() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    assert!(place.add("api", provider.url(), SECRET).status.success());
    let refused = place.run_with_input(["rotate", "api"], "t2");
    assert_eq!(refused.status.code(), Some(5), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("[[rotated]]"), "{}", text(&refused.stderr));
    assert_output(&place.run(["get", "api"]), 0, "token-1-c0ffee\n", "");
}

#[test]
fn a_password_in_a_query_is_in_no_log_even_of_everything() {
    let provider = Provider::scripted(|number, _| match number {
        1 => {
            Reply::json(200, r#"{"token_type":"access","access_token":"d567","expires_in":"899"}"#)
        }
        _ => Reply { status: 500, headers: Vec::new(), body: Vec::new() },
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
