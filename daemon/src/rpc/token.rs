//! The service that callers read tokens from.
//!
//! It is written by hand, where tonic would generate it, because its answer is
//! prepared once for each generation of a token and not encoded at each call.

use std::{convert::Infallible, sync::Arc, task, time::Duration};

use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use tokend_core::{Moment, Name};
use tokend_proto::{
    reason,
    v1::{AcquireTokenRequest, AcquireTokenResponse},
};
use tonic::{
    Code, Request, Response, Status,
    body::Body,
    codec::{BufferSettings, Codec, EncodeBuf, Encoder},
    server::{Grpc, NamedService},
};
use tonic_prost::{ProstCodec, ProstDecoder};
use tower_service::Service;
use tracing::info;

use super::{Context, Peer, access, status};
use crate::{engine::Command, published::Published};

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
        let AcquireTokenRequest { name, min_ttl } = request.into_inner();
        let min_ttl = min_ttl.map(min_ttl_of).transpose()?;
        let now = context.clock.now();
        let slot = context.slots.get(&name);
        let permitted = |readers: &[_]| access::decide(&peer, context.about.uid, readers).is_some();
        match slot {
            Some(slot) if permitted(&slot.readers()) => {
                if let Some(published) = slot.acquire(min_ttl, now) {
                    return Ok(Prepared { published, now });
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
        let slot = context.slots.get(&name);
        let still = slot.is_some_and(|slot| permitted(&slot.readers()));
        if still || access::is_operator(&peer, context.about.uid) {
            Ok(Prepared { published: answer?, now: context.clock.now() })
        } else {
            Err(denied(&peer, &name))
        }
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

impl Service<http::Request<Incoming>> for Tokens {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = super::Answer;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> task::Poll<Result<(), Infallible>> {
        task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Incoming>) -> super::Answer {
        let service = self.clone();
        Box::pin(async move {
            if request.uri().path() == "/tokend.v1.TokenService/AcquireToken" {
                Ok(Grpc::new(PreparedCodec).unary(AcquireToken(service), request).await)
            } else {
                Ok(status::unknown("TokenService has no such method").into_http())
            }
        })
    }
}

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

/// A prepared answer, as of a moment.
struct Prepared {
    published: Arc<Published>,
    now: Moment,
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
        ProstCodec::<AcquireTokenResponse, AcquireTokenRequest>::raw_decoder(
            BufferSettings::default(),
        )
    }
}

impl Encoder for PreparedCodec {
    type Item = Prepared;
    type Error = Status;

    fn encode(&mut self, item: Prepared, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.reserve(item.published.encoded_len(item.now));
        item.published.encode(item.now, buffer);
        Ok(())
    }
}
