//! The body of an answer: messages, and at its end how the call went.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::RecvStream;
use http_body::{Body, Frame};

/// The body of an answer as it comes.
#[derive(Debug)]
pub(crate) struct Answer {
    stream: RecvStream,
    is_at_trailers: bool,
}

impl Answer {
    pub(super) fn new(stream: RecvStream) -> Self {
        Self { stream, is_at_trailers: false }
    }
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
        Poll::Ready(trailers.map(|trailers| trailers.map(Frame::trailers)).transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }
}
