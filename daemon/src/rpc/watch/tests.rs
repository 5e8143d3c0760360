//! Watchers, with slots that the tests write to.

use std::{future::Future, pin::pin, task};

use tokend_core::{Failure, Setback, Verdict};
use tokend_proto::v1;

use super::*;
use crate::rpc::{
    Door, Peer,
    bench::{ANN, Bench, OWN, access_of, listener, start, token},
};

impl Bench {
    fn watch(&self, uid: u32, names: &[&str]) -> Result<Watch, Status> {
        self.watch_at(Door::Callers, uid, names)
    }

    fn watch_at(&self, door: Door, uid: u32, names: &[&str]) -> Result<Watch, Status> {
        let context = self.context.at(&door);
        let peer = Peer { uid, gid: uid, groups: Vec::new(), unit: None, pid: None, door };
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Watch::new(context, Arc::new(Connection::new(peer)), &names)
    }

    /// Returns all that a watcher is told by now, as text.
    fn told(&self, watch: &mut Watch) -> Vec<String> {
        let mut context = task::Context::from_waker(task::Waker::noop());
        let watchers = self.context.slots.watchers();
        assert!(pin!(watchers.spread()).poll(&mut context).is_pending());
        let mut told = Vec::new();
        while let task::Poll::Ready(Some(update)) = pin!(watch.next()).poll(&mut context) {
            told.push(text(update));
        }
        told
    }
}

fn text(update: Update) -> String {
    let Update { name, content, now } = update;
    match content {
        Ok(token) => {
            let message = v1::AcquireTokenResponse::decode(token.encoded()).unwrap();
            let left = token.remaining(now).map_or(0, |left| left.seconds);
            format!("{name}={} {left}s", message.token.unwrap().value)
        }
        Err(status) => format!("{name}: {:?} {}", status.code(), status::reason(&status)),
    }
}

#[tokio::test]
async fn the_first_message_of_each_name_comes_at_once_and_others_when_something_changes() {
    let bench = Bench::new();
    let (a, b) = (bench.make("a"), bench.make("b"));
    a.publish(token("1"));
    let mut watch = bench.watch(ANN, &["a", "b"]).unwrap();
    assert_eq!(bench.told(&mut watch), ["a=1 3600s", "b: Unavailable NO_TOKEN"]);
    assert!(bench.told(&mut watch).is_empty());

    bench.pass(60);
    b.publish(token("2"));
    assert_eq!(bench.told(&mut watch), ["b=2 3540s"]);
    b.withdraw();
    assert_eq!(bench.told(&mut watch), ["b: Unavailable NO_TOKEN"]);
}

#[tokio::test]
async fn what_is_delivered_again_and_looks_the_same_is_no_news() {
    let bench = Bench::new();
    let a = bench.make("a");
    a.publish(token("1"));
    let mut watch = bench.watch(ANN, &["a"]).unwrap();
    assert_eq!(bench.told(&mut watch).len(), 1);
    a.publish(token("1"));
    a.set_failing(true);
    a.set_setback(Some(&Setback::Budget));
    a.set_access(access_of(&[ANN, 7]));
    assert!(bench.told(&mut watch).is_empty());
}

#[tokio::test]
async fn who_reads_slowly_is_told_the_latest_only() {
    let bench = Bench::new();
    let a = bench.make("a");
    let mut watch = bench.watch(ANN, &["a"]).unwrap();
    bench.told(&mut watch);
    for value in ["1", "2", "3"] {
        a.publish(token(value));
    }
    assert_eq!(bench.told(&mut watch), ["a=3 3600s"]);
}

#[tokio::test]
async fn revoked_access_shows_at_once_and_granted_access_too() {
    let bench = Bench::new();
    let a = bench.make("a");
    a.publish(token("1"));
    let mut watch = bench.watch(ANN, &["a"]).unwrap();
    bench.told(&mut watch);
    a.set_access(access_of(&[]));
    a.publish(token("2"));
    let denied = ["a: PermissionDenied CALLER_NOT_PERMITTED"];
    assert_eq!(bench.told(&mut watch), denied);
    a.publish(token("3"));
    assert!(bench.told(&mut watch).is_empty());
    a.set_access(access_of(&[ANN]));
    assert_eq!(bench.told(&mut watch), ["a=3 3600s"]);
    bench.context.slots.remove(&"a".parse().unwrap());
    assert_eq!(bench.told(&mut watch), denied);
    bench.make("a").publish(token("4"));
    assert_eq!(bench.told(&mut watch), ["a=4 3600s"]);
}

#[tokio::test]
async fn the_forbidden_and_the_absent_look_alike() {
    let bench = Bench::new();
    bench.make("a").set_access(access_of(&[]));
    let told = |uid| bench.told(&mut bench.watch(uid, &["a", "b"]).unwrap());
    let denied = |name| format!("{name}: PermissionDenied CALLER_NOT_PERMITTED");
    assert_eq!(told(ANN), [denied("a"), denied("b")]);
    assert_eq!(told(OWN), ["a: Unavailable NO_TOKEN", "b: NotFound CREDENTIAL_NOT_FOUND"]);
}

#[tokio::test]
async fn without_names_all_that_may_be_read_is_told_also_what_comes_later() {
    let bench = Bench::new();
    let (a, b) = (bench.make("a"), bench.make("b"));
    b.set_access(access_of(&[]));
    a.publish(token("1"));
    let mut watch = bench.watch(ANN, &[]).unwrap();
    assert_eq!(bench.told(&mut watch), ["a=1 3600s"]);
    b.publish(token("2"));
    assert!(bench.told(&mut watch).is_empty(), "nothing is heard of what may not be read");
    bench.make("c");
    assert_eq!(bench.told(&mut watch), ["c: Unavailable NO_TOKEN"]);
    bench.context.slots.remove(&"a".parse().unwrap());
    assert_eq!(bench.told(&mut watch), ["a: PermissionDenied CALLER_NOT_PERMITTED"]);
    bench.context.slots.remove(&"b".parse().unwrap());
    assert!(bench.told(&mut watch).is_empty());
}

