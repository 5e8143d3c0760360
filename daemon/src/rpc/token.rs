//! The service that callers read tokens from.
//!
//! It is written by hand, where tonic would generate it, because its answer is
//! prepared (`prepared.rs`).

use std::{convert::Infallible, future, sync::Arc, task, time::Duration};

use futures_util::TryFutureExt as _;
use tokend_core::{Caller, Moment, Name};
use tokend_proto::{
    reason,
    v1::{
        AcquireTokenRequest, ListTokensRequest, ListTokensResponse, RefreshTokenRequest,
        ReportRejectionRequest, ReportRejectionResponse, SubmitRotationRequest,
        SubmitRotationResponse,
    },
};
use tonic::{
    Code, Request, Response, Status,
    body::Body,
    server::{Grpc, NamedService},
};
use tower::{Service, service_fn};

use super::{
    Connection, Context, Door, LARGEST_REQUEST, Peer, access,
    codec::Lean,
    listing,
    patience::Asked,
    prepared::{Prepared, PreparedCodec, message},
    rejection, rotation, status,
    watch::{self, UpdateCodec},
};
use crate::{
    audit::{self, Action},
    credential::{Access, Role},
    engine::{Command, LONGEST_REPORT, Rotated},
};

/// `tokend.v1.TokenService`.
#[derive(Clone)]
pub(super) struct Tokens(Arc<Context>);

impl Tokens {
    pub(super) fn new(context: Context) -> Self {
        Self(Arc::new(context))
    }

    /// Answers a call in as few steps as it takes if all of it is there, as it is nearly always;
    /// else as tonic does.
    async fn acquire_at_once(
        self,
        mut request: http::Request<Asked>,
    ) -> Result<http::Response<Body>, Infallible> {
        let question = request.body_mut().at_once(message::<AcquireTokenRequest>).await;
        let Some(question) = question else {
            let mut grpc =
                Grpc::new(PreparedCodec::default()).max_decoding_message_size(LARGEST_REQUEST);
            let acquire = service_fn(|request| self.clone().acquire(request).map_ok(Response::new));
            return Ok(grpc.unary(acquire, request).await);
        };
        let mut question = Request::new(question);
        *question.extensions_mut() = std::mem::take(request.extensions_mut());
        let answer = self.acquire(question).await;
        Ok(answer.map_or_else(Status::into_http, Prepared::into_http))
    }

    /// Answers a call, and counts it.
    pub(super) async fn acquire(
        self,
        request: Request<AcquireTokenRequest>,
    ) -> Result<Prepared, Status> {
        let Context { clock, calls, .. } = &*self.0;
        let begun_at = clock.now();
        let answer = self.find(request, begun_at).await;
        match &answer {
            Ok(_) => calls.served(begun_at.boot.until(clock.now().boot)),
            Err(status) if status.code() == Code::PermissionDenied => calls.denied(),
            Err(_) => calls.failed(),
        }
        answer
    }

    async fn find(
        &self,
        request: Request<AcquireTokenRequest>,
        now: Moment,
    ) -> Result<Prepared, Status> {
        let context = &self.0;
        let peer = peer(&request)?;
        let AcquireTokenRequest { name, min_ttl, if_none_match } = request.into_inner();
        let min_ttl = min_ttl.map(min_ttl_of).transpose()?;
        let slot = context.slots.get(&name);
        let permitted =
            |access: &Access| access::decide(&peer, context.about.uid, access).is_some();
        match slot {
            Some(slot) if permitted(&slot.access()) => {
                if let Some(published) = slot.acquire(min_ttl, now) {
                    context.grant(&peer, slot.name(), &published);
                    return Ok(Prepared::new(published, now, &if_none_match));
                }
                // Who may read it hasn't changed meanwhile.
                if let Some(published) = context.slots.early(slot.name()).await
                    && let now = context.clock.now()
                    && published.satisfies(min_ttl, now)
                {
                    context.grant(&peer, slot.name(), &published);
                    return Ok(Prepared::new(published, now, &if_none_match));
                }
            }
            // The engine tells operators that there is none, or what became of it.
            _ if access::is_operator(&peer, context.about.uid) => {}
            _ => return Err(self.denied("read", &peer, &name)),
        }
        let parsed = parse_name(&name)?;
        let acquire = |reply| Command::Acquire { name: parsed.clone(), min_ttl, reply };
        let answer = context.ask(acquire).await;
        // The credential may have gone meanwhile, and another may have its name.
        if self.may_read(&peer, &name) || access::is_operator(&peer, context.about.uid) {
            let published = answer?;
            context.grant(&peer, &parsed, &published);
            Ok(Prepared::new(published, context.clock.now(), &if_none_match))
        } else {
            Err(self.denied("read", &peer, &name))
        }
    }

