//! Encodes messages as prost does, with little room for what is yet to come of a request.

use std::marker::PhantomData;

use prost::Message;
use tonic::codec::{BufferSettings, Codec};
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};

/// Room for a request, in bytes: most have less. tonic's own 8 KiB for each that is waited for
/// would let a user who has as many open as may be have 16 MiB.
const ROOM: usize = 512;

/// How much of an answer is written at once, in bytes, if it has several messages: tonic's own.
const AT_ONCE: usize = 32 * 1_024;

/// Reads requests `U` and writes answers `T`.
#[derive(Debug)]
pub(super) struct Lean<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Lean<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

/// Returns what reads a request.
pub(super) fn decoder<U: Message + Default + Send + 'static>() -> ProstDecoder<U> {
    ProstCodec::<(), U>::raw_decoder(BufferSettings::new(ROOM, AT_ONCE))
}

impl<T, U> Codec for Lean<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(BufferSettings::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        decoder()
    }
}
