//! The service that callers read tokens from.
//!
//! It is written by hand, where tonic would generate it, because its answer is
//! prepared once for each generation of a token and not encoded at each call.

use std::{convert::Infallible, future, sync::Arc, task, time::Duration};

use futures_util::future::BoxFuture;
use prost::Message;
use tokend_core::{Moment, Name};
use tokend_proto::{
    reason,
    v1::{
        AcquireTokenRequest, ListTokensRequest, ListTokensResponse, ReportRejectionRequest,
        ReportRejectionResponse, SubmitRotationRequest, SubmitRotationResponse, WatchTokensRequest,
    },
};
use tonic::{
    Code, Request, Response, Status,
    body::Body,
    codec::{Codec, EncodeBuf, Encoder},
    server::{Grpc, NamedService},
};
use tonic_prost::ProstDecoder;
use tower_service::Service;
use tracing::info;

use super::{
    Context, LARGEST_REQUEST, Peer, access,
    codec::{self, Lean},
    listing,
    patience::Asked,
    rejection, rotation, status,
    watch::{self, UpdateCodec, Updates},
};
use crate::{
    credential::Access,
    engine::{Command, LONGEST_REPORT},
    published::Published,
};

/// `tokend.v1.TokenService`.
#[derive(Clone)]
pub(super) struct Tokens(Context);

impl Tokens {
    pub(super) fn new(context: Context) -> Self {
        Self(context)
    }

    async fn acquire(self, request: Request<AcquireTokenRequest>) -> Result<Prepared, Status> {
        let context = &self.0;
        let peer = peer(&request)?;
        let AcquireTokenRequest { name, min_ttl, if_none_match } = request.into_inner();
        let min_ttl = min_ttl.map(min_ttl_of).transpose()?;
        let now = context.clock.now();
        let slot = context.slots.get(&name);
        let permitted =
            |access: &Access| access::decide(&peer, context.about.uid, access).is_some();
        match slot {
            Some(slot) if permitted(&slot.access()) => {
                if let Some(published) = slot.acquire(min_ttl, now) {
                    return Ok(Prepared::new(published, now, &if_none_match));
                }
            }
            // The engine tells operators that there is none, or what became of it.
            _ if access::is_operator(&peer, context.about.uid) => {}
            _ => return Err(denied(&peer, &name)),
        }
        let parsed = parse_name(&name)?;
        let acquire = |reply| Command::Acquire { name: parsed, min_ttl, reply };
        let answer = context.ask(acquire).await;
        // The credential may have gone meanwhile, and another may have its name.
        if self.may_read(&peer, &name) || access::is_operator(&peer, context.about.uid) {
            Ok(Prepared::new(answer?, context.clock.now(), &if_none_match))
        } else {
            Err(denied(&peer, &name))
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
        if !self.may_read(&peer, &name) && !access::is_operator(&peer, context.about.uid) {
            return Err(denied(&peer, &name));
        }
        let parsed = parse_name(&name)?;
        let rejection = rejection::read(report, peer.uid)?;
        let report = context.ask(|reply| Command::Report { name: parsed, rejection, reply });
        let ruling = match tokio::time::timeout(LONGEST_REPORT, report).await {
            Ok(ruling) => Some(ruling?),
            Err(_) => None,
        };
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
        if !self.may_read(&peer, &name) && !access::is_operator(&peer, context.about.uid) {
            return Err(denied(&peer, &name));
        }
        let parsed = parse_name(&name)?;
        if !self.may_submit(&peer, &name) {
            info!(uid = peer.uid, pid = peer.pid, credential = %name, "caller isn't a submitter");
            return Err(status::not_a_submitter(&parsed, peer.uid));
        }
        let rotation = rotation::read(submission, peer.uid)?;
        let rotated = context.ask(|reply| Command::Rotate { name: parsed, rotation, reply });
        Ok(Response::new(rotation::answer(rotated.await?)))
    }

    fn may_submit(&self, peer: &Peer, name: &str) -> bool {
        let own_uid = self.0.about.uid;
        let access = self.0.slots.get(name).map(|slot| slot.access()).unwrap_or_default();
        access::decide_submission(peer, own_uid, &access).is_some()
    }

    fn may_read(&self, peer: &Peer, name: &str) -> bool {
        let own_uid = self.0.about.uid;
        let slot = self.0.slots.get(name);
        slot.is_some_and(|slot| access::decide(peer, own_uid, &slot.access()).is_some())
    }
}

/// What someone is told who may not read a credential, if it is one.
fn denied(peer: &Peer, name: &str) -> Status {
    match parse_name(name) {
        Ok(name) => {
            info!(uid = peer.uid, pid = peer.pid, credential = %name, "caller not permitted");
            status::not_permitted()
        }
        Err(malformed) => malformed,
    }
}

/// Returns who sent a request.
pub(super) fn peer<T>(request: &Request<T>) -> Result<Arc<Peer>, Status> {
    let peer = request.extensions().get::<Arc<Peer>>().cloned();
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
        Box::pin(async move {
            let size = LARGEST_REQUEST;
            Ok(match request.uri().path() {
                "/tokend.v1.TokenService/AcquireToken" => {
                    let grpc = Grpc::new(PreparedCodec);
                    grpc.max_decoding_message_size(size).unary(AcquireToken(service), request).await
                }
                "/tokend.v1.TokenService/ReportRejection" => {
                    let grpc = Grpc::new(Lean::default());
                    grpc.max_decoding_message_size(size)
                        .unary(ReportRejection(service), request)
                        .await
                }
                "/tokend.v1.TokenService/ListTokens" => {
                    let grpc = Grpc::new(Lean::default());
                    grpc.max_decoding_message_size(size).unary(ListTokens(service), request).await
                }
                "/tokend.v1.TokenService/WatchTokens" => {
                    let grpc = Grpc::new(UpdateCodec);
                    grpc.max_decoding_message_size(size)
                        .server_streaming(WatchTokens(service), request)
                        .await
                }
                "/tokend.v1.TokenService/SubmitRotation" => {
                    let grpc = Grpc::new(Lean::default());
                    grpc.max_decoding_message_size(LARGEST_ROTATION)
                        .unary(SubmitRotation(service), request)
                        .await
                }
                _ => status::unknown("TokenService has no such method").into_http(),
            })
        })
    }
}