    async fn list(
        self,
        request: Request<ListTokensRequest>,
    ) -> Result<Response<ListTokensResponse>, Status> {
        let peer = peer(&request)?;
        listing::page(&self.0, &peer, request.into_inner()).await.map(Response::new)
    }

    async fn report(
        self,
        request: Request<ReportRejectionRequest>,
    ) -> Result<Response<ReportRejectionResponse>, Status> {
        let context = &self.0;
        let peer = peer(&request)?;
        let report = request.into_inner();
        let name = report.name.clone();
        let parsed = self.admit(Role::Reader, &peer, &name)?;
        let rejection = rejection::read(report, peer.account())?;
        let report = context.ask(|reply| Command::Report { name: parsed, rejection, reply });
        let ruling = tokio::time::timeout(LONGEST_REPORT, report).await.ok();
        // Access may have been taken away meanwhile.
        self.admit(Role::Reader, &peer, &name)?;
        let ruling = ruling.transpose()?;
        let held = context.slots.get(&name).and_then(|slot| slot.token_id());
        Ok(Response::new(rejection::answer(ruling, held, &name, context.clock.now().wall)))
    }

    async fn submit(
        self,
        request: Request<SubmitRotationRequest>,
    ) -> Result<Response<SubmitRotationResponse>, Status> {
        let context = &self.0;
        let peer = peer(&request)?;
        let submission = request.into_inner();
        let name = submission.name.clone();
        let parsed = self.admit(Role::Submitter, &peer, &name)?;
        let rotation = rotation::read(submission, peer.account())?;
        let rotated = context.ask(|reply| Command::Rotate { name: parsed, rotation, reply });
        let rotated = rotated.await;
        // What is held now is told to no one whose access was taken away meanwhile.
        let parsed = self.admit(Role::Submitter, &peer, &name)?;
        let rotated = rotated?;
        // Else nothing has changed, however often it is said.
        if matches!(rotated, Rotated::Accepted(_)) {
            audit::done("submit", peer.who(), &parsed);
        }
        Ok(Response::new(rotation::answer(rotated)))
    }

    async fn refresh(self, request: Request<RefreshTokenRequest>) -> Result<Prepared, Status> {
        let context = &self.0;
        let peer = peer(&request)?;
        let name = request.into_inner().name;
        let parsed = self.admit(Role::Refresher, &peer, &name)?;
        let caller = Caller(peer.account());
        let renewed = context.ask(|reply| Command::Renew { name: parsed, caller, reply }).await;
        // Access may have been taken away meanwhile.
        let parsed = self.admit(Role::Refresher, &peer, &name)?;
        let published = renewed?;
        audit::done("refresh", peer.who(), &parsed);
        context.grant(&peer, &parsed, &published);
        Ok(Prepared::new(published, context.clock.now(), ""))
    }

    /// Returns the name that was parsed of a credential if the caller may act as a `role`. The
    /// engine tells operators that there is none.
    fn admit(&self, role: Role, peer: &Connection, name: &str) -> Result<Name, Status> {
        let action = match role {
            Role::Reader => "report",
            Role::Submitter => "submit",
            Role::Refresher => "refresh",
        };
        if !self.may_read(peer, name) && !access::is_operator(peer, self.0.about.uid) {
            return Err(self.denied(action, peer, name));
        }
        let parsed = parse_name(name)?;
        let own_uid = self.0.about.uid;
        let access = self.0.slots.get(name).map(|slot| slot.access()).unwrap_or_default();
        if access::decide_as(role, peer, own_uid, &access).is_some() {
            return Ok(parsed);
        }
        self.0.deny(action, peer, &parsed);
        Err(match role {
            Role::Reader => status::not_permitted(),
            Role::Submitter => match &peer.door {
                Door::Listener(grant) => status::not_a_submitter_at(&grant.name, &parsed),
                Door::Callers | Door::Operators => status::not_a_submitter(&parsed, peer.uid),
            },
            Role::Refresher => match &peer.door {
                Door::Listener(_) => status::not_a_refresher_at(&parsed),
                Door::Callers | Door::Operators => status::not_a_refresher(&parsed, peer.uid),
            },
        })
    }

