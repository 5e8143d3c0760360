//! The contract, as a fake daemon keeps it.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use tokend_proto::{
    ERROR_DOMAIN, reason,
    v1::{
        AcquireTokenRequest, AcquireTokenResponse, ListTokensRequest, ListTokensResponse,
        RefreshTokenRequest, RefreshTokenResponse, ReportRejectionRequest, ReportRejectionResponse,
        SubmitRotationRequest, SubmitRotationResponse, WatchTokensRequest, WatchTokensResponse,
        list_tokens_response::Entry,
        report_rejection_request as rejected,
        report_rejection_response::Outcome as Ruled,
        submit_rotation_request::PreviousToken,
        submit_rotation_response::Outcome,
        token_service_server::TokenService,
        watch_tokens_response::{Absence, State as Told},
    },
};
use tokio::sync::mpsc;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::{
    Reported, Submitted,
    state::{Held, Issued, State},
};
use crate::{Error, Ruling};

/// A stream's messages wait here to be read.
const BACKLOG: usize = 16;

/// Answers one connection's calls.
#[derive(Clone)]
pub(super) struct Service {
    state: Arc<State>,
}

impl Service {
    pub(super) fn new(state: Arc<State>) -> Self {
        Self { state }
    }

    fn left(&self, token: &Issued) -> Option<Duration> {
        token.remaining(self.state.now())
    }
}

#[tonic::async_trait]
impl TokenService for Service {
    type WatchTokensStream = Updates;

    async fn acquire_token(
        &self,
        request: Request<AcquireTokenRequest>,
    ) -> Result<Response<AcquireTokenResponse>, Status> {
        let request = request.into_inner();
        let mut changed = self.state.subscribe();
        self.state.lock().asked.push(request.name.clone());
        self.state.notify();
        while self.state.lock().is_holding {
            // The sender is part of the state.
            drop(changed.changed().await);
        }
        let token = self.state.look(&request.name).map_err(|error| status(&error))?;
        let (left, needed) = (self.left(&token), request.min_ttl.unwrap_or_default());
        let needed = Duration::try_from(needed).unwrap_or_default();
        if left.is_some_and(|left| left < needed) {
            let message = format!("the token of {} lives for {left:?}", request.name);
            return Err(status(&Error::MinTtlUnsatisfiable { message }));
        }
        let unchanged = request.if_none_match == token.message.token_id;
        Ok(Response::new(AcquireTokenResponse {
            token: (!unchanged).then_some(token.message),
            unchanged,
            remaining: left.and_then(|left| left.try_into().ok()),
        }))
    }

    async fn watch_tokens(
        &self,
        request: Request<WatchTokensRequest>,
    ) -> Result<Response<Self::WatchTokensStream>, Status> {
        let names = request.into_inner().names;
        {
            let mut held = self.state.lock();
            if let Some(error) = &held.no_streams {
                return Err(status(error));
            }
            held.streams.push(names.clone());
            held.open_streams += 1;
        }
        self.state.notify();
        let (sender, updates) = mpsc::channel(BACKLOG);
        let service = self.clone();
        // It ends when the stream is dropped.
        tokio::spawn(async move {
            service.tell(&names, &sender).await;
            service.state.lock().open_streams -= 1;
            service.state.notify();
        });
        Ok(Response::new(Updates(updates)))
    }

    /// Tells all on one page.
    async fn list_tokens(
        &self,
        _: Request<ListTokensRequest>,
    ) -> Result<Response<ListTokensResponse>, Status> {
        let tokens = self.state.names().into_iter().map(|name| self.entry(name)).collect();
        Ok(Response::new(ListTokensResponse { tokens, next_page_token: String::new() }))
    }

