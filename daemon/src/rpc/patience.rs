//! Waits for requests to end, for a while.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use h2::{Reason, RecvStream};
use http_body::{Body, Frame};
use tokio::time::{Sleep, sleep};
use tonic::Status;

use super::status;

/// How long a request may take to come, once some of it has: it comes from this machine, and
/// the whole of it is there in general before anyone looks.
pub(super) const LONGEST_REQUEST: Duration = Duration::from_secs(10);

/// Methods whose requests are one half of a dialogue, which has its own end.
const DIALOGUES: [&str; 3] = ["/LoginCredential", "/RestoreStore", "/ServerReflectionInfo"];

/// A request that is waited for, for a while.
#[derive(Debug)]
pub(super) struct Asked {
    stream: RecvStream,
    /// What has been looked at, and is still to be read.
    seen: Option<Bytes>,
    is_at_trailers: bool,
    is_dialogue: bool,
    late: Option<Pin<Box<Sleep>>>,
}

impl Asked {
    /// Takes a request to this path.
    pub(super) fn new(stream: RecvStream, path: &str) -> Self {
        let is_dialogue = DIALOGUES.iter().any(|method| path.ends_with(method));
        Self { stream, seen: None, is_at_trailers: false, is_dialogue, late: None }
    }

    /// Returns the request if all of it has come, in one piece, and `reads` makes something of
    /// it. Else it is still to be read.
    pub(super) async fn at_once<T>(&mut self, reads: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
        let data = poll_fn(|context| Poll::Ready(self.stream.poll_data(context))).await;
        if let Poll::Ready(Some(Ok(data))) = data {
            self.stream.flow_control().release_capacity(data.len()).ok()?;
            self.seen = Some(data);
        }
        let all = self.seen.as_ref().filter(|_| self.stream.is_end_stream())?;
        let read = reads(all)?;
        self.seen = None;
        Some(read)
    }

    fn poll_part(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if let Some(data) = self.seen.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if !self.is_at_trailers {
            match ready!(self.stream.poll_data(context)) {
                Some(Ok(data)) => {
                    // The client may send as much again.
                    self.stream.flow_control().release_capacity(data.len())?;
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                // Whoever wants no answer any more isn't heard to the end.
                Some(Err(error))
                    if matches!(error.reason(), Some(Reason::NO_ERROR | Reason::CANCEL)) =>
                {
                    return Poll::Ready(None);
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => self.is_at_trailers = true,
            }
        }
        let trailers = ready!(self.stream.poll_trailers(context));
        Poll::Ready(trailers.map(|trailers| trailers.map(Frame::trailers)).transpose())
    }
}

impl Body for Asked {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(frame) = self.poll_part(context) {
            let failed = |error: h2::Error| Status::from_error(error.into());
            return Poll::Ready(frame.map(|frame| frame.map_err(failed)));
        }
        if self.is_dialogue {
            return Poll::Pending;
        }
        let late = self.late.get_or_insert_with(|| Box::pin(sleep(LONGEST_REQUEST)));
        ready!(late.as_mut().poll(context));
        Poll::Ready(Some(Err(status::unfinished())))
    }

    fn is_end_stream(&self) -> bool {
        self.seen.is_none() && self.stream.is_end_stream()
    }
}
