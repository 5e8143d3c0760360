//! The layer, between a program and an API that are both of the test's own.

use std::{
    collections::VecDeque,
    error::Error as _,
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Full};
use tokend_proto::v1::{self, placement::Target, rejection, rotation_rule};
use tokio::sync::Notify;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use super::daemon::Daemon;
use crate::{
    Attach, AttachError, Client, Error, Ruling, Submission, TokenBody, TokenFate, attach::sample,
};

/// A request as the API got it: its line, the headers, and the body.
type Got = (String, HeaderMap, Bytes);

/// An API that answers as it is told, and remembers what it was asked.
#[derive(Clone, Default)]
struct Api {
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<VecDeque<Response<Bits>>>>,
}

/// A body that comes bit by bit, of a length that it doesn't say.
#[derive(Default)]
struct Bits(VecDeque<io::Result<Frame<Bytes>>>);

impl Bits {
    fn of(bits: &[&'static str]) -> Self {
        Self(bits.iter().map(|bit| Ok(Frame::data(Bytes::from_static(bit.as_bytes())))).collect())
    }
}

impl Body for Bits {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.0.pop_front())
    }
}

impl Api {
    fn answering(answers: impl IntoIterator<Item = Response<Bits>>) -> Self {
        let api = Self::default();
        api.answers.lock().unwrap().extend(answers);
        api
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// What each request had as `Authorization`.
    fn authorizations(&self) -> Vec<String> {
        let value = |(_, headers, _): Got| {
            headers.get("authorization").map_or("none", |value| value.to_str().unwrap()).to_owned()
        };
        self.got().into_iter().map(value).collect()
    }

    async fn ask<B>(
        &self,
        attach: &Attach,
        request: Request<B>,
    ) -> Result<Response<TokenBody<Bits>>, AttachError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync,
    {
        let api = self.clone();
        let service = service_fn(move |request: Request<TokenBody<B>>| {
            let api = api.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map_err(|_| io::Error::other("lost"))?.to_bytes();
                let line = format!("{} {}", head.method, head.uri);
                api.got.lock().unwrap().push((line, head.headers, body));
                let answer = api.answers.lock().unwrap().pop_front();
                answer.ok_or_else(|| io::Error::other("no answer"))
            }
        });
        attach.layer().layer(service).ready().await?.call(request).await
    }
}

fn get(uri: &str) -> Request<Full<Bytes>> {
    Request::get(uri).body(Full::default()).unwrap()
}

