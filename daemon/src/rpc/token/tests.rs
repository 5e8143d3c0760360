//! Calls that wait while what the caller may do changes.

use tokend_proto::v1::{report_rejection_request, submit_rotation_request};
use tokio::sync::mpsc;

use super::*;
use crate::{
    credential::Reader,
    log::Log,
    published::{Early, Slot},
    rpc::{
        Door,
        bench::{ANN, Bench, access_of, token},
    },
};

/// A service whose engine is the test's, and what the engine is asked.
fn service() -> (Tokens, mpsc::Receiver<Command>, Arc<Slot>) {
    let mut bench = Bench::new();
    let (engine, asked) = mpsc::channel(1);
    bench.context.engine = engine;
    let slot = bench.make("api");
    let ann = || vec![Reader::User { id: ANN, name: None }];
    let access = Access { readers: Vec::new(), submitters: ann(), refreshers: ann() };
    slot.set_access(access);
    (Tokens::new(bench.context), asked, slot)
}

fn of_ann<T>(message: T) -> Request<T> {
    let peer =
        Peer { uid: ANN, gid: ANN, groups: Vec::new(), unit: None, pid: None, door: Door::Callers };
    let mut request = Request::new(message);
    request.extensions_mut().insert(Arc::new(Connection::new(peer)));
    request
}

fn name() -> String {
    "api".to_owned()
}

#[tokio::test]
async fn who_waits_for_a_token_while_access_is_taken_away_does_not_get_it() {
    for is_taken in [false, true] {
        let (tokens, mut asked, slot) = service();
        let request = AcquireTokenRequest { name: name(), ..AcquireTokenRequest::default() };
        let acquiring = tokens.acquire(of_ann(request));
        let answering = async {
            let Some(Command::Acquire { reply, .. }) = asked.recv().await else { panic!("asked") };
            slot.set_access(access_of(if is_taken { &[] } else { &[ANN] }));
            let _ = reply.send(Ok(Arc::new(token("1"))));
        };
        let (acquired, ()) = tokio::join!(acquiring, answering);
        let code = acquired.map(drop).map_err(|status| status.code());
        assert_eq!(code, if is_taken { Err(Code::PermissionDenied) } else { Ok(()) });
    }
}

#[tokio::test]
async fn until_the_engine_is_there_a_stored_token_is_found_for_who_may_read_it() {
    let (tokens, mut asked, _slot) = service();
    let acquire = |uid, min_ttl: Option<u64>| {
        let min_ttl = min_ttl.map(|seconds| Duration::from_secs(seconds).try_into().unwrap());
        let message = AcquireTokenRequest { name: name(), min_ttl, ..Default::default() };
        let mut request = of_ann(message);
        let peer =
            Peer { uid, gid: uid, groups: vec![], unit: None, pid: None, door: Door::Callers };
        request.extensions_mut().insert(Arc::new(Connection::new(peer)));
        tokens.clone().acquire(request)
    };
    tokens.0.slots.find_early(Early::new(|name| {
        assert_eq!(name.as_str(), "api");
        Box::pin(async { Some(Arc::new(token("1"))) })
    }));
    assert!(acquire(ANN, None).await.is_ok());
    let denied = acquire(ANN + 1, None).await.map(drop).unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);

    // For a longer life than it has, and once the engine is there, the engine is asked.
    let slots = tokens.0.slots.clone();
    let ends = Arc::clone(&slots);
    for is_ended in [false, true] {
        if is_ended {
            let ends = Arc::clone(&ends);
            slots.find_early(Early::new(move |_| {
                let ends = Arc::clone(&ends);
                Box::pin(async move {
                    ends.end_early();
                    Some(Arc::new(token("1")))
                })
            }));
        }
        let answering = async {
            let Some(Command::Acquire { reply, .. }) = asked.recv().await else { panic!("asked") };
            let _ = reply.send(Err(crate::engine::Error::Stopping));
        };
        let min_ttl = Some(7_200).filter(|_| !is_ended);
        let (acquired, ()) = tokio::join!(acquire(ANN, min_ttl), answering);
        assert_eq!(acquired.map(drop).unwrap_err().code(), Code::Unavailable);
    }
}

