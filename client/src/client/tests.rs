//! The client against a server of the test's own, over a real socket.

mod server;

use std::{
    error::Error as _,
    fs,
    os::unix::{
        fs::{PermissionsExt as _, chown},
        net::UnixListener as StdListener,
    },
    time::Duration,
};

use nix::unistd::{Uid, setfsuid};
use tempfile::TempDir;
use tokend_proto::v1::AcquireTokenRequest;
use tokio::net::{UnixSocket, UnixStream};

use super::*;
use crate::{
    ExposeSecret as _,
    client::tests::server::{Fake, ID, Server},
    clock::Hands,
};

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokend.sock");
    (directory, path)
}

#[tokio::test]
async fn gets_a_token_and_says_what_it_needs_of_it() {
    let (_directory, path) = place();
    let fake = Fake::default();
    let _server = Server::start(&fake, &path);
    let client = Client::builder().socket(&path).cache(false).build().unwrap();

    assert_eq!(client.token("a").await.unwrap().value().expose_secret(), "value of a");
    let options = TokenOptions::new().min_ttl(Duration::from_secs(90));
    client.token_with("b", options.timeout(Duration::from_secs(5))).await.unwrap();
    client.token_with("c", options.timeout(Duration::MAX)).await.unwrap();

    let asked = fake.asked.lock().unwrap();
    assert_eq!(
        asked[0].0,
        AcquireTokenRequest { name: "a".to_owned(), ..AcquireTokenRequest::default() }
    );
    assert_eq!(asked[1].0.min_ttl, Some(prost_types::Duration { seconds: 90, nanos: 0 }));
    assert_eq!(asked[1].1["grpc-timeout"], "5000m");
    assert_eq!(*fake.authorities.lock().unwrap(), ["localhost"; 3]);
}

#[test]
fn whoever_asks_once_without_a_runtime_gets_what_a_client_gets() {
    let (_directory, path) = place();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
    let fake = Fake::default();
    let _server = runtime.block_on(async { Server::start(&fake, &path) });
    let ask = |name: &str| Client::builder().socket(&path).token_once(name, TokenOptions::new());
    assert_eq!(ask("a").unwrap().value().expose_secret(), "value of a");
    // More than HTTP/2 lets come by default.
    let name = "long".repeat(40_000);
    assert_eq!(ask(&name).unwrap().value().expose_secret(), format!("value of {name}"));
    assert!(matches!(ask("denied"), Err(Error::NotPermitted { .. })));
    assert!(matches!(ask("late"), Err(Error::TimedOut)));
    let headers = &fake.asked.lock().unwrap()[0].1;
    assert_eq!(headers["grpc-timeout"], "60000m");
}

#[tokio::test]
async fn a_token_that_the_caller_has_already_is_not_sent_again() {
    let (_directory, path) = place();
    let _server = Server::start(&Fake::default(), &path);
    let client = Client::at(&path);

    let held = client.token("a").await.unwrap();
    let options = TokenOptions::new();
    assert!(client.token_if_changed("a", held.id(), options).await.unwrap().is_none());
    let newer = client.token_if_changed("a", "t-0", options).await.unwrap().unwrap();
    assert_eq!(newer.id(), ID);
}

#[tokio::test]
async fn reports_a_refused_token_by_its_id() {
    let (_directory, path) = place();
    let fake = Fake::default();
    let _server = Server::start(&fake, &path);
    let client = Client::at(&path);

    let token = client.token("a").await.unwrap();
    let rejection = Rejection::of(&token).status(401);
    let ruling = client.report_rejection("a", rejection.clone()).await.unwrap();
    assert_eq!(ruling, Ruling::Refreshed);
    assert_eq!(*fake.reported.lock().unwrap(), [rejection.about("a")]);
}

