//! Bodies that were looked at before they are handed on, and those that can be sent again.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;

use super::{AttachError, error::BoxError};

pin_project_lite::pin_project! {
    /// A body that may have been looked at: it reads as the one that it stands for.
    ///
    /// What a tower service below the layer gets as a request's body, and what the layer
    /// returns as a response's.
    pub struct TokenBody<B>
    where
        B: Body,
    {
        start: VecDeque<Bytes>,
        trailers: Option<HeaderMap>,
        failed: Option<B::Error>,
        // What hasn't been read yet; without it, the body ends with the trailers or the
        // error above.
        #[pin]
        rest: Option<B>,
        tape: Option<Tape>,
    }
}

/// All of a body.
#[derive(Clone, Default)]
pub(super) struct Whole {
    pub(super) data: VecDeque<Bytes>,
    pub(super) trailers: Option<HeaderMap>,
}

/// A request's body: one that is known, or one that comes bit by bit.
pub(super) enum Carried<B> {
    Whole(Whole),
    Stream(B),
}

/// What is left of a request's body once it was sent.
#[derive(Clone)]
pub(super) enum Sent {
    Whole(Whole),
    Taped(Tape),
}

/// Keeps a copy of a body that comes bit by bit while it is sent, as long as it is short.
#[derive(Clone)]
pub(super) struct Tape {
    recording: Arc<Mutex<Recording>>,
}

struct Recording {
    heard: Whole,
    room: usize,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// More may come.
    Ahead,
    /// All of it was heard.
    Reached,
    /// It was too long, or it failed.
    Missed,
}

impl<B> Carried<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// Reads a body that says that it is no longer than `limit`; it is all there, or comes
    /// from what the program has at hand.
    pub(super) async fn of(body: B, limit: usize) -> Result<Self, AttachError> {
        if body.size_hint().exact().is_none_or(|length| length > limit as u64) {
            return Ok(Self::Stream(body));
        }
        let all = body.collect().await;
        let all = all.map_err(|error| AttachError::RequestBody(error.into()))?;
        let trailers = all.trailers().cloned();
        Ok(Self::Whole(Whole { data: [all.to_bytes()].into(), trailers }))
    }

    /// Opens the body for sending, and keeps what can be sent again.
    pub(super) fn open(self, limit: usize) -> (TokenBody<B>, Sent) {
        match self {
            Self::Whole(whole) => (whole.clone().into(), Sent::Whole(whole)),
            Self::Stream(body) => {
                let tape = Tape::new(limit, body.is_end_stream());
                let heard = TokenBody { tape: Some(tape.clone()), ..TokenBody::unread(body) };
                (heard, Sent::Taped(tape))
            }
        }
    }
}

impl Whole {
    /// Returns all of the data in one piece.
    pub(super) fn bytes(&self) -> Bytes {
        let mut data = self.data.iter();
        match (data.next(), data.len()) {
            (None, _) => Bytes::new(),
            (Some(only), 0) => only.clone(),
            _ => self.data.iter().flatten().copied().collect::<Vec<u8>>().into(),
        }
    }
}

impl Sent {
    /// Returns what was sent, if it was all sent and isn't too long.
    pub(super) fn again(&self) -> Option<Whole> {
        match self {
            Self::Whole(whole) => Some(whole.clone()),
            Self::Taped(tape) => {
                let recording = tape.lock();
                (recording.end == End::Reached).then(|| recording.heard.clone())
            }
        }
    }
}

impl Tape {
    fn new(room: usize, is_over: bool) -> Self {
        let end = if is_over { End::Reached } else { End::Ahead };
        let recording = Recording { heard: Whole::default(), room, end };
        Self { recording: Arc::new(Mutex::new(recording)) }
    }

