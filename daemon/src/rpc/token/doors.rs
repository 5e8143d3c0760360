//! What there is at a listener's socket, whoever calls.

use tokend_proto::v1::report_rejection_request::Token;
use tonic_health::pb::{HealthCheckRequest, health_server::Health as _};

use super::*;
use crate::{
    credential::{OVERFLOW, Reader},
    rpc::{
        bench::{ANN, Bench, OWN, access_of, listener, token},
        health::Health,
    },
};

/// All users that are anything: root, tokend's, a reader, nobody, and one of a container's.
const ALL: [u32; 5] = [0, OWN, ANN, OVERFLOW, 100_000];

impl Bench {
    fn call<T>(&self, door: &Door, uid: u32, message: T) -> (Tokens, Request<T>) {
        let mut request = Request::new(message);
        let peer =
            Peer { uid, gid: uid, groups: vec![], unit: None, pid: None, door: door.clone() };
        request.extensions_mut().insert(Arc::new(Connection::new(peer)));
        (Tokens::new(self.context.at(door)), request)
    }

    /// Returns what each service says of a credential.
    async fn said(&self, door: &Door, uid: u32, name: &str) -> Vec<String> {
        let name = || name.to_owned();
        let error = |status: Status| format!("{:?} {}", status.code(), status.message());
        let acquire = AcquireTokenRequest { name: name(), ..Default::default() };
        let (tokens, acquire) = self.call(door, uid, acquire);
        let acquired = tokens.acquire(acquire).await;
        let of_none = Some(Token::TokenId("0".repeat(32)));
        let report = ReportRejectionRequest { name: name(), token: of_none, ..Default::default() };
        let (tokens, report) = self.call(door, uid, report);
        let reported = tokens.report(report).await;
        let submission = SubmitRotationRequest { name: name(), ..Default::default() };
        let (tokens, submission) = self.call(door, uid, submission);
        let submitted = tokens.submit(submission).await;
        let (tokens, wish) = self.call(door, uid, RefreshTokenRequest { name: name() });
        let refreshed = tokens.refresh(wish).await;
        let (_, check) = self.call(door, uid, HealthCheckRequest { service: name() });
        let checked = Health::new(self.context.at(door), &[]).check(check).await;
        vec![
            acquired.map_or_else(error, |_| "a token".to_owned()),
            reported.map_or_else(error, |_| "heard".to_owned()),
            submitted.map_or_else(error, |_| "taken".to_owned()),
            refreshed.map_or_else(error, |_| "another token".to_owned()),
            checked.map_or_else(error, |answer| format!("{:?}", answer.get_ref().status())),
        ]
    }

    async fn listed(&self, door: &Door, uid: u32) -> Vec<String> {
        let (tokens, request) = self.call(door, uid, ListTokensRequest::default());
        let tokens = tokens.list(request).await.unwrap().into_inner().tokens;
        tokens.into_iter().map(|entry| entry.name).collect()
    }
}

#[tokio::test]
async fn what_is_not_listed_is_absent_for_root_as_for_nobody() {
    let bench = Bench::new();
    for name in ["listed", "other"] {
        let slot = bench.make(name);
        slot.publish(token("1"));
        slot.set_access(access_of(&[ANN, 0]));
    }
    let door = listener(&["listed", "later"], true);
    let nobody = bench.said(&door, OVERFLOW, "none").await;
    for uid in ALL {
        for name in ["other", "later", "none"] {
            assert_eq!(bench.said(&door, uid, name).await, nobody, "{uid} {name}");
        }
        let said = bench.said(&door, uid, "listed").await;
        assert_eq!(said[0], "a token", "{uid}");
        // There is no engine to hear of it here: whoever gets as far was let in.
        assert!(said[1].starts_with("Unavailable"), "{said:?}");
        let no_submitter = "PermissionDenied you may read listed here, but not submit newer \
                            tokens; an operator can permit it: submit = true for the listener ci";
        assert!(said[2].starts_with(no_submitter), "{said:?}");
        let no_refresher = "PermissionDenied you may read listed here, but not have its token \
                            replaced; `tokend-cli refresh listed` does it on the host";
        assert_eq!(said[3], no_refresher);
        assert_eq!(said[4], "Serving");
        assert_eq!(bench.listed(&door, uid).await, ["listed"], "{uid}");
    }
    // By the callers' socket nothing has changed.
    assert_eq!(bench.said(&Door::Callers, OWN, "other").await[0], "a token");
    assert_eq!(bench.listed(&Door::Callers, OWN).await, ["listed", "other"]);
}

#[tokio::test]
async fn unless_anyone_may_read_the_readers_do_and_root_is_none_of_them() {
    let bench = Bench::new();
    bench.make("listed").publish(token("1"));
    let door = listener(&["listed"], false);
    let nobody = bench.said(&door, 100_000, "none").await;
    for uid in ALL {
        let (said, listed) =
            (bench.said(&door, uid, "listed").await, bench.listed(&door, uid).await);
        if uid == ANN {
            assert_eq!((said[0].as_str(), listed.len()), ("a token", 1));
        } else {
            assert_eq!((said, listed.len()), (nobody.clone(), 0), "{uid}");
        }
    }
}

#[tokio::test]
async fn all_who_come_by_a_listener_count_as_one_and_as_none_of_the_hosts_users() {
    let mut bench = Bench::new();
    let (engine, mut asked) = tokio::sync::mpsc::channel(1);
    bench.context.engine = engine;
    let ann = || vec![Reader::User { id: ANN, name: None }];
    let access = Access { readers: Vec::new(), submitters: ann(), refreshers: ann() };
    bench.make("listed").set_access(access);
    let door = listener(&["listed"], true);
    let mut counted = Vec::new();
    for (door, uid) in [(&door, 0), (&door, ANN), (&door, 100_000), (&Door::Callers, ANN)] {
        let name = "listed".to_owned();
        let token = Some(Token::TokenId("0".repeat(32)));
        let report = ReportRejectionRequest { name: name.clone(), token, ..Default::default() };
        let (tokens, report) = bench.call(door, uid, report);
        let reporting = tokens.report(report);
        let hearing = async {
            let Some(Command::Report { rejection, .. }) = asked.recv().await else {
                panic!("reported")
            };
            counted.push(rejection.caller);
        };
        let (_, ()) = tokio::join!(reporting, hearing);
        if uid == ANN {
            let (tokens, wish) = bench.call(door, uid, RefreshTokenRequest { name });
            let refreshing = tokens.refresh(wish);
            let hearing = async {
                let Some(Command::Renew { caller, .. }) = asked.recv().await else {
                    panic!("refreshed")
                };
                assert_eq!(counted.last(), Some(&caller));
            };
            let (_, ()) = tokio::join!(refreshing, hearing);
        }
    }
    assert_eq!(counted[..2], counted[1..3]);
    assert_ne!(counted[1], counted[3]);
    assert_eq!(counted[3], Caller(ANN));
}
