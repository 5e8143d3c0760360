//! What the stream brings, and how it is kept.

use std::time::Duration;

use crate::{
    Client, Error, ExposeSecret as _, Token,
    testing::{FakeDaemon, FakeToken},
};

fn daemon(names: &[&str]) -> FakeDaemon {
    let daemon = FakeDaemon::new();
    for name in names {
        daemon.set(name, FakeToken::new(format!("{name} 1")));
    }
    daemon
}

fn value(token: &Token) -> &str {
    token.value().expose_secret()
}

/// Asks for tokens, and waits for the stream that tells of them.
async fn watching(daemon: &FakeDaemon, client: &Client, names: &[&str]) {
    for name in names {
        client.token(name).await.unwrap();
    }
    daemon.until(|daemon| daemon.streams().last().is_some_and(|last| last == names)).await;
}

#[tokio::test(start_paused = true)]
async fn one_stream_tells_of_all_names_that_were_asked_for_and_of_no_others() {
    let daemon = daemon(&["a", "b", "c", "secret"]);
    let client = daemon.client();
    watching(&daemon, &client, &["a", "b"]).await;
    watching(&daemon, &client, &["a", "b", "c"]).await;
    assert!(client.token("unknown").await.is_err());
    tokio::time::sleep(Duration::from_secs(60)).await;
    let streams = daemon.streams();
    assert!(streams.len() <= 3, "{streams:?}");
    assert_eq!(daemon.open_streams(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_replaced_or_revoked_leaves_the_cache() {
    let daemon = daemon(&["a"]);
    let client = daemon.client();
    client.token("a").await.unwrap();
    let mut subscription = client.subscribe("a").unwrap();
    assert_eq!(value(&subscription.current().unwrap().unwrap()), "a 1");

    daemon.set("a", FakeToken::new("a 2"));
    assert_eq!(value(&subscription.changed().await.unwrap()), "a 2");
    assert_eq!(value(&client.token("a").await.unwrap()), "a 2");
    assert_eq!(daemon.requests("a"), 1);

    daemon.fail("a", Error::LoginNeeded { message: "log in".to_owned() });
    let error = subscription.changed().await.unwrap_err();
    assert!(error.login_needed() && !error.is_transient(), "{error:?}");
    assert!(client.cached("a").is_none());
    assert!(subscription.current().unwrap().is_err());
    assert!(client.token("a").await.unwrap_err().login_needed());
}

#[tokio::test(start_paused = true)]
async fn a_re_delivery_is_no_change() {
    let daemon = daemon(&["a", "b"]);
    let client = daemon.client();
    let mut one = client.subscribe("a").unwrap();
    let mut other = client.subscribe("b").unwrap();
    one.changed().await.unwrap();
    other.changed().await.unwrap();
    // Told again by another stream, of which b comes last.
    daemon.stop();
    daemon.set("b", FakeToken::new("b 2"));
    daemon.start();
    assert_eq!(value(&other.changed().await.unwrap()), "b 2");
    let soon = tokio::time::timeout(Duration::from_secs(3_600), one.changed()).await;
    assert!(soon.is_err(), "{soon:?}");
    daemon.set("a", FakeToken::new("a 2"));
    assert_eq!(value(&one.changed().await.unwrap()), "a 2");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_waits_for_what_is_not_there_yet() {
    let daemon = FakeDaemon::new();
    daemon.stop();
    let client = daemon.client();
    let mut subscription = client.subscribe("a").unwrap();
    assert!(subscription.current().is_none());
    daemon.start();
    let error = subscription.changed().await.unwrap_err();
    assert!(matches!(error, Error::NotPermitted { .. }), "{error:?}");
    daemon.set("a", FakeToken::new("a 1"));
    assert_eq!(value(&subscription.changed().await.unwrap()), "a 1");

    for name in ["", "A", "-a", "a b", &"a".repeat(64)] {
        let error = client.subscribe(name).unwrap_err();
        assert!(matches!(error, Error::InvalidRequest { .. }), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_is_away_is_looked_for_less_and_less_often() {
    let daemon = daemon(&["a"]);
    let client = daemon.client();
    watching(&daemon, &client, &["a"]).await;
    daemon.stop();
    let before = daemon.dials();
    tokio::time::sleep(Duration::from_secs(600)).await;
    let dials = daemon.dials() - before;
    // Every two and a half seconds on average.
    assert!((120..500).contains(&dials), "{dials} in ten minutes");
    daemon.start();
    daemon.until(|daemon| daemon.streams().len() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_answered_brings_the_stream_back_at_once() {
    let daemon = daemon(&["a", "b"]);
    let client = daemon.client();
    watching(&daemon, &client, &["a"]).await;
    daemon.stop();
    tokio::time::sleep(Duration::from_secs(600)).await;
    daemon.start();
    let at_once = tokio::time::timeout(super::GATHERING * 2, async {
        client.token("b").await.unwrap();
        daemon.until(|daemon| daemon.streams().len() == 2).await;
    });
    at_once.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_stream_ends_with_the_last_client() {
    let daemon = daemon(&["a"]);
    let client = daemon.client();
    watching(&daemon, &client, &["a"]).await;
    let subscription = client.subscribe("a").unwrap();
    drop(client.clone());
    drop(client);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(daemon.open_streams(), 1);
    drop(subscription);
    daemon.until(|daemon| daemon.open_streams() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn many_names_that_come_one_by_one_take_few_streams() {
    let names: Vec<String> = (0..200).map(|number| format!("n{number:04}")).collect();
    let daemon = FakeDaemon::new();
    let client = daemon.client();
    for name in &names {
        daemon.set(name, FakeToken::new("one"));
        client.token(name).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    daemon.until(|daemon| daemon.streams().last().is_some_and(|last| last.len() == 200)).await;
    let streams = daemon.streams().len();
    assert!(streams < 40, "{streams} streams");
}

#[tokio::test(start_paused = true)]
async fn names_beyond_the_contracts_thousand_are_asked_about() {
    let names: Vec<String> = (0..1_001).map(|number| format!("n{number:04}")).collect();
    let daemon = FakeDaemon::new();
    for name in &names {
        daemon.set(name, FakeToken::new("one"));
    }
    let client = daemon.client();
    for name in &names {
        client.token(name).await.unwrap();
    }
    daemon.until(|daemon| daemon.streams().last().is_some_and(|last| last.len() == 1_000)).await;
    let last = &names[1_000];
    daemon.set(last, FakeToken::new("two"));
    daemon.advance(Duration::from_secs(60));
    let mut subscription = client.subscribe(last).unwrap();
    assert_eq!(value(&subscription.changed().await.unwrap()), "two");
}
