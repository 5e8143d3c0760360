//! A daemon of the test's own on a real socket.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use futures_core::Stream;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokend_proto::{
    ERROR_DOMAIN, reason,
    v1::{
        AcquireTokenRequest, AcquireTokenResponse, ListTokensRequest, ListTokensResponse,
        RefreshTokenRequest, RefreshTokenResponse, ReportRejectionRequest, ReportRejectionResponse,
        SubmitRotationRequest, SubmitRotationResponse, Token as Message, WatchTokensRequest,
        WatchTokensResponse,
        report_rejection_response::Outcome,
        token_service_server::{TokenService, TokenServiceServer},
        watch_tokens_response::{Absence, State},
    },
};
use tokio::{net::UnixListener, task::AbortHandle};
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The id of every token.
pub(super) const ID: &str = "t-1";

/// A request and its headers.
pub(super) type Asked = (AcquireTokenRequest, BTreeMap<String, String>);

/// Answers by the credential's name, and remembers what it was asked.
#[derive(Clone, Default)]
pub(super) struct Fake {
    pub(super) asked: Arc<Mutex<Vec<Asked>>>,
    pub(super) reported: Arc<Mutex<Vec<ReportRejectionRequest>>>,
    pub(super) authorities: Arc<Mutex<Vec<String>>>,
}

#[tonic::async_trait]
impl TokenService for Fake {
    type WatchTokensStream = Streamed;

    /// Tells of each name what `AcquireToken` would, and ends as a daemon does.
    async fn watch_tokens(
        &self,
        request: Request<WatchTokensRequest>,
    ) -> Result<Response<Self::WatchTokensStream>, Status> {
        let names = request.into_inner().names;
        let mut updates: Vec<_> = names.into_iter().map(update).map(Ok).collect();
        updates.push(Err(Status::with_error_details(
            Code::Unavailable,
            "tokend is shutting down",
            ErrorDetails::with_error_info(reason::SHUTTING_DOWN, ERROR_DOMAIN, []),
        )));
        Ok(Response::new(Streamed(updates.into())))
    }

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
            _ if message.if_none_match == ID => Ok(Response::new(AcquireTokenResponse {
                unchanged: true,
                ..AcquireTokenResponse::default()
            })),
            name => Ok(Response::new(AcquireTokenResponse {
                token: Some(Message {
                    value: format!("value of {name}"),
                    token_id: ID.to_owned(),
                    ..Message::default()
                }),
                ..AcquireTokenResponse::default()
            })),
        }
    }

    async fn submit_rotation(
        &self,
        _: Request<SubmitRotationRequest>,
    ) -> Result<Response<SubmitRotationResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_tokens(
        &self,
        _: Request<ListTokensRequest>,
    ) -> Result<Response<ListTokensResponse>, Status> {
        Err(Status::unimplemented("no one lists"))
    }

    async fn report_rejection(
        &self,
        request: Request<ReportRejectionRequest>,
    ) -> Result<Response<ReportRejectionResponse>, Status> {
        self.reported.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ReportRejectionResponse {
            outcome: Outcome::Refreshed.into(),
            ..ReportRejectionResponse::default()
        }))
    }

    async fn refresh_token(
        &self,
        _: Request<RefreshTokenRequest>,
    ) -> Result<Response<RefreshTokenResponse>, Status> {
        Err(Status::unimplemented("nobody refreshes here"))
    }
}

/// What a stream has left to tell.
pub(super) struct Streamed(VecDeque<Result<WatchTokensResponse, Status>>);

impl Stream for Streamed {
    type Item = Result<WatchTokensResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.pop_front())
    }
}

fn update(name: String) -> WatchTokensResponse {
    let state = match name.as_str() {
        "denied" => State::Absence(Absence {
            code: Code::PermissionDenied.into(),
            reason: reason::CALLER_NOT_PERMITTED.to_owned(),
            message: "no such credential, or not yours".to_owned(),
        }),
        name => State::Token(Message {
            value: format!("value of {name}"),
            token_id: ID.to_owned(),
            ..Message::default()
        }),
    };
    let remaining = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    WatchTokensResponse { name, state: Some(state), remaining }
}

pub(super) struct Server {
    accepting: AbortHandle,
    connections: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Server {
    /// Serves on `path`, in tasks that end with the test's runtime.
    pub(super) fn start(fake: &Fake, path: &Path) -> Self {
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

    pub(super) fn stop(&self) {
        self.accepting.abort();
        self.connections.lock().unwrap().drain(..).for_each(|connection| connection.abort());
    }
}
