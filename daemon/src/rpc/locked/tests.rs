//! What is told while the store is locked.

use super::*;
use crate::rpc::{
    Connection, Door, Peer,
    bench::{ANN, Bench, OWN},
};

struct Gate {
    locked: Locked,
    attempted: mpsc::Receiver<Attempt>,
    over: watch::Sender<Phase>,
}

fn gate() -> Gate {
    let (attempts, attempted) = mpsc::channel(1);
    let (over, is_over) = watch::channel(Phase::Locked);
    let about = Bench::new().context.about;
    Gate { locked: Locked { about, attempts, over: is_over }, attempted, over }
}

fn request<T>(uid: u32, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let peer =
        Peer { uid, gid: uid, groups: vec![], unit: None, pid: Some(1), door: Door::Callers };
    request.extensions_mut().insert(Arc::new(Connection::new(peer)));
    request
}

fn asked(service: &str) -> Request<HealthCheckRequest> {
    request(ANN, HealthCheckRequest { service: service.to_owned() })
}

#[tokio::test]
async fn health_says_the_same_of_everything() {
    let Gate { locked, .. } = gate();
    for service in ["", "tokend.v1.TokenService", "causely", "no-such-credential", "..!"] {
        let told = locked.check(asked(service)).await.unwrap().into_inner();
        assert_eq!(told, not_serving(), "{service}");
    }
}

#[tokio::test]
async fn whoever_watches_health_is_told_to_look_again_when_the_store_is_open() {
    let Gate { locked, over, .. } = gate();
    let mut watch = locked.watch(asked("causely")).await.unwrap().into_inner();
    assert_eq!(watch.next().await.unwrap().unwrap(), not_serving());
    over.send_replace(Phase::Opened);
    let end = watch.next().await.unwrap().unwrap_err();
    assert_eq!(end.code(), Code::Unavailable);
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn what_comes_of_a_passphrase_is_told_with_its_reason() {
    let Gate { locked, mut attempted, .. } = gate();
    let wait = Duration::from_millis(1_500);
    for (outcome, expected) in [
        (Err(Unopened::Wrong("no".to_owned())), Some((Code::PermissionDenied, "WRONG_PASSPHRASE"))),
        (Err(Unopened::TooSoon(wait)), Some((Code::ResourceExhausted, "TOO_MANY_PASSPHRASES"))),
        (Err(Unopened::Failed("x".to_owned())), Some((Code::Unavailable, "STORE_UNAVAILABLE"))),
        (Ok(()), None),
    ] {
        let call = request(OWN, UnlockRequest { passphrase: "s3cret".to_owned() });
        let (told, ()) = tokio::join!(locked.unlock(call), async {
            let attempt = attempted.recv().await.unwrap();
            assert_eq!((attempt.passphrase.as_str(), attempt.author.uid), ("s3cret", OWN));
            attempt.reply.send(outcome).unwrap();
        });
        let told = told.err().map(|told| (told.code(), status::reason(&told)));
        let told = told.as_ref().map(|(code, reason)| (*code, reason.as_str()));
        assert_eq!(told, expected);
    }
}

#[tokio::test]
async fn a_passphrase_that_comes_after_the_right_one_or_after_the_end_is_not_looked_at() {
    let Gate { locked, attempted, over } = gate();
    let call = || request(OWN, UnlockRequest { passphrase: "s3cret".to_owned() });
    let waiting = locked.unlock(call());
    drop(attempted);
    for late in [waiting.await, locked.unlock(call()).await] {
        let late = late.unwrap_err();
        assert_eq!(status::reason(&late), reason::STORE_NOT_LOCKED);
        assert!(!format!("{late:?}").contains("s3cret"));
    }
    over.send_replace(Phase::Ending);
    let late = locked.unlock(call()).await.unwrap_err();
    assert_eq!(status::reason(&late), reason::SHUTTING_DOWN);
}
