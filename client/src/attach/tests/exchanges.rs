//! The layer, between a program and an API that are both of the test's own.

use std::{
    error::Error as _,
    io,
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use tokio::sync::Notify;
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::{
    api::{API, Api, answer, fate, get, ok, sliding, text},
    daemon::Daemon,
};
use crate::{
    Attach, AttachError, Client, Error, Ruling, Submission, TokenBody, TokenFate, attach::sample,
};

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
