//! reqwest, between a program and APIs on loopback.

use std::{
    convert::Infallible,
    error::Error as _,
    sync::{Arc, Mutex},
};

use ::reqwest::{Method, redirect::Policy};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use reqwest_middleware::{ClientWithMiddleware, Error};
use tokend_proto::v1::{self, placement::Target};
use tokio::net::TcpListener;
use tower::service_fn;

use super::daemon::Daemon;
use crate::{Attach, AttachError, TokenFate, attach::sample};

/// An API on loopback. Its paths say what it answers: `/200`, or `/302/` and where to.
struct Api {
    port: u16,
    got: Arc<Mutex<Vec<Got>>>,
}

#[derive(Clone, Debug)]
struct Got {
    line: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Got {
    /// What of the token's is in it.
    fn has(&self) -> [bool; 4] {
        let cookie = self.headers.get("cookie").is_some_and(|value| value == "sid=c1");
        let key = self.headers.contains_key("x-api-key");
        [self.headers.contains_key("authorization"), key, cookie, self.line.contains("t1")]
    }
}

impl Api {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let got = Arc::<Mutex<Vec<Got>>>::default();
        let shared = Arc::clone(&got);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let got = Arc::clone(&shared);
                let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let got = Arc::clone(&got);
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        let line = format!("{} {}", head.method, head.uri);
                        let path = head.uri.path().to_owned();
                        let is_old =
                            head.headers.get("authorization").is_some_and(|it| it == "Bearer t1");
                        got.lock().unwrap().push(Got { line, headers: head.headers, body });
                        Ok::<_, Infallible>(answer(&path, is_old))
                    }
                });
                tokio::spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    let service = TowerToHyperService::new(service);
                    server.serve_connection(TokioIo::new(stream), service).await.map_err(drop)
                });
            }
        });
        Self { port, got }
    }

    /// A URL below the host that the token is for ..
    fn own(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// .. and the same place by a name that it isn't for.
    fn other(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    fn lines(&self) -> Vec<String> {
        self.got().into_iter().map(|got| got.line).collect()
    }
}

fn answer(path: &str, is_old: bool) -> Response<Full<Bytes>> {
    let (status, place) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    let status = match status {
        "refuse" if is_old => StatusCode::UNAUTHORIZED,
        "refuse" => StatusCode::OK,
        status => status.parse().unwrap(),
    };
    let place = place.replacen(":/", "://", 1).replace(":///", "://");
    let body = Full::from(format!("answer {status}"));
    Response::builder().status(status).header("location", place).body(body).unwrap()
}

/// A token that goes everywhere.
fn everywhere(value: &str) -> v1::Token {
    let mut token = sample::message(value);
    token.hosts = vec!["127.0.0.1".to_owned()];
    token.placements.extend([
        sample::put(Target::Header("X-Api-Key".to_owned()), value),
        sample::put(Target::Cookie("sid".to_owned()), "c1"),
        sample::put(Target::Query("key".to_owned()), value),
    ]);
    token
}

fn client(attach: &Attach) -> ClientWithMiddleware {
    // Where another package wants TLS, no client can be made without, used or not.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // What a program sets doesn't count.
    let builder = ::reqwest::Client::builder().no_proxy().redirect(Policy::limited(5));
    attach.reqwest(builder).unwrap().build()
}

fn why(error: &Error) -> &AttachError {
    let Error::Middleware(error) = error else { panic!("{error:?}") };
    error.downcast_ref().unwrap()
}

#[tokio::test]
async fn a_request_has_the_token_in_it_and_the_url_has_not() {
    let (daemon, api) = (Daemon::start([everywhere("t1")]), Api::start().await);
    let client = client(&Attach::new(&daemon.client, "api"));
    let response = client.get(api.own("/200?x=1")).send().await.unwrap();
    assert_eq!(response.url().as_str(), api.own("/200?x=1"));
    assert_eq!(response.extensions().get::<TokenFate>().unwrap().token_id(), "id of t1");
    assert_eq!(response.text().await.unwrap(), "answer 200 OK");
    assert_eq!(api.got()[0].has(), [true; 4]);
    assert_eq!(api.lines(), ["GET /200?x=1&key=t1"]);

    let response = client.get(api.own("/404")).send().await.unwrap();
    let error = response.error_for_status().unwrap_err();
    assert!(error.to_string().contains("/404") && !error.to_string().contains("t1"), "{error}");
}

#[tokio::test]
async fn an_error_of_the_client_has_no_token_in_it() {
    let daemon = Daemon::start([everywhere("t1")]);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/200", listener.local_addr().unwrap());
    drop(listener);
    let error = client(&Attach::new(&daemon.client, "api")).get(&url).send().await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    assert_eq!(error.url().unwrap().as_str(), url);
    let (shown, mut source) = (format!("{error} {error:?}"), error.source());
    assert!(!shown.contains("t1"), "{shown}");
    while let Some(error) = source {
        assert!(!error.to_string().contains("t1"), "{error}");
        source = error.source();
    }
}

#[tokio::test]
async fn a_refused_request_is_repeated_with_another_token() {
    let daemon = Daemon::start(["t1", "t2"].map(everywhere));
    let api = Api::start().await;
    let client = client(&Attach::new(&daemon.client, "api"));
    let response = client.post(api.own("/refuse")).body("hello").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.extensions().get::<TokenFate>().unwrap().is_repeated());
    assert_eq!(api.lines(), ["POST /refuse?key=t1", "POST /refuse?key=t2"]);
    assert!(api.got().iter().all(|got| got.body == "hello"));
    assert_eq!(daemon.told.reports().len(), 1);
}