#[tokio::test]
async fn an_error_of_the_daemon_is_typed_on_its_way_through() {
    let (_directory, path) = place();
    let _server = Server::start(&Fake::default(), &path);
    let client = Client::at(&path);

    let denied = client.token("denied").await.unwrap_err();
    assert!(matches!(denied, Error::NotPermitted { .. }), "{denied:?}");
    assert_eq!(denied.to_string(), "no such credential, or not yours");
    let late = client.token("late").await.unwrap_err();
    assert!(matches!(late, Error::TimedOut), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn gives_up_after_its_timeout() {
    let (_directory, path) = place();
    let _server = Server::start(&Fake::default(), &path);
    let options = TokenOptions::new().timeout(Duration::from_secs(2));
    let error = Client::at(&path).token_with("busy", options).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut), "{error:?}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn tells_a_missing_and_a_deserted_socket_from_others() {
    let (directory, path) = place();
    let client = Client::at(&path);
    let not_running = |error: Error| {
        assert!(
            matches!(&error, Error::DaemonNotRunning { path: told } if *told == path),
            "{error:?}"
        );
        assert!(error.is_transient());
    };
    not_running(client.token("a").await.unwrap_err());

    drop(StdListener::bind(&path).unwrap());
    not_running(client.token("a").await.unwrap_err());

    for make in [
        (|path| fs::write(path, "").unwrap()) as fn(&Path),
        |path| std::os::unix::fs::symlink("nowhere", path).unwrap(),
        |path| fs::create_dir(path).unwrap(),
    ] {
        fs::remove_file(&path).unwrap();
        make(&path);
        not_running(client.token("a").await.unwrap_err());
    }

    let long = directory.path().join("x".repeat(200));
    let error = Client::at(long).token("a").await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(!error.is_transient());
    let source = error.source().unwrap().to_string();
    assert!(source.ends_with(" bytes, and a socket's path at most 107"), "{source}");
}

#[tokio::test(start_paused = true)]
async fn waits_for_room_in_the_sockets_queue() {
    let (_directory, path) = place();
    let socket = UnixSocket::new_stream().unwrap();
    socket.bind(&path).unwrap();
    let listener = socket.listen(1).unwrap();
    let mut queue = Vec::new();
    while let Ok(stream) = UnixStream::connect(&path).await {
        queue.push(stream);
    }
    let client = Client::at(&path);
    let error = client.token("a").await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && error.is_transient(), "{error:?}");

    let ends = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(listener);
    };
    let (answer, ()) = tokio::join!(client.token("a"), ends);
    assert!(matches!(answer, Err(Error::DaemonNotRunning { .. })), "{answer:?}");
}

#[tokio::test]
async fn tells_a_socket_that_it_may_not_use() {
    let (_directory, path) = place();
    let _listener = StdListener::bind(&path).unwrap();
    if Uid::effective().is_root() {
        // A group that no one here is in.
        chown(&path, None, Some(54_321)).unwrap();
    }
    // The group is of help only where the permissions let it in. An owner is kept
    // out by the owner's permissions, whatever the group's are.
    for (mode, helps) in [(0o000, false), (0o060, true)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        // Root may use any socket, so look at files as nobody; it holds for this
        // thread only.
        let own = setfsuid(Uid::from_raw(65_534));
        let error = Client::at(&path).token("a").await.unwrap_err();
        setfsuid(own);
        let told = matches!(&error, Error::SocketNotPermitted { group, .. }
            if group.is_some() == helps);
        assert!(told && !error.is_transient(), "{mode:o}: {error:?}");
    }
}

#[tokio::test]
async fn connects_again_when_the_daemon_is_back() {
    let (_directory, path) = place();
    let fake = Fake::default();
    let server = Server::start(&fake, &path);
    let client = Client::at(&path);
    client.token("a").await.unwrap();

    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.token("busy").await }
    });
    while fake.asked.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    server.stop();
    let lost = waiting.await.unwrap().unwrap_err();
    // It was asked again, of no one.
    assert!(matches!(lost, Error::DaemonNotRunning { .. } | Error::Disconnected(_)), "{lost:?}");

    fs::remove_file(&path).unwrap();
    let _server = Server::start(&fake, &path);
    client.token("a").await.unwrap();
}

#[tokio::test]
async fn a_watch_tells_of_each_name_and_ends_with_what_has_ended_it() {
    let (_directory, path) = place();
    let server = Server::start(&Fake::default(), &path);
    let hands = Hands::new();
    let trust = Trust::of(&socket::Process);
    let dial = Dial::Socket { path: path.as_path().into(), trust };
    let client = Client::over(dial, Clock::Manual(hands.clone()), true);
    let mut watch = client.watch(["a", "denied"]).await.unwrap();
    let first = watch.next().await.unwrap().unwrap();
    let token = first.token().unwrap();
    assert_eq!((first.name(), token.id()), ("a", ID));
    assert_eq!(token.remaining(), Some(Duration::from_secs(60)));
    hands.advance(Duration::from_secs(45));
    assert_eq!(token.clone().remaining(), Some(Duration::from_secs(15)));
    let second = watch.next().await.unwrap().unwrap();
    assert_eq!(second.name(), "denied");
    assert!(matches!(second.into_token(), Err(Error::NotPermitted { .. })));
    let end = watch.next().await.unwrap().unwrap_err();
    assert!(end.is_transient(), "{end:?}");
    assert!(watch.next().await.is_none());

    server.stop();
    let lost = client.watch(["a"]).await.unwrap_err();
    assert!(lost.is_transient(), "{lost:?}");
}

#[test]
fn is_made_outside_a_runtime() {
    let (_directory, path) = place();
    assert_eq!(Client::at(&path).socket(), path);
}
