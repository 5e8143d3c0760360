//! A daemon of the test's own that holds one token.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
};

use futures_core::Stream;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tempfile::TempDir;
use tokend_proto::{
    ERROR_DOMAIN, reason,
    v1::{
        self, AcquireTokenRequest, AcquireTokenResponse, ListTokensRequest, ListTokensResponse,
        RefreshTokenRequest, RefreshTokenResponse, ReportRejectionRequest, ReportRejectionResponse,
        SubmitRotationRequest, SubmitRotationResponse, WatchTokensRequest, WatchTokensResponse,
        report_rejection_request,
        report_rejection_response::Outcome,
        submit_rotation_request::PreviousToken,
        submit_rotation_response,
        token_service_server::{TokenService, TokenServiceServer},
    },
};
use tokio::{net::UnixListener, sync::Notify};
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::Client;

/// A daemon; it ends with the test's runtime.
pub(super) struct Daemon {
    pub(super) client: Client,
    pub(super) told: Arc<Told>,
    _directory: TempDir,
}

/// What the daemon holds and was told.
#[derive(Default)]
pub(super) struct Told {
    held: Mutex<Held>,
    /// Keeps submissions from being stored until it is notified.
    pub(super) gate: Mutex<Option<Arc<Notify>>>,
    /// A submission has come ..
    pub(super) submitted: Notify,
    /// .. and was stored.
    pub(super) stored: Notify,
}

#[derive(Default)]
struct Held {
    tokens: VecDeque<v1::Token>,
    lives: Vec<Option<i64>>,
    reports: Vec<(String, u32, String)>,
    submissions: Vec<(String, String)>,
    is_down: bool,
}

impl Daemon {
    /// Starts a daemon that issues these tokens, one after the other.
    pub(super) fn start(tokens: impl IntoIterator<Item = v1::Token>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokend.sock");
        let told = Arc::new(Told::default());
        tokens.into_iter().for_each(|token| told.issue(token));
        let listener = UnixListener::bind(&path).unwrap();
        let service = TokenServiceServer::from_arc(Arc::clone(&told));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = TowerToHyperService::new(service.clone());
                tokio::spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new()).http2_only();
                    server.serve_connection(TokioIo::new(stream), service).await
                });
            }
        });
        Self { client: Client::at(path), told, _directory: directory }
    }
}

impl Told {
    /// Holds one more token, for when the one before is refused.
    pub(super) fn issue(&self, token: v1::Token) {
        self.held.lock().unwrap().tokens.push_back(token);
    }

    /// The life that each token was asked for, in seconds.
    pub(super) fn lives(&self) -> Vec<Option<i64>> {
        self.held.lock().unwrap().lives.clone()
    }

    /// The id, the status and the code of each report.
    pub(super) fn reports(&self) -> Vec<(String, u32, String)> {
        self.held.lock().unwrap().reports.clone()
    }

    /// The id before and the value after, of each submission.
    pub(super) fn submissions(&self) -> Vec<(String, String)> {
        self.held.lock().unwrap().submissions.clone()
    }

    /// Answers nothing any more but that it can't.
    pub(super) fn go_down(&self) {
        self.held.lock().unwrap().is_down = true;
    }

    fn up(&self) -> Result<MutexGuard<'_, Held>, Status> {
        let held = self.held.lock().unwrap();
        if held.is_down {
            return Err(refused(Code::Unavailable, reason::STORE_UNAVAILABLE));
        }
        Ok(held)
    }
}

fn refused(code: Code, reason: &str) -> Status {
    Status::with_error_details(code, "no", ErrorDetails::with_error_info(reason, ERROR_DOMAIN, []))
}

#[tonic::async_trait]
impl TokenService for Told {
    type WatchTokensStream = Nothing;

    async fn watch_tokens(
        &self,
        _: Request<WatchTokensRequest>,
    ) -> Result<Response<Nothing>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn acquire_token(
        &self,
        request: Request<AcquireTokenRequest>,
    ) -> Result<Response<AcquireTokenResponse>, Status> {
        let mut held = self.up()?;
        held.lives.push(request.into_inner().min_ttl.map(|life| life.seconds));
        let Some(token) = held.tokens.front().cloned() else {
            return Err(refused(Code::FailedPrecondition, reason::LOGIN_NEEDED));
        };
        Ok(Response::new(AcquireTokenResponse { token: Some(token), ..Default::default() }))
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
        let ReportRejectionRequest { token, status, code, .. } = request.into_inner();
        let Some(report_rejection_request::Token::TokenId(id)) = token else { panic!("{token:?}") };
        let mut held = self.up()?;
        held.reports.push((id.clone(), status, code));
        let outcome = if held.tokens[0].token_id != id {
            Outcome::Superseded
        } else if held.tokens.len() > 1 {
            held.tokens.pop_front();
            Outcome::Refreshed
        } else {
            Outcome::NotATokenProblem
        };
        Ok(Response::new(ReportRejectionResponse { outcome: outcome.into(), ..Default::default() }))
    }

    async fn submit_rotation(
        &self,
        request: Request<SubmitRotationRequest>,
    ) -> Result<Response<SubmitRotationResponse>, Status> {
        let SubmitRotationRequest { previous_token, value, .. } = request.into_inner();
        let Some(PreviousToken::TokenId(previous)) = previous_token else { panic!() };
        self.submitted.notify_one();
        let gate = self.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.notified().await;
        }
        let mut held = self.up()?;
        let token = &mut held.tokens[0];
        if token.token_id != previous {
            return Err(refused(Code::Aborted, reason::TOKEN_SUPERSEDED));
        }
        token.token_id = format!("id of {value}");
        for placement in &mut token.placements {
            placement.value = placement.value.replace(&token.value, &value);
        }
        token.value.clone_from(&value);
        held.submissions.push((previous, value));
        self.stored.notify_one();
        Ok(Response::new(SubmitRotationResponse {
            outcome: submit_rotation_response::Outcome::Accepted.into(),
            ..Default::default()
        }))
    }

    async fn refresh_token(
        &self,
        _: Request<RefreshTokenRequest>,
    ) -> Result<Response<RefreshTokenResponse>, Status> {
        Err(Status::unimplemented("nobody refreshes here"))
    }
}

/// A stream that tells of nothing.
pub(super) struct Nothing;

impl Stream for Nothing {
    type Item = Result<WatchTokensResponse, Status>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
    }
}