#[tokio::test]
async fn a_redirection_elsewhere_is_followed_without_the_token() {
    let (daemon, api) = (Daemon::start([everywhere("t1")]), Api::start().await);
    let client = client(&Attach::new(&daemon.client, "api"));
    let (start, end) = (api.own(&format!("/302/{}", api.other("/200"))), api.other("/200"));
    let response = client.get(start).header("x-own", "1").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.url().as_str()), (200, end.as_str()));
    let [first, second] = &api.got()[..] else { panic!("{:?}", api.lines()) };
    assert_eq!((first.has(), second.has()), ([true; 4], [false; 4]));
    assert_eq!(second.headers["x-own"], "1");

    // Back again, it is there again.
    let start = api.own(&format!("/307/{}", api.other(&format!("/307/{}", api.own("/200")))));
    let response = client.post(start).body("hello").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let has: Vec<_> = api.got()[2..].iter().map(Got::has).collect();
    assert_eq!(has, [[true; 4], [false; 4], [true; 4]]);
    assert!(api.got()[2..].iter().all(|got| got.body == "hello" && got.line.starts_with("POST ")));
}

#[tokio::test]
async fn a_request_elsewhere_is_not_sent_unless_the_program_wants_it() {
    let (daemon, api) = (Daemon::start([everywhere("t1")]), Api::start().await);
    let attach = Attach::new(&daemon.client, "api");
    let error = client(&attach).get(api.other("/200")).send().await.unwrap_err();
    assert!(matches!(why(&error), AttachError::NotAHost { .. }), "{error:?}");
    let error = client(&attach).get("http://192.0.2.1/").send().await.unwrap_err();
    assert!(matches!(why(&error), AttachError::Insecure { .. }), "{error:?}");
    assert!(api.got().is_empty());
    let client = client(&attach.pass_elsewhere());
    assert_eq!(client.get(api.other("/200")).send().await.unwrap().status(), 200);
    assert_eq!(api.got()[0].has(), [false; 4]);
}

#[tokio::test]
async fn a_body_that_is_gone_ends_the_way() {
    let (daemon, api) = (Daemon::start([everywhere("t1")]), Api::start().await);
    let client = client(&Attach::new(&daemon.client, "api").body_limit(4));
    for (status, expected) in [(307, 307), (303, 200)] {
        let start = api.own(&format!("/{status}/{}", api.own("/200")));
        let response = client.request(Method::POST, &start).body("hello").send().await.unwrap();
        assert_eq!(response.status(), expected);
    }
}

#[tokio::test]
async fn redirections_without_an_end_are_an_error() {
    let (daemon, api) = (Daemon::start([everywhere("t1")]), Api::start().await);
    let client = client(&Attach::new(&daemon.client, "api"));
    let error = client.get(api.own("/302/?")).send().await.unwrap_err();
    assert!(matches!(why(&error), AttachError::TooManyRedirects(10)), "{error:?}");
    assert_eq!(api.got().len(), 11);
}

#[tokio::test]
async fn an_error_of_tokend_is_within_the_error() {
    let nobody = Daemon::start([]);
    let client = client(&Attach::new(&nobody.client, "api"));
    let error = client.get("https://api.example.com/").send().await.unwrap_err();
    assert!(matches!(why(&error).token_error(), Some(crate::Error::LoginNeeded { .. })));
}