fn answer(status: u16, bits: &[&'static str]) -> Response<Bits> {
    Response::builder().status(status).body(Bits::of(bits)).unwrap()
}

fn ok() -> Response<Bits> {
    answer(200, &["fine"])
}

fn fate<B>(response: &Response<B>) -> &TokenFate {
    response.extensions().get().unwrap()
}

async fn text(response: Response<TokenBody<Bits>>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Rules by which a 200 refuses a token in its body, and hands out a newer one in a header.
fn sliding(value: &str) -> v1::Token {
    let rule = rejection::BodyRule {
        path: "errors.*.message".to_owned(),
        values: vec!["Unauthorized".to_owned()],
        ..Default::default()
    };
    let source = Some(rotation_rule::Source::Header("X-Authorization".to_owned()));
    let strip_prefix = "Bearer ".to_owned();
    v1::Token {
        rejection: Some(v1::Rejection { body: vec![rule], ..Default::default() }),
        rotations: vec![v1::RotationRule { source, strip_prefix, ..Default::default() }],
        ..sample::message(value)
    }
}

const API: &str = "https://api.example.com/v1";

#[tokio::test]
async fn a_request_has_the_token_in_it_and_its_answer_comes_as_it_is() {
    let daemon = Daemon::start([sample::message("t1")]);
    let api = Api::answering([answer(201, &["a", "b"])]);
    let attach = Attach::new(&daemon.client, "api");
    let request = Request::post(API).header("accept", "*/*").body(Full::from("hello")).unwrap();
    let response = api.ask(&attach, request).await.unwrap();
    assert_eq!((response.status().as_u16(), fate(&response).token_id()), (201, "id of t1"));
    assert!(!fate(&response).is_refused() && !fate(&response).is_repeated());
    assert!(fate(&response).ruling().is_none() && fate(&response).submission().is_none());
    assert_eq!(text(response).await, "ab");
    let [(line, headers, body)] = &api.got()[..] else { panic!("{:?}", api.got()) };
    assert_eq!((line.as_str(), &body[..]), ("POST https://api.example.com/v1", &b"hello"[..]));
    assert_eq!(
        (&headers["accept"], &headers["authorization"]),
        (&"*/*".parse().unwrap(), &"Bearer t1".parse().unwrap())
    );
}

#[tokio::test]
async fn what_would_go_elsewhere_is_not_sent() {
    let daemon = Daemon::start([sample::message("t1")]);
    let (api, attach) = (Api::default(), Attach::new(&daemon.client, "api"));
    let ask = async |attach: &Attach, uri| api.ask(attach, get(uri)).await.unwrap_err();
    let error = ask(&attach, "https://else.example/").await;
    assert!(matches!(error, AttachError::NotAHost { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the token is for 127.0.0.1, api.example.com, and not for else.example"
    );
    let error = ask(&attach, "http://api.example.com/").await;
    assert!(matches!(error, AttachError::Insecure { .. }), "{error:?}");
    let error = ask(&attach, "/v1").await;
    assert!(matches!(error, AttachError::NoHost), "{error:?}");
    let error = ask(&attach.hosts(["b.example"]), API).await;
    assert!(matches!(error, AttachError::NotAHost { .. }) && !error.is_transient());
    assert!(api.got().is_empty());
}

#[tokio::test]
async fn what_goes_elsewhere_goes_without_the_token_if_the_program_wants_it_sent() {
    let daemon = Daemon::start([sample::message("t1")]);
    let api = Api::answering([answer(401, &[]), ok(), ok()]);
    let attach = Attach::new(&daemon.client, "api").pass_elsewhere();
    let response = api.ask(&attach, get("https://else.example/")).await.unwrap();
    // It isn't the token that was refused.
    assert_eq!(response.status(), 401);
    assert!(response.extensions().get::<TokenFate>().is_none());
    // A layer outside took it along.
    let mut along = get("http://api.example.com/");
    along.headers_mut().insert("authorization", "Bearer t1".parse().unwrap());
    api.ask(&attach, along).await.unwrap();
    let mut own = get("https://else.example/");
    own.headers_mut().insert("authorization", "Basic own".parse().unwrap());
    api.ask(&attach, own).await.unwrap();
    assert_eq!(api.authorizations(), ["none", "none", "Basic own"]);
    assert!(daemon.told.reports().is_empty());
}

#[tokio::test]
async fn a_refused_request_is_reported_and_repeated_with_another_token() {
    let daemon = Daemon::start([sample::message("t1"), sample::message("t2")]);
    let api = Api::answering([answer(401, &["no"]), ok()]);
    let attach = Attach::new(&daemon.client, "api");
    let request = Request::put(API).body(Full::from("hello")).unwrap();
    let response = api.ask(&attach, request).await.unwrap();
    assert_eq!(fate(&response).ruling().unwrap().unwrap(), &Ruling::Refreshed);
    assert!(fate(&response).is_repeated() && !fate(&response).is_refused());
    assert_eq!(fate(&response).token_id(), "id of t2");
    assert_eq!(text(response).await, "fine");
    assert_eq!(api.authorizations(), ["Bearer t1", "Bearer t2"]);
    assert!(api.got().iter().all(|(line, _, body)| line.starts_with("PUT ") && body == "hello"));
    assert_eq!(daemon.told.reports(), [("id of t1".to_owned(), 401, String::new())]);
}

#[tokio::test]
async fn the_second_answer_is_returned_whatever_it_says() {
    let tokens = ["t1", "t2", "t3"].map(sample::message);
    let daemon = Daemon::start(tokens);
    let api = Api::answering([answer(401, &["no"]), answer(401, &["no again"]), ok()]);
    let response = api.ask(&Attach::new(&daemon.client, "api"), get(API)).await.unwrap();
    assert!(fate(&response).is_refused() && fate(&response).is_repeated());
    assert_eq!(text(response).await, "no again");
    assert_eq!((api.got().len(), daemon.told.reports().len()), (2, 1));
}

#[tokio::test]
async fn without_another_token_nothing_is_repeated() {
    let daemon = Daemon::start([sample::message("t1")]);
    let api = Api::answering([answer(401, &["no"]), ok()]);
    let response = api.ask(&Attach::new(&daemon.client, "api"), get(API)).await.unwrap();
    assert!(matches!(fate(&response).ruling(), Some(Ok(Ruling::NotATokenProblem { .. }))));
    assert!(fate(&response).is_refused() && !fate(&response).is_repeated());
    assert_eq!(text(response).await, "no");
    assert_eq!(api.got().len(), 1);
}

#[tokio::test]
async fn of_many_requests_with_one_refused_token_one_report_costs_a_token() {
    let tokens = ["t1", "t2", "t3"].map(sample::message);
    let daemon = Daemon::start(tokens);
    // All are refused before any is reported.
    let refusals = Arc::new(tokio::sync::Barrier::new(20));
    let (attach, asked) = (Attach::new(&daemon.client, "api"), Arc::new(Mutex::new(Vec::new())));
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (refusals, asked) = (Arc::clone(&refusals), Arc::clone(&asked));
            let service = service_fn(move |request: Request<TokenBody<Full<Bytes>>>| {
                let (refusals, asked) = (Arc::clone(&refusals), Arc::clone(&asked));
                async move {
                    let token = request.headers()["authorization"].to_str().unwrap().to_owned();
                    let is_old = token == "Bearer t1";
                    asked.lock().unwrap().push(token);
                    if is_old {
                        refusals.wait().await;
                    }
                    Ok::<_, io::Error>(answer(if is_old { 401 } else { 200 }, &[]))
                }
            });
            tokio::spawn(attach.layer().layer(service).oneshot(get(API)))
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().status(), 200);
    }
    let asked = asked.lock().unwrap();
    assert_eq!(asked.iter().filter(|token| *token == "Bearer t1").count(), 20);
    assert_eq!(asked.iter().filter(|token| *token == "Bearer t2").count(), 20);
    assert!(daemon.told.reports().iter().all(|(id, ..)| id == "id of t1"));
}

#[tokio::test]
async fn an_answer_outlives_a_daemon_that_is_gone() {
    let daemon = Daemon::start(["t1", "t2"].map(sliding));
    let refusal = r#"{"errors":[{"message":"Unauthorized"}]}"#;
    let mut refused = answer(200, &[refusal]);
    refused.headers_mut().insert("x-authorization", "Bearer t3".parse().unwrap());
    let (told, answers) = (Arc::clone(&daemon.told), Arc::new(Mutex::new(vec![refused])));
    let service = service_fn(move |_: Request<TokenBody<Full<Bytes>>>| {
        told.go_down();
        let answer = answers.lock().unwrap().pop();
        async move { answer.ok_or_else(|| io::Error::other("no answer")) }
    });
    let service = Attach::new(&daemon.client, "api").layer().layer(service);
    let response = service.oneshot(get(API)).await.unwrap();
    let unavailable = |error: &Error| matches!(error, Error::Unavailable { .. });
    assert!(fate(&response).submission().unwrap().is_err_and(unavailable));
    assert!(fate(&response).ruling().unwrap().is_err_and(unavailable));
    assert!(fate(&response).is_refused());
    assert_eq!(text(response).await, refusal);
}

#[tokio::test]
async fn a_body_that_refuses_the_token_is_read_and_returned_unchanged() {
    let daemon = Daemon::start([sliding("t1"), sliding("t2"), sliding("t3")]);
    let refusal = [r#"{"errors":[{"mess"#, r#"age":"Unauthorized"}]}"#];
    let api =
        Api::answering([answer(200, &refusal), ok(), answer(200, &refusal), answer(200, &refusal)]);
    let attach = Attach::new(&daemon.client, "api");
    let response = api.ask(&attach, get(API)).await.unwrap();
    assert_eq!(text(response).await, "fine");
    assert_eq!(daemon.told.reports(), [("id of t1".to_owned(), 200, "invalid_token".to_owned())]);
    let response = api.ask(&attach, get(API)).await.unwrap();
    assert!(fate(&response).is_refused());
    assert_eq!(text(response).await, refusal.concat());
    assert_eq!(api.authorizations(), ["Bearer t1", "Bearer t2", "Bearer t2", "Bearer t3"]);
}

#[tokio::test]
async fn a_body_beyond_the_limit_or_cut_off_is_returned_as_it_comes() {
    let daemon = Daemon::start([sliding("t1"), sliding("t2")]);
    let refusal = r#"{"errors":[{"message":"Unauthorized"}]}"#;
    let mut broken = answer(200, &["half"]);
    broken.body_mut().0.push_back(Err(io::Error::other("cut off")));
    let mut trailed = answer(200, &["whole"]);
    let trailers = HeaderMap::from_iter([(http::header::EXPIRES, "0".parse().unwrap())]);
    trailed.body_mut().0.push_back(Ok(Frame::trailers(trailers.clone())));
    let api = Api::answering([answer(200, &[refusal, " "]), broken, trailed]);
    let attach = Attach::new(&daemon.client, "api").body_limit(refusal.len());
    let response = api.ask(&attach, get(API)).await.unwrap();
    assert_eq!(text(response).await, format!("{refusal} "));

    let mut body = api.ask(&attach, get(API)).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "half");
    assert!(!body.is_end_stream());
    assert_eq!(body.frame().await.unwrap().unwrap_err().to_string(), "cut off");
    assert!(body.frame().await.is_none());

    let body = api.ask(&attach, get(API)).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(body.trailers(), Some(&trailers));
    assert_eq!(body.to_bytes(), "whole");
    assert!(daemon.told.reports().is_empty());
}

#[tokio::test]
async fn a_newer_token_is_handed_over_before_the_answer() {
    let daemon = Daemon::start([sliding("t1")]);
    let mut newer = ok();
    newer.headers_mut().insert("x-authorization", "Bearer t2".parse().unwrap());
    let api = Api::answering([newer, ok()]);
    let attach = Attach::new(&daemon.client, "api");
    let response = api.ask(&attach, get(API)).await.unwrap();
    assert_eq!(fate(&response).submission().unwrap().unwrap(), Submission::Accepted);
    assert_eq!(daemon.told.submissions(), [("id of t1".to_owned(), "t2".to_owned())]);
    api.ask(&attach, get(API)).await.unwrap();
    assert_eq!(api.authorizations(), ["Bearer t1", "Bearer t2"]);
}

#[tokio::test]
async fn a_refused_request_is_repeated_with_the_newer_token_that_the_refusal_brings() {
    let daemon = Daemon::start([sliding("t1")]);
    let mut refused = answer(200, &[r#"{"errors":[{"message":"Unauthorized"}]}"#]);
    refused.headers_mut().insert("x-authorization", "Bearer t2".parse().unwrap());
    let api = Api::answering([refused, ok()]);
    let response = api.ask(&Attach::new(&daemon.client, "api"), get(API)).await.unwrap();
    assert_eq!(fate(&response).ruling().unwrap().unwrap(), &Ruling::Superseded);
    assert_eq!(api.authorizations(), ["Bearer t1", "Bearer t2"]);
}

#[tokio::test]
async fn a_newer_token_is_not_lost_when_the_program_gives_up() {
    let daemon = Daemon::start([sliding("t1")]);
    let gate = Arc::new(Notify::new());
    *daemon.told.gate.lock().unwrap() = Some(Arc::clone(&gate));
    let mut newer = ok();
    newer.headers_mut().insert("x-authorization", "Bearer t2".parse().unwrap());
    let api = Api::answering([newer]);
    let attach = Attach::new(&daemon.client, "api");
    {
        let asked = pin!(api.ask(&attach, get(API)));
        tokio::select! {
            _ = asked => panic!("it is answered before the token is handed over"),
            () = daemon.told.submitted.notified() => {}
        }
    }
    gate.notify_one();
    daemon.told.stored.notified().await;
    assert_eq!(daemon.told.submissions(), [("id of t1".to_owned(), "t2".to_owned())]);
}

#[tokio::test]
async fn a_body_that_comes_bit_by_bit_is_repeated_if_it_was_all_sent_and_is_short() {
    for (limit, repeated) in [(10, true), (9, false)] {
        let daemon = Daemon::start(["t1", "t2"].map(sample::message));
        let api = Api::answering([answer(401, &[]), ok()]);
        let attach = Attach::new(&daemon.client, "api").body_limit(limit);
        let request = Request::post(API).body(Bits::of(&["hello", "world"])).unwrap();
        let response = api.ask(&attach, request).await.unwrap();
        assert_eq!(fate(&response).is_repeated(), repeated, "{limit}");
        assert_eq!(response.status(), if repeated { 200 } else { 401 });
        assert!(api.got().iter().all(|(_, _, body)| body == "helloworld"));
        assert_eq!(daemon.told.reports().len(), 1);
    }
}

#[tokio::test]
async fn a_body_that_was_not_all_sent_is_not_repeated() {
    let daemon = Daemon::start(["t1", "t2"].map(sample::message));
    let service = service_fn(|request: Request<TokenBody<Bits>>| async move {
        let mut body = request.into_body();
        body.frame().await.unwrap().unwrap();
        Ok::<_, io::Error>(answer(401, &[]))
    });
    let service = Attach::new(&daemon.client, "api").layer().layer(service);
    let request = Request::post(API).body(Bits::of(&["hello", "world"])).unwrap();
    let response = service.oneshot(request).await.unwrap();
    assert!(fate(&response).is_refused() && !fate(&response).is_repeated());
}

#[tokio::test]
async fn a_token_goes_into_a_body_that_is_whole_anew_when_it_is_repeated() {
    let in_body = |value: &str| v1::Token {
        placements: vec![sample::put(Target::Body("session".to_owned()), value)],
        ..sample::message(value)
    };
    let daemon = Daemon::start(["t1", "t2"].map(in_body));
    let api = Api::answering([answer(401, &[]), ok()]);
    let attach = Attach::new(&daemon.client, "api");
    let request = Request::post(API).body(Full::from(r#"{"a":1}"#)).unwrap();
    api.ask(&attach, request).await.unwrap();
    let bodies: Vec<_> = api.got().into_iter().map(|(_, _, body)| body).collect();
    assert_eq!(bodies, [r#"{"a":1,"session":"t1"}"#, r#"{"a":1,"session":"t2"}"#]);

    let request = Request::post(API).body(Bits::of(&["{}"])).unwrap();
    let error = api.ask(&attach, request).await.unwrap_err();
    assert!(matches!(error, AttachError::Body(_)), "{error:?}");
    let request = Request::post(API).body(Full::from("{}")).unwrap();
    let error = api.ask(&attach.body_limit(1), request).await.unwrap_err();
    assert!(error.to_string().ends_with("it comes bit by bit, or is too long"), "{error}");
}

#[tokio::test]
async fn an_error_says_whose_it_is() {
    let daemon = Daemon::start([sample::message("t1")]);
    let (api, attach) = (Api::default(), Attach::new(&daemon.client, "api"));
    let error = api.ask(&attach, get(API)).await.unwrap_err();
    assert!(matches!(error, AttachError::Service(_)), "{error:?}");
    assert_eq!(error.source().unwrap().to_string(), "no answer");
    assert!(error.token_error().is_none());

    daemon.told.go_down();
    // One that holds nothing.
    let attach = Attach::new(&Client::at(daemon.client.socket()), "api");
    let error = api.ask(&attach, get(API)).await.unwrap_err();
    assert!(error.is_transient() && matches!(error.token_error(), Some(Error::Unavailable { .. })));
    assert_eq!(api.got().len(), 1);
    let nobody = Daemon::start([]);
    let error = api.ask(&Attach::new(&nobody.client, "api"), get(API)).await.unwrap_err();
    assert!(
        !error.is_transient() && matches!(error.token_error(), Some(Error::LoginNeeded { .. }))
    );
}

#[tokio::test]
async fn whatever_the_method_the_token_is_in_it() {
    let daemon = Daemon::start([sample::message("t1")]);
    let methods = [Method::GET, Method::HEAD, Method::DELETE, Method::PATCH];
    let api = Api::answering(methods.iter().map(|_| ok()));
    let attach = Attach::new(&daemon.client, "api");
    for method in methods {
        let request = Request::builder().method(method).uri(API).body(Full::default()).unwrap();
        api.ask(&attach, request).await.unwrap();
    }
    assert_eq!(api.authorizations(), ["Bearer t1"; 4]);
}

#[tokio::test]
async fn a_token_lives_as_long_as_the_program_needs_it() {
    let daemon = Daemon::start([sample::message("t1")]);
    let api = Api::answering([ok()]);
    let attach = Attach::new(&daemon.client, "api").min_ttl(Duration::from_secs(600));
    api.ask(&attach, get(API)).await.unwrap();
    assert_eq!(daemon.told.lives(), [Some(600)]);
}
