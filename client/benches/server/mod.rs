//! A server of the contract on a real socket, which does as little as it can.

use std::{
    path::{Path, PathBuf},
    pin::Pin,
    task::{Context, Poll},
    thread::{self, JoinHandle},
};

use futures_core::Stream;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tempfile::TempDir;
use tokend_proto::v1::{
    AcquireTokenRequest, AcquireTokenResponse, ListTokensRequest, ListTokensResponse, Placement,
    RefreshTokenRequest, RefreshTokenResponse, ReportRejectionRequest, ReportRejectionResponse,
    SubmitRotationRequest, SubmitRotationResponse, Token, WatchTokensRequest, WatchTokensResponse,
    placement::Target,
    token_service_server::{TokenService, TokenServiceServer},
    watch_tokens_response::State,
};
use tokio::{net::UnixListener, runtime::Builder, sync::oneshot};
use tonic::{Request, Response, Status};

/// The only credential.
pub(crate) const NAME: &str = "api";

/// The id of the token that streams tell of.
pub(crate) const TOLD: &str = "t-2";

/// A usual size of a JWT.
const SIZE: usize = 1_000;

/// A server in a thread of its own, which ends with it.
pub(crate) struct Server {
    directory: TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let (stop, stopped) = oneshot::channel();
        let path = path(&directory);
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime can be made");
        let listener = runtime.block_on(async { UnixListener::bind(path) });
        let listener = listener.expect("the directory is empty");
        let thread = thread::spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = serve(listener) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { directory, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn path(&self) -> PathBuf {
        path(&self.directory)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn path(directory: &TempDir) -> PathBuf {
    Path::join(directory.path(), "tokend.sock")
}

async fn serve(listener: UnixListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = TowerToHyperService::new(TokenServiceServer::new(Service));
        tokio::spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new()).http2_only();
            drop(server.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

struct Service;

#[tonic::async_trait]
impl TokenService for Service {
    type WatchTokensStream = Once;

    async fn acquire_token(
        &self,
        _: Request<AcquireTokenRequest>,
    ) -> Result<Response<AcquireTokenResponse>, Status> {
        let remaining = Some(hour());
        let token = Some(token("t-1"));
        Ok(Response::new(AcquireTokenResponse { token, unchanged: false, remaining }))
    }

    async fn watch_tokens(
        &self,
        _: Request<WatchTokensRequest>,
    ) -> Result<Response<Self::WatchTokensStream>, Status> {
        let (name, state) = (NAME.to_owned(), Some(State::Token(token(TOLD))));
        let update = WatchTokensResponse { state, name, remaining: Some(hour()) };
        Ok(Response::new(Once(Some(update))))
    }

    async fn list_tokens(
        &self,
        _: Request<ListTokensRequest>,
    ) -> Result<Response<ListTokensResponse>, Status> {
        Err(Status::unimplemented("no one lists"))
    }

    async fn report_rejection(
        &self,
        _: Request<ReportRejectionRequest>,
    ) -> Result<Response<ReportRejectionResponse>, Status> {
        Err(Status::unimplemented("no one reports"))
    }

    async fn submit_rotation(
        &self,
        _: Request<SubmitRotationRequest>,
    ) -> Result<Response<SubmitRotationResponse>, Status> {
        Err(Status::unimplemented("no one submits"))
    }

    async fn refresh_token(
        &self,
        _: Request<RefreshTokenRequest>,
    ) -> Result<Response<RefreshTokenResponse>, Status> {
        Err(Status::unimplemented("nobody refreshes here"))
    }
}

/// Tells once, and stays open.
struct Once(Option<WatchTokensResponse>);

impl Stream for Once {
    type Item = Result<WatchTokensResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.take().map_or(Poll::Pending, |update| Poll::Ready(Some(Ok(update))))
    }
}

fn token(id: &str) -> Token {
    let value = "x".repeat(SIZE);
    let placement = Placement {
        target: Some(Target::Header("Authorization".to_owned())),
        value: format!("Bearer {value}"),
        writes_only: false,
    };
    Token { value, token_id: id.to_owned(), placements: vec![placement], ..Token::default() }
}

fn hour() -> prost_types::Duration {
    prost_types::Duration { seconds: 3_600, nanos: 0 }
}
