//! The client against a server of the test's own, over a real socket.

use std::{
    collections::BTreeMap,
    error::Error as _,
    fs,
    os::unix::{
        fs::{PermissionsExt as _, chown},
        net::UnixListener as StdListener,
    },
    sync::{Arc, Mutex},
};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use nix::unistd::{Uid, setfsuid};
use tempfile::TempDir;
use tokend_proto::{
    ERROR_DOMAIN, reason,
    v1::{
        AcquireTokenResponse, Token as Message,
        token_service_server::{TokenService, TokenServiceServer},
    },
};
use tokio::{net::UnixListener, task::AbortHandle};
use tonic::{Code, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::*;
use crate::ExposeSecret as _;

/// A request and its headers.
type Asked = (AcquireTokenRequest, BTreeMap<String, String>);

/// Answers by the credential's name, and remembers what it was asked.
#[derive(Clone, Default)]
struct Fake {
    asked: Arc<Mutex<Vec<Asked>>>,
    authorities: Arc<Mutex<Vec<String>>>,
}

#[tonic::async_trait]
impl TokenService for Fake {
    async fn acquire_token(
        &self,
        request: Request<AcquireTokenRequest>,
    ) -> Result<Response<AcquireTokenResponse>, Status> {
        let headers = request.metadata().clone().into_headers();
        let headers = headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        let message = request.into_inner();
        self.asked.lock().unwrap().push((message.clone(), headers));
        match message.name.as_str() {
            "busy" => std::future::pending().await,
            "late" => Err(Status::deadline_exceeded("too late")),
            "denied" => Err(Status::with_error_details(
                Code::PermissionDenied,
                "no such credential, or not yours",
                ErrorDetails::with_error_info(reason::CALLER_NOT_PERMITTED, ERROR_DOMAIN, []),
            )),
            name => Ok(Response::new(AcquireTokenResponse {
                token: Some(Message { value: format!("value of {name}"), ..Message::default() }),
                remaining: None,
            })),
        }
    }
}

struct Server {
    accepting: AbortHandle,
    connections: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Server {
    /// Serves on `path`, in tasks that end with the test's runtime.
    fn start(fake: &Fake, path: &Path) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let connections = Arc::<Mutex<Vec<AbortHandle>>>::default();
        let (fake, held) = (fake.clone(), Arc::clone(&connections));
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let authorities = Arc::clone(&fake.authorities);
                let service = TokenServiceServer::new(fake.clone());
                let service =
                    tower::ServiceExt::map_request(service, move |request: http::Request<_>| {
                        let authority = request.uri().authority().unwrap().to_string();
                        authorities.lock().unwrap().push(authority);
                        request
                    });
                let connection = tokio::spawn(async move {
                    auto::Builder::new(TokioExecutor::new())
                        .http2_only()
                        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
                        .await
                });
                held.lock().unwrap().push(connection.abort_handle());
            }
        });
        Self { accepting: accepting.abort_handle(), connections }
    }

    fn stop(&self) {
        self.accepting.abort();
        self.connections.lock().unwrap().drain(..).for_each(|connection| connection.abort());
    }
}

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
    let client = Client::at(&path);

    assert_eq!(client.token("a").await.unwrap().value().expose_secret(), "value of a");
    let options = TokenOptions::new().min_ttl(Duration::from_secs(90));
    client.token_with("b", options.timeout(Duration::from_secs(5))).await.unwrap();
    client.token_with("c", options.timeout(Duration::MAX)).await.unwrap();

    let asked = fake.asked.lock().unwrap();
    assert_eq!(asked[0].0, AcquireTokenRequest { name: "a".to_owned(), min_ttl: None });
    assert_eq!(asked[1].0.min_ttl, Some(prost_types::Duration { seconds: 90, nanos: 0 }));
    assert_eq!(asked[1].1["grpc-timeout"], "5000000u");
    assert_eq!(*fake.authorities.lock().unwrap(), ["localhost"; 3]);
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

    let long = directory.path().join("x".repeat(200));
    let error = Client::at(long).token("a").await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.source().is_some() && !error.is_transient());
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
    assert!(matches!(lost, Error::Disconnected(_)), "{lost:?}");
    assert!(lost.is_transient());

    fs::remove_file(&path).unwrap();
    let _server = Server::start(&fake, &path);
    client.token("a").await.unwrap();
}

#[test]
fn is_made_outside_a_runtime() {
    let (_directory, path) = place();
    assert_eq!(Client::at(&path).socket(), path);
}
