//! What a client serves from memory, and when it asks.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokend_proto::reason;
use tonic::Code;

use crate::{
    Client, Error, ExposeSecret as _, Rejection, Rotation, Ruling, Submission, Token, TokenOptions,
    clock::Clock,
    testing::{FakeDaemon, FakeToken},
};

const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

fn daemon(value: &str, life: u64) -> FakeDaemon {
    let daemon = FakeDaemon::new();
    daemon.set("api", FakeToken::new(value).life(seconds(life)));
    daemon
}

fn value(token: &Token) -> &str {
    token.value().expose_secret()
}

fn needing(life: u64) -> TokenOptions {
    TokenOptions::new().min_ttl(seconds(life))
}

/// Waits until the client's stream tells of the token.
async fn tended(client: &Client) {
    while !client.cache().look("api", |entry| entry.is_tended()).unwrap() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_held_is_there_at_once_and_asks_no_one() {
    let daemon = daemon("one", 3_600);
    let client = daemon.client();
    assert!(client.cached("api").is_none());
    let token = client.token("api").await.unwrap();
    for _ in 0..3 {
        let ready = pin!(client.token("api")).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(ready, Poll::Ready(Ok(held)) if held.id() == token.id()));
    }
    assert_eq!(client.clone().cached("api").unwrap().id(), token.id());
    assert_eq!(daemon.requests("api"), 1);
}