    async fn report_rejection(
        &self,
        request: Request<ReportRejectionRequest>,
    ) -> Result<Response<ReportRejectionResponse>, Status> {
        let ReportRejectionRequest { name, token, status: code, code: text } = request.into_inner();
        let token_id = match token {
            Some(rejected::Token::TokenId(id)) => id,
            _ => String::new(),
        };
        let held = self.state.look(&name).map_err(|error| status(&error))?;
        let now = self.state.now();
        let ruling = {
            let mut inner = self.state.lock();
            inner.rejections.push(Reported {
                name: name.clone(),
                token_id: token_id.clone(),
                status: code,
                code: text,
            });
            if !token_id.is_empty() && token_id != held.message.token_id {
                Ruling::Superseded
            } else if let Some(next) = inner.next.remove(&name) {
                inner.set(&name, Ok(next), now);
                Ruling::Refreshed
            } else {
                inner.ruling.clone()
            }
        };
        self.state.notify();
        self.trouble().await?;
        Ok(Response::new(ruled(ruling)))
    }

    async fn submit_rotation(
        &self,
        request: Request<SubmitRotationRequest>,
    ) -> Result<Response<SubmitRotationResponse>, Status> {
        let SubmitRotationRequest { name, previous_token, value, extras } = request.into_inner();
        let previous_token_id = match previous_token {
            Some(PreviousToken::TokenId(id)) => id,
            _ => String::new(),
        };
        self.trouble().await?;
        let held = self.state.look(&name).map_err(|error| status(&error))?;
        let current = held.message.token_id;
        let mut inner = self.state.lock();
        inner.rotations.push(Submitted {
            name: name.clone(),
            previous_token_id: previous_token_id.clone(),
            value: value.clone().into(),
        });
        let outcome = if value == held.message.value && extras.is_empty() {
            Outcome::Unchanged
        } else if !previous_token_id.is_empty() && previous_token_id != current {
            let message = format!("another token of {name} has taken that one's place");
            let reason = Some(reason::TOKEN_SUPERSEDED.to_owned());
            return Err(status(&Error::Refused { code: Code::Aborted, reason, message }));
        } else {
            inner.rotate(&name, &value, extras.into_iter().collect());
            Outcome::Accepted
        };
        drop(inner);
        self.state.notify();
        let token_id = self.state.look(&name).map(|held| held.message.token_id);
        Ok(Response::new(SubmitRotationResponse {
            token_id: token_id.unwrap_or_default(),
            outcome: outcome.into(),
        }))
    }

    async fn refresh_token(
        &self,
        request: Request<RefreshTokenRequest>,
    ) -> Result<Response<RefreshTokenResponse>, Status> {
        let RefreshTokenRequest { name } = request.into_inner();
        self.state.look(&name).map_err(|error| status(&error))?;
        let now = self.state.now();
        let is_replaced = {
            let mut inner = self.state.lock();
            inner.refreshes.push(name.clone());
            let next = inner.next.remove(&name);
            next.map(|next| inner.set(&name, Ok(next), now)).is_some()
        };
        self.state.notify();
        self.trouble().await?;
        if !is_replaced {
            let message = format!("the test gave no other token of {name}");
            return Err(status(&Error::BudgetExhausted { message, retry_after: None }));
        }
        let token = self.state.look(&name).map_err(|error| status(&error))?;
        let remaining = self.left(&token).and_then(|left| left.try_into().ok());
        Ok(Response::new(RefreshTokenResponse { token: Some(token.message), remaining }))
    }
}

impl Service {
    /// Goes through what a test has in store.
    async fn trouble(&self) -> Result<(), Status> {
        let trouble = self.state.lock().troubles.pop();
        match trouble {
            None => Ok(()),
            Some(Some(error)) => Err(status(&error)),
            Some(None) => {
                for connection in std::mem::take(&mut self.state.lock().connections) {
                    connection.abort();
                }
                std::future::pending().await
            }
        }
    }

