//! Programs whose HTTP client puts the tokens in: with the real daemon, and APIs on loopback
//! that slide, refuse and lead elsewhere.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

#[path = "middleware/authority.rs"]
mod authority;

use std::time::Duration;

use authority::Authority;
use http::Request;
use hyper_util::{client::legacy::Client as HttpClient, rt::TokioExecutor};
use reqwest_middleware::{ClientWithMiddleware, Error};
use support::{
    Place, assert_output, canary,
    provider::{self, Provider, Reply},
    text,
};
use tokend_client::{Attach, AttachError, Client, ExposeSecret as _, Submission, Token, TokenFate};
use tower::{Layer as _, ServiceExt as _};

const SECRET: &str = "s3cret-Horse_Battery";

const UNAUTHORIZED: &str =
    r#"{"errors":[{"message":"Unauthorized","customer_facing":false}],"data":null}"#;

/// Runs what a program does that holds a client.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

fn add(place: &Place, provider: &str, secret: &str, variables: &[&str]) {
    let mut arguments = vec!["add", "api", "--provider", provider, "--secret-stdin", secret];
    for variable in variables {
        arguments.extend(["--var", variable]);
    }
    let added = place.run_with_input(arguments, SECRET);
    assert!(added.status.success(), "{}", text(&added.stderr));
}

fn attach(place: &Place) -> Attach {
    Attach::new(&Client::at(place.socket()), "api")
}

/// A client without TLS, for APIs on loopback.
fn plain(attach: &Attach) -> ClientWithMiddleware {
    // It isn't used, but a client can't be made without.
    let _ = rustls::crypto::ring::default_provider().install_default();
    attach.reqwest(reqwest::Client::builder().no_proxy()).unwrap().build()
}

fn why(error: &Error) -> &AttachError {
    let Error::Middleware(error) = error else { panic!("{error:?}") };
    error.downcast_ref().unwrap()
}

fn authorization(request: &provider::Request) -> Option<&str> {
    request.headers.get("authorization").map(String::as_str)
}

