//! Answers with a token, prepared once for each generation of it and not encoded at each call.

use std::{
    convert::Infallible,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, header::CONTENT_TYPE};
use http_body::Frame;
use prost::Message;
use tokend_core::Moment;
use tonic::{
    Status,
    body::Body,
    codec::{Codec, EncodeBuf, Encoder},
};
use tonic_prost::ProstDecoder;

use super::{LARGEST_REQUEST, codec, status};
use crate::published::Published;

/// A prepared answer, as of a moment: an `AcquireTokenResponse`, of which a
/// `RefreshTokenResponse` is a part.
pub(super) struct Prepared {
    published: Arc<Published>,
    now: Moment,
    /// The caller has this token already.
    unchanged: bool,
}

impl Prepared {
    pub(super) fn new(published: Arc<Published>, now: Moment, if_none_match: &str) -> Self {
        let unchanged =
            !if_none_match.is_empty() && published.token().id.to_string() == if_none_match;
        Self { published, now, unchanged }
    }

    /// Returns the answer as it goes over the wire, if the call has gone well.
    pub(super) fn into_http(self) -> Response<Body> {
        let unchanged = self.unchanged.then(|| self.published.unchanged(self.now));
        let length = match &unchanged {
            Some(answer) => answer.encoded_len(),
            None => self.published.encoded_len(self.now),
        };
        let mut framed = BytesMut::with_capacity(PREFIX + length);
        framed.put_u8(0);
        framed.put_u32(u32::try_from(length).expect("a token has a bound"));
        match &unchanged {
            Some(answer) => answer.encode_raw(&mut framed),
            None => self.published.encode(self.now, &mut framed),
        }
        let mut answer = Response::new(Body::new(Said { message: Some(framed.freeze()) }));
        answer.headers_mut().insert(CONTENT_TYPE, GRPC);
        answer
    }

    /// Returns the token.
    pub(super) fn into_published(self) -> Arc<Published> {
        self.published
    }
}

/// What stands before a message: whether it is compressed, and its length
/// (gRPC over HTTP/2, "Length-Prefixed-Message").
const PREFIX: usize = 5;

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const FINE: HeaderValue = HeaderValue::from_static("0");

/// Reads what is one message, and nothing else.
pub(super) fn message<D: Message + Default>(framed: &[u8]) -> Option<D> {
    let (prefix, message) = framed.split_first_chunk::<PREFIX>()?;
    let [0, length @ ..] = *prefix else { return None };
    let is_all = usize::try_from(u32::from_be_bytes(length)) == Ok(message.len());
    if is_all && message.len() <= LARGEST_REQUEST { D::decode(message).ok() } else { None }
}

/// An answer of one message, and that all has gone well.
struct Said {
    message: Option<Bytes>,
}

impl http_body::Body for Said {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = match self.message.take() {
            Some(message) => Frame::data(message),
            None => Frame::trailers(HeaderMap::from_iter([(STATUS, FINE)])),
        };
        Poll::Ready(Some(Ok(frame)))
    }
}

/// Reads requests of one kind and writes prepared answers.
#[derive(Debug)]
pub(super) struct PreparedCodec<D>(PhantomData<fn() -> D>);

/// Writes prepared answers.
#[derive(Debug)]
pub(super) struct PreparedEncoder;

impl<D> Default for PreparedCodec<D> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<D: Message + Default + Send + 'static> Codec for PreparedCodec<D> {
    type Encode = Prepared;
    type Decode = D;
    type Encoder = PreparedEncoder;
    type Decoder = ProstDecoder<D>;

    fn encoder(&mut self) -> Self::Encoder {
        PreparedEncoder
    }

    fn decoder(&mut self) -> Self::Decoder {
        codec::decoder()
    }
}

impl Encoder for PreparedEncoder {
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