    /// Tells of these names, first how things are and then what changes.
    async fn tell(
        &self,
        names: &[String],
        updates: &mpsc::Sender<Result<WatchTokensResponse, Status>>,
    ) {
        let mut changed = self.state.subscribe();
        let mut told: BTreeMap<String, String> = BTreeMap::new();
        loop {
            let all = if names.is_empty() { self.state.names() } else { names.to_vec() };
            for name in all {
                let held = self.state.look(&name);
                let mark = match &held {
                    Ok(token) => token.message.token_id.clone(),
                    Err(error) => format!("{error:?}"),
                };
                if told.insert(name.clone(), mark.clone()).as_ref() == Some(&mark) {
                    continue;
                }
                if updates.send(Ok(self.update(name, held))).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                () = updates.closed() => return,
                _ = changed.changed() => {}
            }
        }
    }

    fn update(&self, name: String, held: Held) -> WatchTokensResponse {
        let remaining = held.as_ref().ok().and_then(|token| self.left(token)?.try_into().ok());
        let state = match held {
            Ok(token) => Told::Token(token.message),
            Err(error) => Told::Absence(absence(&error)),
        };
        WatchTokensResponse { name, state: Some(state), remaining }
    }

    fn entry(&self, name: String) -> Entry {
        match self.state.look(&name) {
            Ok(token) => Entry {
                name,
                remaining: self.left(&token).and_then(|left| left.try_into().ok()),
                token_id: token.message.token_id,
                expire_time: token.message.expire_time,
                absence: None,
            },
            Err(error) => Entry { name, absence: Some(absence(&error)), ..Entry::default() },
        }
    }
}

fn absence(error: &Error) -> Absence {
    Absence {
        code: code(error).into(),
        reason: error.reason().unwrap_or_default().to_owned(),
        message: error.to_string(),
    }
}

/// What a stream tells.
pub(super) struct Updates(mpsc::Receiver<Result<WatchTokensResponse, Status>>);

impl Stream for Updates {
    type Item = Result<WatchTokensResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

/// Returns the answer that stands for an error.
fn status(error: &Error) -> Status {
    let reason = error.reason().unwrap_or_default();
    let mut details = ErrorDetails::with_error_info(reason, ERROR_DOMAIN, []);
    if error.retry_after().is_some() {
        details.set_retry_info(error.retry_after());
    }
    Status::with_error_details(code(error), error.to_string(), details)
}

fn code(error: &Error) -> Code {
    match error {
        Error::InvalidRequest { .. } => Code::InvalidArgument,
        Error::NotPermitted { .. } => Code::PermissionDenied,
        Error::NotFound { .. } => Code::NotFound,
        Error::BudgetExhausted { .. } | Error::StoreFull { .. } => Code::ResourceExhausted,
        Error::Unavailable { .. } => Code::Unavailable,
        Error::CredentialRejected { .. }
        | Error::LoginNeeded { .. }
        | Error::StoreLocked { .. } => Code::FailedPrecondition,
        Error::CredentialDamaged { .. } => Code::DataLoss,
        Error::MinTtlUnsatisfiable { .. } => Code::OutOfRange,
        Error::Refused { code, .. } => *code,
        _ => Code::Unknown,
    }
}

fn ruled(ruling: Ruling) -> ReportRejectionResponse {
    let (outcome, message, retry_at) = match ruling {
        Ruling::Superseded => (Ruled::Superseded, String::new(), None),
        Ruling::Refreshed => (Ruled::Refreshed, String::new(), None),
        Ruling::InFlight => (Ruled::InFlight, String::new(), None),
        Ruling::Suppressed { retry_at, message } => (Ruled::Suppressed, message, retry_at),
        Ruling::NotATokenProblem { message } => (Ruled::NotATokenProblem, message, None),
        Ruling::CredentialDead { message } => (Ruled::CredentialDead, message, None),
    };
    ReportRejectionResponse {
        outcome: outcome.into(),
        message,
        retry_time: retry_at.map(Into::into),
        token_id: String::new(),
    }
}