/// Toggle: a login, and an API each of whose answers ends the token before. Until the second
/// login it refuses what has `refuse` in it.
fn sliding() -> Provider {
    let (mut current, mut logins) = (String::new(), 0);
    Provider::scripted(move |number, request| {
        let next = |prefix: &str| format!("{prefix}-{number}-c0ffee");
        if request.body.contains("loginUser") {
            logins += 1;
            current = next(&format!("login{logins}"));
            return Reply::json(200, r#"{"data":{"loginUser":{"id":"1"}}}"#)
                .with("x-authorization", format!("Bearer {current}"));
        }
        let held = authorization(request) == Some(&format!("Bearer {current}"));
        if !held || logins == 1 && request.body.contains("refuse") {
            return Reply::json(200, UNAUTHORIZED);
        }
        current = next(current.split('-').next().unwrap());
        Reply::json(200, r#"{"data":{}}"#).with("x-authorization", format!("Bearer {current}"))
    })
}

#[test]
fn each_request_has_the_token_that_the_answer_before_has_brought() {
    let (place, api) = (Place::new(), sliding());
    let _daemon = place.start();
    let url = format!("{}/graphql", api.url());
    add(&place, "toggle", "password", &["email=me@example.com", &format!("url={url}")]);
    block_on(async {
        let client = plain(&attach(&place));
        for number in 2..6 {
            let response = client.post(&url).body("{}").send().await.unwrap();
            let fate: &TokenFate = response.extensions().get().unwrap();
            assert_eq!(fate.submission().unwrap().unwrap(), Submission::Accepted);
            assert!(!fate.is_refused());
            assert_eq!(response.text().await.unwrap(), r#"{"data":{}}"#);
            // Everyone has it by then.
            assert_output(&place.run(["get", "api"]), 0, &format!("login1-{number}-c0ffee\n"), "");
        }
    });
    assert_eq!(api.requests().len(), 5);
}

#[test]
fn a_newer_token_that_comes_while_the_daemon_restarts_costs_no_login() {
    let (place, api) = (Place::new(), sliding());
    let daemon = place.start();
    let url = format!("{}/graphql", api.url());
    add(&place, "toggle", "password", &["email=me@example.com", &format!("url={url}")]);
    block_on(async {
        let client = Client::at(place.socket());
        let sender = plain(&Attach::new(&client, "api"));
        client.token("api").await.unwrap();
        drop(daemon);
        let response = sender.post(&url).body("{}").send().await.unwrap();
        let fate: &TokenFate = response.extensions().get().unwrap();
        assert!(fate.submission().unwrap().unwrap_err().is_transient());

        let _daemon = place.start();
        let mut subscription = client.subscribe("api").unwrap();
        let told = async {
            let newer =
                |token: &Token| canary::told(token.value().expose_secret()) == "login1-2-c0ffee";
            while !subscription.changed().await.as_ref().is_ok_and(newer) {}
        };
        tokio::time::timeout(Duration::from_secs(60), told).await.unwrap();
        let response = sender.post(&url).body("{}").send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), r#"{"data":{}}"#);
    });
    let logins = api.requests().into_iter().filter(|request| request.body.contains("loginUser"));
    assert_eq!(logins.count(), 1);
}

#[test]
fn a_refusal_with_status_200_costs_one_login_and_the_request_is_repeated() {
    let (place, api) = (Place::new(), sliding());
    let _daemon = place.start();
    let url = format!("{}/graphql", api.url());
    add(&place, "toggle", "password", &["email=me@example.com", &format!("url={url}")]);
    block_on(async {
        let client = plain(&attach(&place));
        let response = client.post(&url).body("refuse").send().await.unwrap();
        assert!(response.extensions().get::<TokenFate>().unwrap().is_repeated());
        assert_eq!(response.text().await.unwrap(), r#"{"data":{}}"#);
    });
    let asked: Vec<_> =
        api.requests().iter().map(|it| authorization(it).map(str::to_owned)).collect();
    let bearer = |token: &str| Some(format!("Bearer {token}"));
    assert_eq!(asked, [None, bearer("login1-1-c0ffee"), None, bearer("login2-3-c0ffee")]);
    assert_output(&place.run(["get", "api"]), 0, "login2-4-c0ffee\n", "");
}

#[test]
fn the_layer_does_the_same_for_hyper() {
    let (place, api) = (Place::new(), sliding());
    let _daemon = place.start();
    let url = format!("{}/graphql", api.url());
    add(&place, "toggle", "password", &["email=me@example.com", &format!("url={url}")]);
    block_on(async {
        let http = HttpClient::builder(TokioExecutor::new()).build_http();
        let service = attach(&place).layer().layer(http);
        let request = Request::post(&url).body("refuse".to_owned()).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        assert!(response.extensions().get::<TokenFate>().unwrap().is_repeated());
        let request = Request::post("http://localhost:1/").body(String::new()).unwrap();
        let error = service.oneshot(request).await.unwrap_err();
        assert!(matches!(error, AttachError::NotAHost { .. }), "{error:?}");
    });
    assert_output(&place.run(["get", "api"]), 0, "login2-4-c0ffee\n", "");
}

#[test]
fn where_tokend_knows_no_hosts_the_program_has_to() {
    let provider = Provider::scripted(|number, request| match request.path.as_str() {
        "/token" => provider::issued(number, 3_600),
        _ if authorization(request) == Some("Bearer token-1-c0ffee") => Reply::json(401, "{}"),
        _ => Reply::json(200, r#"{"fine":true}"#),
    });
    let place = Place::new();
    let _daemon = place.start();
    assert!(place.add("api", provider.url(), SECRET).status.success());
    let url = format!("{}/v1", provider.url());
    block_on(async {
        let error = plain(&attach(&place)).get(&url).send().await.unwrap_err();
        assert!(matches!(why(&error), AttachError::HostsUnknown), "{error:?}");
        let client = plain(&attach(&place).hosts(["127.0.0.1"]));
        let response = client.get(&url).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), r#"{"fine":true}"#);
    });
    let paths: Vec<_> = provider.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/token", "/v1", "/token", "/v1"]);
}

#[test]
fn over_https_the_token_goes_to_its_host_and_to_no_other() {
    const HOST: &str = "api.fyma.ai";
    let logins = Provider::issuing();
    let authority = Authority::new();
    let other = authority.server(&["files.example"], |_, _| Reply::json(200, r#"{"file":1}"#));
    let port = |server: &Provider| server.url().rsplit(':').next().unwrap().to_owned();
    let file = format!("https://files.example:{}/1", port(&other));
    let to = file.clone();
    let api = authority.server(&[HOST], move |number, _| match number {
        1 => Reply::json(401, "{}"),
        2 => Reply::json(200, r#"{"fine":true}"#),
        _ => Reply::json(302, "").with("location", to.clone()),
    });
    let place = Place::new();
    let _daemon = place.start();
    let token_url = format!("token_url={}/oauth/token", logins.url());
    add(&place, "fyma", "client_secret", &["client_id=me", &token_url]);
    let url = format!("https://{HOST}:{}/v1", port(&api));
    block_on(async {
        let builder = authority.client(&[HOST, "files.example"]);
        let client = attach(&place).reqwest(builder).unwrap().build();
        // It is refused once ..
        let response = client.get(&url).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), r#"{"fine":true}"#);
        // .. and then leads elsewhere.
        let response = client.get(&url).send().await.unwrap();
        assert_eq!((response.url().as_str(), response.status().as_u16()), (file.as_str(), 200));

        let error = client.get(&file).send().await.unwrap_err();
        assert!(matches!(why(&error), AttachError::NotAHost { .. }), "{error:?}");
        let error = client.get(url.replace("https", "http")).send().await.unwrap_err();
        assert!(matches!(why(&error), AttachError::Insecure { .. }), "{error:?}");
    });
    let [first, second] = ["Bearer token-1-c0ffee", "Bearer token-2-c0ffee"].map(Some);
    let asked = api.requests();
    let asked: Vec<_> = asked.iter().map(authorization).collect();
    assert_eq!(asked, [first, second, second]);
    let led = other.requests();
    assert_eq!(led.iter().map(authorization).collect::<Vec<_>>(), [None]);
}
