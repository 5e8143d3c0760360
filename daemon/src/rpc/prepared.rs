//! Answers with a token, prepared once for each generation of it and not encoded at each call.

use std::{marker::PhantomData, sync::Arc};

use prost::Message;
use tokend_core::Moment;
use tonic::{
    Status,
    codec::{Codec, EncodeBuf, Encoder},
};
use tonic_prost::ProstDecoder;

use super::{codec, status};
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

    /// Returns the token.
    pub(super) fn into_published(self) -> Arc<Published> {
        self.published
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
