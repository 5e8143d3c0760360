//! A program without async, with a daemon in its process.

use std::time::Duration;

use super::*;
use crate::{
    ExposeSecret as _,
    testing::{FakeDaemon, FakeToken},
};

fn value(token: &Token) -> &str {
    token.value().expose_secret()
}

#[test]
fn a_program_without_async_reads_reports_and_hands_over() {
    let daemon = FakeDaemon::new();
    daemon.set("api", FakeToken::new("one").life(Duration::from_secs(3_600)));
    let client = daemon.blocking_client();
    let token = client.token("api").unwrap();
    assert_eq!(value(&token), "one");
    let long = TokenOptions::new().min_ttl(Duration::from_secs(3_601));
    assert!(matches!(client.token_with("api", long), Err(Error::MinTtlUnsatisfiable { .. })));

    daemon.set_next("api", FakeToken::new("two"));
    let ruling = client.report_rejection("api", Rejection::of(&token).status(401)).unwrap();
    assert!(ruling.brought_another());
    let token = client.token("api").unwrap();
    assert_eq!(value(&token), "two");
    let rotation = Rotation::of_id(token.id(), "three".into());
    assert_eq!(client.submit_rotation("api", rotation).unwrap(), Submission::Accepted);
    assert_eq!(value(&client.token("api").unwrap()), "three");
    daemon.set_next("api", FakeToken::new("four"));
    assert_eq!(value(&client.refresh("api").unwrap()), "four");
}

#[test]
fn what_is_held_is_kept_current_between_calls() {
    let daemon = FakeDaemon::new();
    daemon.set("api", FakeToken::new("one"));
    let client = daemon.blocking_client();
    client.token("api").unwrap();
    let mut subscription = client.client.subscribe("api").unwrap();
    daemon.set("api", FakeToken::new("two"));
    let told = client.wait(|_| async move { subscription.changed().await });
    assert_eq!(value(&told.unwrap()), "two");
    assert_eq!(value(&client.token("api").unwrap()), "two");
    assert_eq!(daemon.requests("api"), 1);
}

#[tokio::test]
async fn it_can_be_used_and_dropped_inside_of_a_runtime() {
    let daemon = FakeDaemon::new();
    daemon.set("api", FakeToken::new("one"));
    let client = daemon.blocking_client();
    assert_eq!(value(&client.token("api").unwrap()), "one");
    drop(client);
}
