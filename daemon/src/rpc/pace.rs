//! Reads a connection at the pace at which its user may be heard, and its client listens.

#[cfg(test)]
mod tests;

use std::{
    io::{self, ErrorKind},
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};
use zeroize::Zeroizing;

use super::turns::{Place, Turn};

/// How much is read in one turn, in bytes, while others call, too: three or four calls that
/// acquire a token, or seven signs of life. What takes more goes on in the next round, a few
/// microseconds later.
const TURN: usize = 128;

/// How much is read in a connection's first turn, in bytes: a greeting and a call. To be heard in
/// two turns would have the client woken for each.
const FIRST_TURN: usize = 256;

/// How much is read in one turn of a user who is alone, in bytes. Short ones would cost a user
/// who has many calls under way more than half of them: each is a round, and a write. Whoever
/// comes then waits for one such turn, a fraction of a millisecond.
const LONG_TURN: usize = 512;

/// How long a client may read nothing at all while answers wait for it. One that is stopped, or
/// looked at with a debugger, has room for 200 KiB of them before this counts.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// A connection that is read when it is its user's turn, and not while its client doesn't read
/// what it is answered: whatever it asked for meanwhile would have to be kept.
#[derive(Debug)]
pub(super) struct Paced<S> {
    stream: S,
    place: Place,
    /// What was read and waits for its turn: secrets may be among it.
    held: Box<Zeroizing<[u8; LONG_TURN]>>,
    from: usize,
    to: usize,
    /// Whether it has been heard.
    is_known: bool,
    /// Since the client has stopped reading.
    silence: Option<Pin<Box<Sleep>>>,
    /// Who would have read meanwhile.
    refused: Option<Waker>,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, place: Place) -> Self {
        let held = Box::new(Zeroizing::new([0; LONG_TURN]));
        Self { stream, place, held, from: 0, to: 0, is_known: false, silence: None, refused: None }
    }

    /// Notes whether the client has taken what was written.
    fn noted<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.silence = None;
            if let Some(refused) = self.refused.take() {
                refused.wake();
            }
            return written;
        }
        let silence = self.silence.get_or_insert_with(|| Box::pin(sleep(LONGEST_SILENCE)));
        ready!(silence.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the client doesn't read its answers")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.silence.is_some() {
            this.refused = Some(context.waker().clone());
            return Poll::Pending;
        }
        if this.from == this.to {
            let mut held = ReadBuf::new(&mut this.held[..]);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut held))?;
            (this.from, this.to) = (0, held.filled().len());
            if this.to == 0 {
                return Poll::Ready(Ok(()));
            }
        }
        let most = match ready!(this.place.poll_turn(context)) {
            Turn::Short if !this.is_known => FIRST_TURN,
            Turn::Short => TURN,
            Turn::Long => LONG_TURN,
        };
        this.is_known = true;
        let length = buffer.remaining().min(this.to - this.from).min(most);
        buffer.put_slice(&this.held[this.from..this.from + length]);
        this.from += length;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.noted(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.noted(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