#[tokio::test(start_paused = true)]
async fn no_token_is_served_past_its_end_or_with_less_life_than_was_asked_for() {
    let daemon = daemon("one", 100);
    let client = daemon.client();
    client.token("api").await.unwrap();
    tended(&client).await;
    assert!(client.token_with("api", needing(100)).await.is_ok());
    daemon.advance(seconds(60));
    assert!(client.token_with("api", needing(40)).await.is_ok());
    assert_eq!(daemon.requests("api"), 1);
    let error = client.token_with("api", needing(41)).await.unwrap_err();
    assert!(matches!(error, Error::MinTtlUnsatisfiable { .. }), "{error:?}");
    // By default it is a tenth of this token's life.
    daemon.advance(seconds(30));
    assert!(client.cached("api").is_some());
    daemon.advance(seconds(1));
    assert!(client.cached("api").is_none());
    assert_eq!(client.token("api").await.unwrap().remaining(), Some(seconds(9)));
    assert_eq!(daemon.requests("api"), 3);
    // Any that is alive will do.
    assert!(client.token_with("api", needing(0)).await.is_ok());
    assert_eq!(daemon.requests("api"), 3);
    daemon.advance(seconds(9));
    assert!(client.token_with("api", needing(0)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn while_the_daemon_is_away_what_is_held_is_served_until_its_end() {
    let daemon = daemon("one", 100);
    let client = daemon.client();
    client.token("api").await.unwrap();
    tended(&client).await;
    daemon.stop();
    assert_eq!(value(&client.token("api").await.unwrap()), "one");
    daemon.advance(seconds(95));
    // No newer one can be had.
    assert_eq!(client.token("api").await.unwrap().remaining(), Some(seconds(5)));
    let error = client.token_with("api", needing(6)).await.unwrap_err();
    assert!(matches!(error, Error::DaemonNotRunning { .. }), "{error:?}");
    daemon.advance(seconds(5));
    let error = client.token("api").await.unwrap_err();
    assert!(matches!(error, Error::DaemonNotRunning { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_tasks_share_one_request_and_its_end() {
    let daemon = daemon("one", 3_600);
    let refused = Error::CredentialRejected { message: "wrong secret".to_owned() };
    daemon.fail("bad", refused);
    for (name, is_ok) in [("api", true), ("bad", false)] {
        daemon.hold();
        let client = daemon.client();
        let ask = |_| {
            tokio::spawn({
                let client = client.clone();
                async move { client.token(name).await }
            })
        };
        let tasks: Vec<_> = (0..100).map(ask).collect();
        daemon.until(|daemon| daemon.requests(name) == 1).await;
        daemon.release();
        for task in tasks {
            assert_eq!(task.await.unwrap().is_ok(), is_ok);
        }
        assert_eq!(daemon.requests(name), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn one_who_gives_up_leaves_the_call_to_the_others() {
    let daemon = daemon("one", 3_600);
    daemon.hold();
    let client = daemon.client();
    let hasty = client.token_with("api", TokenOptions::new().timeout(seconds(1))).await;
    assert!(matches!(hasty, Err(Error::TimedOut)), "{hasty:?}");
    let patient = tokio::spawn({
        let client = client.clone();
        async move { client.token("api").await }
    });
    tokio::task::yield_now().await;
    daemon.release();
    assert_eq!(value(&patient.await.unwrap().unwrap()), "one");
    assert_eq!(daemon.requests("api"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_reported_or_rotated_is_not_served_again() {
    let daemon = daemon("one", 3_600);
    let client = daemon.client();
    let token = client.token("api").await.unwrap();
    tended(&client).await;

    daemon.set_next("api", FakeToken::new("two").life(seconds(3_600)));
    let ruling = client.report_rejection("api", Rejection::of(&token).status(401)).await.unwrap();
    assert_eq!(ruling, Ruling::Refreshed);
    let newer = client.token("api").await.unwrap();
    assert_eq!(value(&newer), "two");

    let rotation = Rotation::of_id(newer.id(), "three".into());
    let submission = client.submit_rotation("api", rotation).await.unwrap();
    assert_eq!(submission, Submission::Accepted);
    let newest = client.token("api").await.unwrap();
    assert_eq!(value(&newest), "three");
    assert_eq!(newest.headers()["authorization"], "Bearer three");

    // A report that brings nothing leaves what is held.
    let requests = daemon.requests("api");
    let rejection = Rejection::of(&newest).status(403);
    assert!(!client.report_rejection("api", rejection).await.unwrap().brought_another());
    assert_eq!(value(&client.token("api").await.unwrap()), "three");
    assert_eq!(daemon.requests("api"), requests);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_replaced_is_not_served_again_and_is_replaced_once() {
    let daemon = daemon("one", 3_600);
    let client = daemon.client();
    client.token("api").await.unwrap();
    daemon.set_next("api", FakeToken::new("two").life(seconds(1_800)));
    let token = client.refresh("api").await.unwrap();
    assert_eq!((value(&token), token.remaining()), ("two", Some(seconds(1_800))));
    assert_eq!(value(&client.token("api").await.unwrap()), "two");

    // Where it can't be, what is held still is.
    let refused = client.refresh("api").await;
    assert!(matches!(refused, Err(Error::BudgetExhausted { .. })), "{refused:?}");
    assert_eq!(value(&client.token("api").await.unwrap()), "two");

    // Whoever asked again could cost another issuance.
    daemon.set_next("api", FakeToken::new("three"));
    daemon.trouble([None]);
    let lost = client.refresh("api").await;
    assert!(matches!(lost, Err(Error::Disconnected(_))), "{lost:?}");
    assert_eq!(daemon.refreshes("api"), 3);
}

#[tokio::test(start_paused = true)]
async fn without_a_stream_what_is_held_is_asked_about_now_and_then() {
    let unknown = |code| Error::Refused {
        code,
        reason: Some("OF_ANOTHER_VERSION".to_owned()),
        message: String::new(),
    };
    let too_many = Error::Unavailable {
        reason: reason::TOO_MANY_WATCHES.to_owned(),
        message: "64 are open".to_owned(),
        retry_after: None,
    };
    for error in [too_many, unknown(Code::Unimplemented)] {
        let daemon = daemon("one", 3_600);
        daemon.refuse_streams(Some(error));
        let client = daemon.client();
        client.token("api").await.unwrap();
        daemon.set("api", FakeToken::new("two").life(seconds(3_600)));
        daemon.advance(seconds(9));
        assert_eq!(value(&client.token("api").await.unwrap()), "one");
        assert_eq!(daemon.requests("api"), 1);
        // No one waits for the answer.
        daemon.advance(seconds(1));
        assert_eq!(value(&client.token("api").await.unwrap()), "one");
        let mut subscription = client.subscribe("api").unwrap();
        assert_eq!(value(&subscription.changed().await.unwrap()), "two");
        assert_eq!(value(&client.token("api").await.unwrap()), "two");
        assert_eq!(daemon.requests("api"), 2);
        // As soon as a stream can be had, it is.
        daemon.refuse_streams(None);
        tended(&client).await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_stream_what_was_taken_away_leaves_the_cache_and_is_told() {
    let daemon = daemon("one", 3_600);
    daemon.refuse_streams(Some(Error::Unavailable {
        reason: reason::TOO_MANY_WATCHES.to_owned(),
        message: "64 are open".to_owned(),
        retry_after: None,
    }));
    let client = daemon.client();
    let mut subscription = client.subscribe("api").unwrap();
    assert_eq!(value(&subscription.changed().await.unwrap()), "one");

    // What passes by itself ends nothing.
    daemon.fail("api", Error::BudgetExhausted { message: "spent".into(), retry_after: None });
    daemon.advance(seconds(10));
    assert!(client.token_with("api", needing(3_600)).await.is_err());
    client.token("api").await.unwrap();
    daemon.until(|daemon| daemon.requests("api") == 3).await;
    assert_eq!(value(&client.token("api").await.unwrap()), "one");

    daemon.remove("api");
    daemon.advance(seconds(10));
    let told = tokio::time::timeout(seconds(60), subscription.changed()).await;
    let error = told.expect("it is asked about").unwrap_err();
    assert!(matches!(error, Error::NotPermitted { .. }), "{error:?}");
    assert!(client.cached("api").is_none());
    assert!(subscription.current().unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_report_about_a_value_keeps_no_newer_token_from_the_cache() {
    let daemon = daemon("one", 3_600);
    let client = daemon.client();
    client.token("api").await.unwrap();
    tended(&client).await;
    // Another token has taken that value's place already: the one that is held.
    daemon.set_ruling(Ruling::Superseded);
    let rejection = Rejection::of_value_sha256([7; 32]).status(401);
    let mut subscription = client.subscribe("api").unwrap();
    assert!(client.report_rejection("api", rejection).await.unwrap().brought_another());
    assert!(client.cached("api").is_none() && subscription.current().is_none());
    assert_eq!(value(&client.token("api").await.unwrap()), "one");
    assert_eq!(value(&client.cached("api").unwrap()), "one");
    assert_eq!(value(&subscription.changed().await.unwrap()), "one");
}

#[tokio::test(start_paused = true)]
async fn a_client_without_cache_asks_each_time_and_opens_no_stream() {
    let daemon = daemon("one", 3_600);
    let client = daemon.uncached_client();
    for _ in 0..3 {
        client.token("api").await.unwrap();
    }
    tokio::time::sleep(seconds(60)).await;
    assert_eq!((daemon.requests("api"), daemon.streams().len()), (3, 0));
    assert!(client.cached("api").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_runtime_was_not_running_asks_before_it_serves() {
    let daemon = daemon("one", 3_600);
    let client = daemon.client();
    client.token("api").await.unwrap();
    tended(&client).await;
    let clock = Clock::Manual(daemon.hands());
    client.cache().beat(clock.now());
    daemon.advance(seconds(75));
    client.token("api").await.unwrap();
    assert_eq!(daemon.requests("api"), 1);
    daemon.advance(seconds(1));
    assert!(client.cached("api").is_none());
    client.token("api").await.unwrap();
    assert_eq!(daemon.requests("api"), 2);
    // If the daemon is away, what is held has to do.
    daemon.stop();
    client.token_with("api", needing(60)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn reports_and_newer_tokens_get_through_though_the_connection_is_lost() {
    let daemon = daemon("one", 3_600);
    let client = daemon.client();
    let token = client.token("api").await.unwrap();
    daemon.set_next("api", FakeToken::new("two"));
    daemon.trouble([None]);
    let ruling = client.report_rejection("api", Rejection::of(&token).status(401)).await.unwrap();
    // It was heard the first time.
    assert_eq!(ruling, Ruling::Superseded);
    let token = client.token("api").await.unwrap();

    let ending = Error::Unavailable {
        reason: reason::SHUTTING_DOWN.to_owned(),
        message: "the daemon is ending".to_owned(),
        retry_after: None,
    };
    daemon.trouble([Some(ending.clone()), None, Some(ending)]);
    let rotation = Rotation::of_id(token.id(), "three".into());
    assert_eq!(client.submit_rotation("api", rotation).await.unwrap(), Submission::Accepted);
    assert_eq!(value(&client.token("api").await.unwrap()), "three");

    daemon.trouble([None, None]);
    let report = client.report_rejection("api", Rejection::of(&token).status(401)).await;
    assert!(matches!(report, Err(Error::Disconnected(_))), "{report:?}");
}

#[test]
fn a_runtime_that_no_one_runs_keeps_no_other_waiting() {
    let daemon = daemon("one", 3_600);
    daemon.set("other", FakeToken::new("two"));
    let client = daemon.client();
    let (idle, running) = (runtime(), runtime());
    idle.block_on(client.token("api")).unwrap();
    daemon.hold();
    let hasty = TokenOptions::new().timeout(Duration::ZERO);
    assert!(idle.block_on(client.token_with("other", hasty)).is_err());
    daemon.release();
    running.block_on(client.token("other")).unwrap();

    // News is listened for elsewhere as soon as that is noticed.
    client.cache().beat(Clock::Manual(daemon.hands()).now());
    daemon.advance(seconds(76));
    running.block_on(async {
        client.token("api").await.unwrap();
        daemon.until(|daemon| daemon.streams().last().is_some_and(|all| all.len() == 2)).await;
        tended(&client).await;
        // Those who waited for names there don't wait for them any more.
        daemon.set("third", FakeToken::new("three"));
        client.token("third").await.unwrap();
        daemon.until(|daemon| daemon.streams().last().is_some_and(|all| all.len() == 3)).await;
    });
    drop(idle);
    assert!(client.cache().look("api", |entry| entry.is_tended()).unwrap());
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn the_next_runtime_takes_over_from_one_that_has_ended() {
    let daemon = daemon("one", 3_600);
    let client = daemon.client();
    for number in 1..=2 {
        runtime().block_on(async {
            client.token("api").await.unwrap();
            daemon.until(|daemon| daemon.streams().len() == number).await;
            tended(&client).await;
        });
        // Outside of a runtime it is served as well.
        assert_eq!(value(&client.cached("api").unwrap()), "one");
    }
    assert_eq!(daemon.requests("api"), 1);
}