    /// Hears a frame, the end, or a failure.
    fn hear<E>(&self, frame: Option<&Result<Frame<Bytes>, E>>, is_over: bool) {
        let mut recording = self.lock();
        if recording.end != End::Ahead {
            return;
        }
        match frame {
            None => recording.end = End::Reached,
            Some(Err(_)) => recording.end = End::Missed,
            Some(Ok(frame)) => {
                let data = frame.data_ref().cloned().unwrap_or_default();
                match recording.room.checked_sub(data.len()) {
                    None => recording.end = End::Missed,
                    Some(room) => {
                        recording.room = room;
                        recording.heard.data.push_back(data);
                        recording.heard.trailers = frame.trailers_ref().cloned();
                        if is_over {
                            recording.end = End::Reached;
                        }
                    }
                }
            }
        }
        if recording.end == End::Missed {
            recording.heard = Whole::default();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Recording> {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Body> TokenBody<B> {
    /// Returns a body that nobody has looked at.
    pub(super) fn unread(body: B) -> Self {
        Self { start: VecDeque::new(), trailers: None, failed: None, rest: Some(body), tape: None }
    }

    /// Returns all of the data, if it is at hand.
    #[cfg(feature = "reqwest")]
    pub(super) fn bytes(&self) -> Option<Bytes> {
        let is_whole = self.rest.is_none() && self.trailers.is_none() && self.failed.is_none();
        is_whole.then(|| Whole { data: self.start.clone(), trailers: None }.bytes())
    }
}

impl<B: Body<Data = Bytes> + Unpin> TokenBody<B> {
    /// Reads a body to its end, and returns it with the bytes, unless it goes on for longer
    /// than `limit` or fails. It can be read from its start again.
    pub(super) async fn look(body: B, limit: usize) -> (Self, Option<Bytes>) {
        let mut seen = Self::unread(body);
        let mut length = 0_usize;
        while let Some(rest) = &mut seen.rest {
            match rest.frame().await {
                None => seen.rest = None,
                Some(Err(error)) => {
                    seen.failed = Some(error);
                    seen.rest = None;
                    return (seen, None);
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        length = length.saturating_add(data.len());
                        seen.start.push_back(data);
                        if length > limit {
                            return (seen, None);
                        }
                    }
                    Err(frame) => {
                        seen.trailers = frame.into_trailers().ok();
                        seen.rest = None;
                    }
                },
            }
        }
        let bytes = Whole { data: seen.start.clone(), trailers: None }.bytes();
        (seen, Some(bytes))
    }
}

impl<B: Body> From<Whole> for TokenBody<B> {
    fn from(whole: Whole) -> Self {
        let Whole { mut data, trailers } = whole;
        data.retain(|data| !data.is_empty());
        Self { start: data, trailers, failed: None, rest: None, tape: None }
    }
}

impl<B: Body> From<Bytes> for TokenBody<B> {
    fn from(bytes: Bytes) -> Self {
        Whole { data: [bytes].into(), trailers: None }.into()
    }
}

/// What is in it isn't shown: a token may be.
impl<B: Body> fmt::Debug for TokenBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBody").finish_non_exhaustive()
    }
}

impl<B: Body<Data = Bytes>> Body for TokenBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        if let Some(data) = this.start.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let Some(mut rest) = this.rest.as_pin_mut() else {
            let error = this.failed.take().map(Err);
            let trailers = this.trailers.take().map(|trailers| Ok(Frame::trailers(trailers)));
            return Poll::Ready(error.or(trailers));
        };
        let frame = ready!(rest.as_mut().poll_frame(context));
        if let Some(tape) = this.tape {
            tape.hear(frame.as_ref(), rest.is_end_stream());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let is_over = self.rest.as_ref().is_none_or(Body::is_end_stream);
        is_over && self.start.is_empty() && self.trailers.is_none() && self.failed.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let start = self.start.iter().map(|data| data.len() as u64).sum::<u64>();
        let rest = self.rest.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint);
        let mut hint = SizeHint::new();
        // An upper bound can't be below the lower one that is set already.
        hint.set_lower(start.saturating_add(rest.lower()));
        if let Some(upper) = rest.upper() {
            hint.set_upper(start.saturating_add(upper));
        }
        hint
    }
}