/// The largest submission, in bytes: a token has 100 KiB at most, and may bring others with it.
const LARGEST_ROTATION: usize = 512 * 1_024;

struct AcquireToken(Tokens);

impl Service<Request<AcquireTokenRequest>> for AcquireToken {
    type Response = Response<Prepared>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Prepared>, Status>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> task::Poll<Result<(), Status>> {
        task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<AcquireTokenRequest>) -> Self::Future {
        let service = self.0.clone();
        Box::pin(async move { service.acquire(request).await.map(Response::new) })
    }
}

struct WatchTokens(Tokens);

impl Service<Request<WatchTokensRequest>> for WatchTokens {
    type Response = Response<Updates>;
    type Error = Status;
    type Future = future::Ready<Result<Response<Updates>, Status>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> task::Poll<Result<(), Status>> {
        task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<WatchTokensRequest>) -> Self::Future {
        future::ready(watch::open(self.0.0.clone(), &request))
    }
}

struct ListTokens(Tokens);

impl Service<Request<ListTokensRequest>> for ListTokens {
    type Response = Response<ListTokensResponse>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<ListTokensResponse>, Status>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> task::Poll<Result<(), Status>> {
        task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ListTokensRequest>) -> Self::Future {
        Box::pin(self.0.clone().list(request))
    }
}

struct ReportRejection(Tokens);

impl Service<Request<ReportRejectionRequest>> for ReportRejection {
    type Response = Response<ReportRejectionResponse>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<ReportRejectionResponse>, Status>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> task::Poll<Result<(), Status>> {
        task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ReportRejectionRequest>) -> Self::Future {
        Box::pin(self.0.clone().report(request))
    }
}

struct SubmitRotation(Tokens);

impl Service<Request<SubmitRotationRequest>> for SubmitRotation {
    type Response = Response<SubmitRotationResponse>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<SubmitRotationResponse>, Status>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> task::Poll<Result<(), Status>> {
        task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<SubmitRotationRequest>) -> Self::Future {
        Box::pin(self.0.clone().submit(request))
    }
}

/// A prepared answer, as of a moment.
struct Prepared {
    published: Arc<Published>,
    now: Moment,
    /// The caller has this token already.
    unchanged: bool,
}

impl Prepared {
    fn new(published: Arc<Published>, now: Moment, if_none_match: &str) -> Self {
        let unchanged =
            !if_none_match.is_empty() && published.token().id.to_string() == if_none_match;
        Self { published, now, unchanged }
    }
}

#[derive(Debug, Clone, Copy)]
struct PreparedCodec;

impl Codec for PreparedCodec {
    type Encode = Prepared;
    type Decode = AcquireTokenRequest;
    type Encoder = Self;
    type Decoder = ProstDecoder<AcquireTokenRequest>;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self::Decoder {
        codec::decoder()
    }
}

impl Encoder for PreparedCodec {
    type Item = Prepared;
    type Error = Status;

    fn encode(&mut self, item: Prepared, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        if item.unchanged {
            let answer = item.published.unchanged(item.now);
            return answer.encode(buffer).map_err(|error| status::internal(&error.to_string()));
        }
        buffer.reserve(item.published.encoded_len(item.now));
        item.published.encode(item.now, buffer);
        Ok(())
    }
}