#[tokio::test]
async fn the_end_of_a_token_without_a_successor_is_told_once_with_the_cause() {
    let bench = Bench::new();
    let (a, b) = (bench.make("a"), bench.make("b"));
    for slot in [&a, &b] {
        slot.publish(token("1"));
    }
    let failure = |verdict| {
        Setback::Issuance(Failure { verdict, retry_after: None, message: "no".to_owned() })
    };
    b.set_setback(Some(&failure(Verdict::Transient)));
    let mut watch = bench.watch(ANN, &["a", "b"]).unwrap();
    assert_eq!(bench.told(&mut watch).len(), 2);
    bench.pass(3_600);
    watch.look_for_ends();
    let told = ["a: Unavailable NO_TOKEN", "b: Unavailable PROVIDER_UNAVAILABLE"];
    assert_eq!(bench.told(&mut watch), told);
    watch.look_for_ends();
    b.set_setback(Some(&failure(Verdict::Transient)));
    assert!(bench.told(&mut watch).is_empty());
    b.set_setback(Some(&failure(Verdict::Denied)));
    assert_eq!(bench.told(&mut watch), ["b: FailedPrecondition CREDENTIAL_REJECTED"]);
}

#[tokio::test]
async fn a_watched_token_counts_as_used_now_and_then() {
    let bench = Bench::new();
    let a = bench.make("a");
    a.publish(token("1"));
    let mut watch = bench.watch(ANN, &["a"]).unwrap();
    assert_eq!(a.last_use(), None);
    bench.told(&mut watch);
    assert_eq!(a.last_use(), Some(start()));
    bench.pass(3_599);
    bench.told(&mut watch);
    assert_eq!(a.last_use(), Some(start()));
    bench.pass(1);
    bench.told(&mut watch);
    assert_eq!(a.last_use(), Some(bench.context.clock.now().wall));
}

#[tokio::test]
async fn a_stream_ends_with_the_daemon_and_too_many_are_refused() {
    let bench = Bench::new();
    let mut watch = bench.watch(ANN, &[]).unwrap();
    let held: Vec<_> = (1..64).map(|_| bench.watch(ANN, &[]).unwrap()).collect();
    let refused = bench.watch(ANN, &["a"]).err().unwrap();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(status::reason(&refused), reason::TOO_MANY_WATCHES);
    assert!(bench.watch(OWN, &[]).is_ok(), "operators can have more");
    drop(held);
    assert!(bench.watch(ANN, &[]).is_ok());

    let names: Vec<String> = (0..=1_000).map(|n| format!("n{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(bench.watch(ANN, &names).err().unwrap().code(), Code::InvalidArgument);
    assert!(bench.watch(ANN, &["No Name"]).is_err());

    bench.context.slots.watchers().close();
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn at_a_listener_what_is_not_listed_is_not_there() {
    let bench = Bench::new();
    for uid in [0, OWN, ANN, 65_534] {
        let door = || listener(&["a", "c"], true);
        let mut all = bench.watch_at(door(), uid, &[]).unwrap();
        let mut named = bench.watch_at(door(), uid, &["a", "b", "none"]).unwrap();
        let [a, b, c] = ["a", "b", "c"].map(|name| bench.make(name));
        a.publish(token("1"));
        b.publish(token("2"));
        let denied = |name| format!("{name}: PermissionDenied CALLER_NOT_PERMITTED");
        let seen = ["a=1 3600s".to_owned(), denied("b"), denied("none")];
        assert_eq!(bench.told(&mut named), seen);
        assert_eq!(bench.told(&mut all), ["a=1 3600s", "c: Unavailable NO_TOKEN"]);
        c.publish(token("3"));
        b.publish(token("4"));
        assert!(bench.told(&mut named).is_empty());
        assert_eq!(bench.told(&mut all), ["c=3 3600s"]);
        for name in ["a", "b", "c"] {
            bench.context.slots.remove(&name.parse().unwrap());
        }
    }
}

#[test]
fn the_prepared_token_is_part_of_the_message_of_the_contract() {
    let bench = Bench::new();
    let now = bench.context.clock.now();
    let published = Arc::new(token("1"));
    let mut message = bytes::BytesMut::new();
    let tail = tail(&published, "a".to_owned(), now);
    message.extend_from_slice(published.encoded());
    tail.encode(&mut message).unwrap();
    let read = WatchTokensResponse::decode(message).unwrap();
    assert_eq!((read.name.as_str(), read.remaining.unwrap().seconds), ("a", 3_600));
    assert!(matches!(read.state, Some(State::Token(token)) if token.value == "1"));
}

#[tokio::test]
async fn a_container_with_all_numbers_takes_no_users_streams() {
    let bench = Bench::new();
    let door = || listener(&["listed"], true);
    let mut watches: Vec<_> =
        (0..64).map(|uid| bench.watch_at(door(), ANN + uid, &["listed"]).unwrap()).collect();
    let Err(status) = bench.watch_at(door(), 0, &["listed"]) else { panic!("it has enough") };
    assert_eq!(status::reason(&status), reason::TOO_MANY_WATCHES);
    assert!(bench.watch(ANN, &["listed"]).is_ok());
    watches.pop();
    assert!(bench.watch_at(door(), 0, &["listed"]).is_ok());
}