#[tokio::test]
async fn who_has_a_token_replaced_while_that_right_is_taken_away_does_not_get_it() {
    for is_taken in [false, true] {
        let (tokens, mut asked, slot) = service();
        let refreshing = tokens.refresh(of_ann(RefreshTokenRequest { name: name() }));
        let answering = async {
            let Some(Command::Renew { caller, reply, .. }) = asked.recv().await else {
                panic!("asked")
            };
            assert_eq!(caller, Caller(ANN));
            if is_taken {
                slot.set_access(access_of(&[ANN]));
            }
            let _ = reply.send(Ok(Arc::new(token("1"))));
        };
        let (refreshed, ()) = tokio::join!(refreshing, answering);
        let code = refreshed.map(drop).map_err(|status| status.code());
        assert_eq!(code, if is_taken { Err(Code::PermissionDenied) } else { Ok(()) });
    }
}

#[tokio::test]
async fn who_submits_or_reports_while_access_is_taken_away_learns_nothing_of_the_token() {
    let (tokens, mut asked, slot) = service();
    slot.publish(token("1"));
    let previous = submit_rotation_request::PreviousToken::TokenId("1".to_owned());
    let submission = SubmitRotationRequest {
        name: name(),
        value: "newer".to_owned(),
        previous_token: Some(previous),
        ..SubmitRotationRequest::default()
    };
    let submitting = tokens.clone().submit(of_ann(submission));
    let answering = async {
        let Some(Command::Rotate { reply, .. }) = asked.recv().await else { panic!("asked") };
        slot.set_access(access_of(&[]));
        let _ = reply.send(Ok(Rotated::Accepted(tokend_core::TokenId([1; 16]))));
    };
    let (submitted, ()) = tokio::join!(submitting, answering);
    assert_eq!(submitted.unwrap_err().code(), Code::PermissionDenied);

    slot.set_access(access_of(&[ANN]));
    let refused = report_rejection_request::Token::TokenId("1".to_owned());
    let report = ReportRejectionRequest {
        name: name(),
        token: Some(refused),
        ..ReportRejectionRequest::default()
    };
    let reporting = tokens.report(of_ann(report));
    let answering = async {
        let Some(Command::Report { reply, .. }) = asked.recv().await else { panic!("asked") };
        slot.set_access(access_of(&[]));
        let _ = reply.send(Ok(tokend_core::Ruling::Superseded));
    };
    let (reported, ()) = tokio::join!(reporting, answering);
    assert_eq!(reported.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_newer_token_that_is_held_already_is_written_down_once() {
    let (tokens, mut asked, _slot) = service();
    let (log, _logging) = Log::of_this_thread();
    let id = tokend_core::TokenId([1; 16]);
    for rotated in [Rotated::Accepted(id), Rotated::Unchanged(id), Rotated::Unchanged(id)] {
        let previous = submit_rotation_request::PreviousToken::TokenId("1".to_owned());
        let submission = SubmitRotationRequest {
            name: name(),
            value: "newer".to_owned(),
            previous_token: Some(previous),
            ..SubmitRotationRequest::default()
        };
        let answering = async {
            let Some(Command::Rotate { reply, .. }) = asked.recv().await else { panic!("asked") };
            let _ = reply.send(Ok(rotated));
        };
        let (submitted, ()) = tokio::join!(tokens.clone().submit(of_ann(submission)), answering);
        assert!(submitted.is_ok());
    }
    let log = log.take();
    assert_eq!(log.matches("tokend::audit").count(), 1, "{log}");
}

#[tokio::test]
async fn readers_neither_submit_nor_have_a_token_replaced() {
    let (tokens, _asked, slot) = service();
    slot.set_access(access_of(&[ANN]));
    let refused = tokens.clone().refresh(of_ann(RefreshTokenRequest { name: name() })).await;
    let status = refused.map(drop).unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert!(status.message().contains("grant api uid:1000 --refresh"), "{status:?}");
    let unknown = RefreshTokenRequest { name: "nothing".to_owned() };
    let status = tokens.refresh(of_ann(unknown)).await.map(drop).unwrap_err();
    assert!(status.message().contains("there is no such credential"), "{status:?}");
}
