//! The body of an answer: messages, and at its end how the call went.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::RecvStream;
use http::{HeaderMap, Response};
use http_body::{Body, Frame};
use tonic::metadata::MetadataMap;

/// What says more of how a call went.
const DETAILS: &str = "grpc-status-details-bin";

/// The body of an answer as it comes.
#[derive(Debug)]
pub(crate) struct Answer {
    stream: RecvStream,
    is_at_trailers: bool,
}

impl Answer {
    /// Returns an answer that has begun.
    pub(super) fn of(response: Response<RecvStream>) -> Response<Self> {
        let (mut head, stream) = response.into_parts();
        head.headers = readable(head.headers);
        Response::from_parts(head, Self { stream, is_at_trailers: false })
    }
}

/// Leaves out details that can't be read: tonic would panic.
pub(super) fn readable(fields: HeaderMap) -> HeaderMap {
    let mut fields = MetadataMap::from_headers(fields);
    if fields.get_bin(DETAILS).is_some_and(|details| details.to_bytes().is_err()) {
        fields.remove_bin(DETAILS);
    }
    fields.into_headers()
}

impl Body for Answer {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if !self.is_at_trailers {
            match ready!(self.stream.poll_data(context)) {
                Some(data) => {
                    let data = data?;
                    // The daemon is told only once half of the window is used up.
                    self.stream.flow_control().release_capacity(data.len())?;
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                None => self.is_at_trailers = true,
            }
        }
        let trailers = ready!(self.stream.poll_trailers(context));
        let trailers = trailers.map(|trailers| trailers.map(readable).map(Frame::trailers));
        Poll::Ready(trailers.transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }
}
