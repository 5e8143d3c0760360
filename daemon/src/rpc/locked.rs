//! What is answered while the store is locked: to everyone and of everything that it is.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap, convert::Infallible, future, process, sync::Arc, task, time::Duration,
};

use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokend_proto::{
    reason,
    v1::{
        GetStatusRequest, GetStatusResponse, UnlockRequest,
        admin_service_server::AdminServiceServer,
        credential_service_server::CredentialServiceServer,
        provider_service_server::ProviderServiceServer,
    },
};
use tokio::sync::{mpsc, oneshot, watch};
use tonic::{
    Code, Request, Response, Status,
    body::Body,
    server::{Grpc, NamedService},
};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_server::Health,
};
use tower::{Service, service_fn};
use zeroize::Zeroizing;

use super::{
    About, Door, LARGEST_REQUEST, Services, admin::Admin, codec::Lean, credential::Credentials,
    patience::Asked, provider::Providers, route, status, token::Tokens, token::peer,
};
use crate::{
    audit::Change,
    engine::{Author, Error},
    ports::RekeyFailure,
    published::timestamp,
};

/// An operator gives a passphrase.
pub struct Attempt {
    /// What may be the passphrase.
    pub passphrase: Zeroizing<String>,
    /// Who gives it.
    pub author: Author,
    /// Where it is said what came of it.
    pub reply: oneshot::Sender<Result<(), Unopened>>,
}

/// Why a passphrase didn't open the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unopened {
    /// It isn't the one.
    Wrong(String),
    /// None is tried for so long.
    TooSoon(Duration),
    /// It fits, or may fit, and something else is wrong.
    Failed(String),
}

/// What it takes to answer while the store is locked.
#[derive(Clone)]
pub struct Locked {
    /// What the daemon tells of itself.
    pub about: Arc<About>,
    /// Where passphrases go.
    pub attempts: mpsc::Sender<Attempt>,
    /// Changes once.
    pub over: watch::Receiver<Phase>,
}

/// How it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The store is locked.
    Locked,
    /// It is open, and other services answer.
    Opened,
    /// The daemon ends.
    Ending,
}

impl Services {
    /// Makes what is offered at `door` as long as the store is locked. Which services there are
    /// is no secret, and the same as ever.
    pub fn locked(locked: &Locked, door: &Door) -> Self {
        let closed = |name| -> (&'static str, super::Route) {
            let answer =
                |_| -> super::Answer { Box::pin(future::ready(Ok(status::locked().into_http()))) };
            (name, Box::new(answer))
        };
        let mut routes = BTreeMap::from([closed(Tokens::NAME)]);
        if *door == Door::Operators {
            routes.extend([
                closed(CredentialServiceServer::<Credentials>::NAME),
                closed(ProviderServiceServer::<Providers>::NAME),
                route(Gatekeeper(locked.clone())),
            ]);
        }
        Self::with(routes, locked.clone())
    }
}

/// Nothing is healthy, whatever it is called.
#[tonic::async_trait]
impl Health for Locked {
    async fn check(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(not_serving()))
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    /// Ends with the locked time: what comes then is told to whoever asks again, as watchers do.
    async fn watch(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let mut over = self.over.clone();
        let end = async move {
            // An error means that the daemon is gone.
            let _ = over.wait_for(|phase| *phase != Phase::Locked).await;
            let message = "the store isn't locked any more; watch again";
            Err(status::new(Code::Unavailable, reason::SHUTTING_DOWN, message))
        };
        let first = stream::once(future::ready(Ok(not_serving())));
        Ok(Response::new(first.chain(stream::once(end)).boxed()))
    }
}

fn not_serving() -> HealthCheckResponse {
    HealthCheckResponse { status: ServingStatus::NotServing.into() }
}

/// The part of `tokend.v1.AdminService` that there is then.
#[derive(Clone)]
struct Gatekeeper(Locked);

impl NamedService for Gatekeeper {
    const NAME: &'static str = AdminServiceServer::<Admin>::NAME;
}

impl Service<http::Request<Asked>> for Gatekeeper {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = super::Answer;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> task::Poll<Result<(), Infallible>> {
        task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Asked>) -> super::Answer {
        let locked = self.0.clone();
        Box::pin(async move {
            Ok(match request.uri().path() {
                "/tokend.v1.AdminService/Unlock" => {
                    let grpc = Grpc::new(Lean::default());
                    let mut grpc = grpc.max_decoding_message_size(LARGEST_REQUEST);
                    let unlock = service_fn(|request| {
                        let locked = locked.clone();
                        async move { locked.unlock(request).await.map(Response::new) }
                    });
                    grpc.unary(unlock, request).await
                }
                "/tokend.v1.AdminService/GetStatus" => {
                    let grpc = Grpc::new(Lean::default());
                    let mut grpc = grpc.max_decoding_message_size(LARGEST_REQUEST);
                    let tell = service_fn(|_: Request<GetStatusRequest>| {
                        future::ready(Ok(Response::new(locked.status())))
                    });
                    grpc.unary(tell, request).await
                }
                _ => status::locked().into_http(),
            })
        })
    }
}

impl Locked {
    /// Returns what there is to tell of a daemon without a store.
    fn status(&self) -> GetStatusResponse {
        let about = &self.about;
        GetStatusResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: process::id(),
            start_time: Some(timestamp(about.started_at)),
            state_directory: about.state_dir.display().to_string(),
            problems: about.standing.load().problems.clone(),
            locked: true,
            key_source: about.key_source.clone(),
            ..GetStatusResponse::default()
        }
    }

    /// Has a passphrase tried, and waits for what comes of it.
    async fn unlock(&self, request: Request<UnlockRequest>) -> Result<(), Status> {
        let caller = peer(&request)?;
        let change = Change::begin("unlock", caller.who(), None);
        let passphrase = Zeroizing::new(request.into_inner().passphrase);
        let unlocked = self.attempt(passphrase, caller.author()).await;
        change.end(unlocked.is_ok());
        unlocked
    }

    async fn attempt(&self, passphrase: Zeroizing<String>, author: Author) -> Result<(), Status> {
        let rekey = |failure| status::of(&Error::Rekey(failure));
        let (reply, answer) = oneshot::channel();
        let attempt = Attempt { passphrase, author, reply };
        self.attempts.send(attempt).await.map_err(|_| self.unheard())?;
        answer.await.map_err(|_| self.unheard())?.map_err(|unopened| match unopened {
            Unopened::Wrong(message) => rekey(RekeyFailure::WrongPassphrase(message)),
            Unopened::TooSoon(wait) => rekey(RekeyFailure::TooSoon(wait)),
            Unopened::Failed(message) => {
                status::new(Code::Unavailable, reason::STORE_UNAVAILABLE, message)
            }
        })
    }

    /// Says why a passphrase isn't looked at: it comes after the one that was right, or too late.
    fn unheard(&self) -> Status {
        match *self.over.borrow() {
            Phase::Ending => status::of(&Error::Stopping),
            Phase::Locked | Phase::Opened => status::not_locked(),
        }
    }
}
