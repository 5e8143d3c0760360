//! A call on its way: a service answers it, and its client takes the answer.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use h2::{Reason, SendStream, server::SendResponse};
use http::Response;
use http_body::Body as _;
use tokio::time::{Sleep, sleep};
use tonic::body::Body;
use tracing::debug;

use super::{Answer, quiet::Call, tally::Counted};

/// How long a part of an answer may wait for its client to make room for it: clients do as
/// they read. Whoever wants to hear more later, and has taken what there is, isn't meant.
pub(super) const LONGEST_UNTAKEN: Duration = Duration::from_secs(60);

/// A call, which is open until this has come to an end or is dropped. What its client hasn't
/// been told by then it isn't told any more: its stream is reset.
pub(super) struct Exchange {
    stage: Stage,
    _open: (Call, Option<Counted>),
}

enum Stage {
    Answered(Answer, SendResponse<Bytes>),
    Taken(Parts),
}

/// What there is of an answer.
struct Parts {
    body: Body,
    stream: SendStream<Bytes>,
    /// The next one, which the client has to make room for, and whether it is the last.
    next: Option<(Bytes, bool)>,
    /// When that has taken too long.
    late: Option<Pin<Box<Sleep>>>,
}

/// The client has gone, or has given the call up.
struct Gone;

impl Exchange {
    pub(super) fn new(
        answer: Answer,
        respond: SendResponse<Bytes>,
        call: Call,
        counted: Option<Counted>,
    ) -> Self {
        Self { stage: Stage::Answered(answer, respond), _open: (call, counted) }
    }

    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        loop {
            match &mut self.stage {
                Stage::Answered(answer, respond) => {
                    let Poll::Ready(answer) = answer.as_mut().poll(context) else {
                        // It isn't answered for nobody.
                        ready!(respond.poll_reset(context)).map_err(|_| Gone)?;
                        return Poll::Ready(Err(Gone));
                    };
                    let Ok(answer) = answer;
                    let (head, body) = answer.into_parts();
                    let is_all = body.is_end_stream();
                    let stream = respond
                        .send_response(Response::from_parts(head, ()), is_all)
                        .map_err(|_| Gone)?;
                    if is_all {
                        return Poll::Ready(Ok(()));
                    }
                    self.stage = Stage::Taken(Parts { body, stream, next: None, late: None });
                }
                Stage::Taken(parts) => return parts.poll_taken(context),
            }
        }
    }
}

impl Parts {
    /// Passes on all parts of an answer, each once there is room for it.
    fn poll_taken(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        loop {
            if self.next.is_some() {
                ready!(self.poll_room(context))?;
            }
            if let Some((data, is_last)) = self.next.take() {
                self.stream.send_data(data, is_last).map_err(|_| Gone)?;
                if is_last {
                    return Poll::Ready(Ok(()));
                }
            }
            let Poll::Ready(part) = Pin::new(&mut self.body).poll_frame(context) else {
                ready!(self.stream.poll_reset(context)).map_err(|_| Gone)?;
                return Poll::Ready(Err(Gone));
            };
            let frame = match part {
                Some(Ok(frame)) => frame,
                Some(Err(status)) => {
                    debug!("an answer ends before it is whole: {status}");
                    self.stream.send_reset(Reason::INTERNAL_ERROR);
                    return Poll::Ready(Err(Gone));
                }
                None => {
                    self.stream.send_data(Bytes::new(), true).map_err(|_| Gone)?;
                    return Poll::Ready(Ok(()));
                }
            };
            match frame.into_data().map_err(http_body::Frame::into_trailers) {
                Ok(data) => self.next = Some((data, self.body.is_end_stream())),
                Err(Ok(trailers)) => {
                    self.stream.send_trailers(trailers).map_err(|_| Gone)?;
                    return Poll::Ready(Ok(()));
                }
                // There are no frames of other kinds yet.
                Err(Err(_)) => {}
            }
        }
    }

    /// Waits for a while until the client has made room.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        self.stream.reserve_capacity(1);
        while self.stream.capacity() == 0 {
            match self.stream.poll_capacity(context) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Err(Gone)),
                Poll::Pending => {
                    if self.stream.poll_reset(context).is_ready() {
                        return Poll::Ready(Err(Gone));
                    }
                    let late = self.late.get_or_insert_with(|| Box::pin(sleep(LONGEST_UNTAKEN)));
                    ready!(late.as_mut().poll(context));
                    debug!("a call is given up: its client doesn't take the answer");
                    return Poll::Ready(Err(Gone));
                }
            }
        }
        self.late = None;
        Poll::Ready(Ok(()))
    }
}

impl Future for Exchange {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.poll_end(context).map(|_| ())
    }
}