    /// Returns what someone is told who may not read a credential, if it is one, and writes it
    /// down.
    fn denied(&self, action: Action, peer: &Connection, name: &str) -> Status {
        match parse_name(name) {
            Ok(name) => {
                self.0.deny(action, peer, &name);
                status::not_permitted()
            }
            Err(malformed) => malformed,
        }
    }

    fn may_read(&self, peer: &Peer, name: &str) -> bool {
        let own_uid = self.0.about.uid;
        let slot = self.0.slots.get(name);
        slot.is_some_and(|slot| access::decide(peer, own_uid, &slot.access()).is_some())
    }
}

/// Returns who sent a request.
pub(super) fn peer<T>(request: &Request<T>) -> Result<Arc<Connection>, Status> {
    let peer = request.extensions().get::<Arc<Connection>>().cloned();
    peer.ok_or_else(|| status::internal("the connection has no peer"))
}

/// Parses the name of a credential.
pub(super) fn parse_name(name: &str) -> Result<Name, Status> {
    let invalid = |error: tokend_core::InvalidName| {
        status::new(Code::InvalidArgument, reason::INVALID_NAME, error.to_string())
    };
    name.parse().map_err(invalid)
}

fn min_ttl_of(min_ttl: prost_types::Duration) -> Result<Duration, Status> {
    Duration::try_from(min_ttl).map_err(|_| {
        let message = "min_ttl is negative or out of range; give a duration of zero or more";
        status::new(Code::InvalidArgument, reason::INVALID_MIN_TTL, message)
    })
}

impl NamedService for Tokens {
    const NAME: &'static str = "tokend.v1.TokenService";
}

impl Service<http::Request<Asked>> for Tokens {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = super::Answer;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> task::Poll<Result<(), Infallible>> {
        task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Asked>) -> super::Answer {
        let service = self.clone();
        if request.uri().path() == ACQUIRE {
            return Box::pin(service.acquire_at_once(request));
        }
        Box::pin(async move {
            let tokens = || service.clone();
            let size = LARGEST_REQUEST;
            Ok(match request.uri().path() {
                "/tokend.v1.TokenService/RefreshToken" => {
                    let mut grpc =
                        Grpc::new(PreparedCodec::default()).max_decoding_message_size(size);
                    let refresh =
                        service_fn(|request| tokens().refresh(request).map_ok(Response::new));
                    grpc.unary(refresh, request).await
                }
                "/tokend.v1.TokenService/ReportRejection" => {
                    let mut grpc = Grpc::new(Lean::default()).max_decoding_message_size(size);
                    grpc.unary(service_fn(|request| tokens().report(request)), request).await
                }
                "/tokend.v1.TokenService/ListTokens" => {
                    let mut grpc = Grpc::new(Lean::default()).max_decoding_message_size(size);
                    grpc.unary(service_fn(|request| tokens().list(request)), request).await
                }
                "/tokend.v1.TokenService/WatchTokens" => {
                    let mut grpc = Grpc::new(UpdateCodec).max_decoding_message_size(size);
                    let watch = service_fn(|request| {
                        future::ready(watch::open(Context::clone(&service.0), &request))
                    });
                    grpc.server_streaming(watch, request).await
                }
                "/tokend.v1.TokenService/SubmitRotation" => {
                    let grpc = Grpc::new(Lean::default());
                    let mut grpc = grpc.max_decoding_message_size(LARGEST_ROTATION);
                    grpc.unary(service_fn(|request| tokens().submit(request)), request).await
                }
                _ => status::unknown("TokenService has no such method").into_http(),
            })
        })
    }
}

/// The method that most calls are of.
pub(super) const ACQUIRE: &str = "/tokend.v1.TokenService/AcquireToken";

/// The largest submission, in bytes: a token has 100 KiB at most, and may bring others with it.
const LARGEST_ROTATION: usize = 512 * 1_024;

#[cfg(test)]
mod doors;
#[cfg(test)]
mod tests;
