//! gRPC calls, between a generated client and a server on loopback. The service is the one
//! that this package has a client and a server of at hand: tokend's own.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokend_proto::v1::{
    self, AcquireTokenRequest, placement, token_service_client::TokenServiceClient,
    token_service_server::TokenServiceServer,
};
use tokio::net::TcpListener;
use tonic::{Code, Status, service::Interceptor as _, transport::Endpoint};

use super::daemon::{Daemon, Told};
use crate::{
    Attach, AttachError, Client, TokenFate,
    attach::sample,
    testing::{FakeDaemon, FakeToken},
};

/// Starts a server that refuses the token `t1`. Returns where it is, and what it got.
async fn start() -> (Endpoint, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let got = Arc::<Mutex<Vec<String>>>::default();
    let heard = Arc::clone(&got);
    let judge = move |request: tonic::Request<()>| {
        let token = request.metadata().get("authorization").map(|it| it.to_str().unwrap());
        heard.lock().unwrap().push(token.unwrap_or("none").to_owned());
        match token {
            Some("Bearer t1") | None => Err(Status::unauthenticated("expired")),
            Some(_) => Ok(request),
        }
    };
    let told = Told::default();
    told.issue(sample::message("answer"));
    let service = TokenServiceServer::with_interceptor(told, judge);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new()).http2_only();
                server.serve_connection(TokioIo::new(stream), service).await.map_err(drop)
            });
        }
    });
    (endpoint.parse().unwrap(), got)
}

#[tokio::test]
async fn a_refused_call_is_repeated_with_another_token() {
    let daemon = Daemon::start(["t1", "t2"].map(sample::message));
    let (endpoint, got) = start().await;
    let channel = Attach::new(&daemon.client, "api").channel(&endpoint);
    let mut client = TokenServiceClient::new(channel);
    let answer = client.acquire_token(AcquireTokenRequest::default()).await.unwrap();
    assert!(answer.extensions().get::<TokenFate>().unwrap().is_repeated());
    assert_eq!(answer.into_inner().token.unwrap().value, "answer");
    assert_eq!(*got.lock().unwrap(), ["Bearer t1", "Bearer t2"]);
    assert_eq!(daemon.told.reports(), [("id of t1".to_owned(), 401, String::new())]);

    let answer = client.acquire_token(AcquireTokenRequest::default()).await.unwrap();
    assert!(!answer.extensions().get::<TokenFate>().unwrap().is_repeated());
}

#[tokio::test]
async fn without_another_token_the_refusal_is_the_answer() {
    let daemon = Daemon::start([sample::message("t1")]);
    let (endpoint, got) = start().await;
    let channel = Attach::new(&daemon.client, "api").channel(&endpoint);
    let call = TokenServiceClient::new(channel).acquire_token(AcquireTokenRequest::default()).await;
    let status = call.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "expired"));
    assert_eq!(got.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_call_that_must_not_be_made_says_why() {
    let daemon = Daemon::start([sample::message("t2")]);
    let (own, got) = start().await;
    let ask = async |attach: Attach, endpoint: &Endpoint| {
        let mut client = TokenServiceClient::new(attach.channel(endpoint));
        client.acquire_token(AcquireTokenRequest::default()).await.unwrap_err()
    };
    let attach = || Attach::new(&daemon.client, "api");
    let status = ask(attach().hosts(["b.example"]), &own).await;
    assert_eq!(status.code(), Code::FailedPrecondition);
    let source = std::error::Error::source(&status).and_then(|it| it.downcast_ref());
    assert!(matches!(source, Some(AttachError::NotAHost { .. })), "{status:?}");
    let status = ask(attach(), &Endpoint::from_static("http://api.example.com")).await;
    assert_eq!(status.message(), "a token doesn't go to api.example.com in the clear; use https");
    daemon.told.go_down();
    // One that holds nothing.
    let status = ask(Attach::new(&Client::at(daemon.client.socket()), "api"), &own).await;
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unavailable, "no token for the request: no")
    );
    assert!(got.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_interceptor_puts_in_what_is_held() {
    let daemon = Daemon::start([sample::message("t2")]);
    let (endpoint, got) = start().await;
    let attach = Attach::new(&daemon.client, "api");
    let interceptor = attach.interceptor(&endpoint).await.unwrap();
    let channel = endpoint.connect_lazy();
    let mut client = TokenServiceClient::with_interceptor(channel, interceptor);
    daemon.told.go_down();
    client.acquire_token(AcquireTokenRequest::default()).await.unwrap();
    assert_eq!(*got.lock().unwrap(), ["Bearer t2"]);

    let elsewhere = Endpoint::from_static("https://else.example");
    let error = attach.interceptor(&elsewhere).await.unwrap_err();
    assert!(matches!(error, AttachError::NotAHost { .. }), "{error:?}");
}

#[tokio::test]
async fn an_interceptor_without_a_token_that_fits_lets_nothing_through() {
    let daemon = Daemon::start([sample::message("t2")]);
    let endpoint = Endpoint::from_static("https://api.example.com");
    let attach = Attach::new(&daemon.client, "api");
    let mut interceptor = attach.interceptor(&endpoint).await.unwrap();
    interceptor.call(tonic::Request::new(())).unwrap();
    interceptor.attach = Attach::new(&daemon.client, "other");
    let status = interceptor.call(tonic::Request::new(())).unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.message(), "no token of other is held that will do");

    let in_query = v1::Token {
        placements: vec![sample::put(placement::Target::Query("key".to_owned()), "t3")],
        ..sample::message("t3")
    };
    let daemon = Daemon::start([in_query]);
    let attach = Attach::new(&daemon.client, "api");
    let error = attach.interceptor(&endpoint).await.unwrap_err();
    assert!(matches!(error, AttachError::NotMetadata), "{error:?}");
}

#[tokio::test]
async fn an_interceptor_asks_for_what_it_misses_and_the_next_call_has_it() {
    let daemon = FakeDaemon::new();
    let short = FakeToken::new("t1").host("api.example.com").life(Duration::from_secs(60));
    daemon.set("api", short.clone());
    let endpoint = Endpoint::from_static("https://api.example.com");
    let attach = Attach::new(&daemon.client(), "api");
    let mut interceptor = attach.interceptor(&endpoint).await.unwrap();
    interceptor.call(tonic::Request::new(())).unwrap();
    // Not one that ends too early.
    interceptor.attach = interceptor.attach.min_ttl(Duration::from_secs(600));
    assert_eq!(interceptor.call(tonic::Request::new(())).unwrap_err().code(), Code::Unavailable);

    let client = daemon.client();
    interceptor.attach = Attach::new(&client, "other");
    daemon.set("other", short);
    assert_eq!(interceptor.call(tonic::Request::new(())).unwrap_err().code(), Code::Unavailable);
    // All of it is in this thread: nothing is left to do but to let it go on.
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    interceptor.call(tonic::Request::new(())).unwrap();
}
