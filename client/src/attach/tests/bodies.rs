//! What is done with bodies of requests and answers.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Full};
use tokend_proto::v1::{self, placement::Target};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use super::{
    api::{API, Api, Bits, answer, fate, get, ok, sliding, text},
    daemon::Daemon,
};
use crate::{Attach, AttachError, TokenBody, attach::sample};

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

/// A body whose first bit doesn't come.
struct Stalled;

impl Body for Stalled {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Pending
    }
}

/// An API that hands out the token `t2`, in the head of an answer that has no end.
fn stalled(
    attach: &Attach,
) -> impl Service<
    Request<Full<Bytes>>,
    Response = Response<TokenBody<Stalled>>,
    Error = AttachError,
    Future: Send,
> + Send
+ use<> {
    attach.layer().layer(service_fn(|_: Request<TokenBody<Full<Bytes>>>| async {
        let answer = Response::builder().header("x-authorization", "Bearer t2");
        Ok::<_, io::Error>(answer.body(Stalled).unwrap())
    }))
}

#[tokio::test]
async fn a_newer_token_in_the_head_does_not_wait_for_the_body() {
    let daemon = Daemon::start([sliding("t1")]);
    let service = stalled(&Attach::new(&daemon.client, "api"));
    let asked = tokio::spawn(service.oneshot(get(API)));
    daemon.told.stored.notified().await;
    assert_eq!(daemon.told.submissions(), [("id of t1".to_owned(), "t2".to_owned())]);
    assert!(!asked.is_finished());
    asked.abort();
}

#[tokio::test]
async fn without_a_limit_no_body_is_waited_for() {
    let daemon = Daemon::start([sliding("t1")]);
    let service = stalled(&Attach::new(&daemon.client, "api").body_limit(0));
    let response = service.oneshot(get(API)).await.unwrap();
    assert!(!fate(&response).is_refused());
}
