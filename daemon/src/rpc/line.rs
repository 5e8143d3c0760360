//! A connection as HTTP/2 is served over it: what comes is mended and noted, and what goes is
//! gathered, so that a call's answer is one write.
//!
//! h2 flushes the message of an answer before it looks at the trailers, and each write wakes the
//! client. So what is flushed is kept until the connection is looked at next, which is at once:
//! by then the trailers are there, and the answers to other calls.

#[cfg(test)]
mod tests;

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use zeroize::Zeroizing;

use super::{
    authority::{Frames, Outlook},
    quiet::Usage,
};

/// How much is gathered, in bytes, before it is written all the same: a frame, which h2 also
/// lets wait at most.
const MOST: usize = 16 * 1_024;

/// A connection, of which nothing has been read yet.
#[derive(Debug)]
pub(super) struct Line<S> {
    stream: S,
    usage: Arc<Usage>,
    /// None as soon as the client is known to name a valid authority.
    frames: Option<Frames>,
    /// What is to be written. It goes as soon as it is written, since a connection that is
    /// silent is to take no room, and since tokens are in it.
    gathered: Zeroizing<Vec<u8>>,
    /// Whether it was flushed, and goes when the connection is looked at again.
    is_due: bool,
}

impl<S> Line<S> {
    pub(super) fn new(stream: S, usage: Arc<Usage>) -> Self {
        let (frames, gathered) = (Some(Frames::default()), Zeroizing::default());
        Self { stream, usage, frames, gathered, is_due: false }
    }
}

impl<S: AsyncWrite + Unpin> Line<S> {
    /// Writes what was gathered.
    fn poll_gathered(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.gathered.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.gathered))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            if written == self.gathered.len() {
                self.gathered = Zeroizing::default();
            } else {
                self.gathered.drain(..written);
            }
        }
        self.is_due = false;
        Pin::new(&mut self.stream).poll_flush(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Line<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        // Who doesn't take it is looked at when it is written.
        if this.is_due
            && let Poll::Ready(written) = this.poll_gathered(context)
        {
            written?;
        }
        let known = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        let read = &mut buffer.filled_mut()[known..];
        this.usage.hear(read.len());
        if let Some(frames) = &mut this.frames
            && frames.mend(read) == Outlook::Fine
        {
            this.frames = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Line<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.gathered.len() >= MOST {
            ready!(self.poll_gathered(context))?;
        }
        let before = self.gathered.len();
        // Made large enough at once: what is moved elsewhere leaves a copy behind.
        let length = slices.iter().map(|slice| slice.len()).sum::<usize>().min(MOST);
        self.gathered.reserve(length);
        for slice in slices {
            let room = MOST - (self.gathered.len() - before);
            self.gathered.extend_from_slice(&slice[..slice.len().min(room)]);
        }
        Poll::Ready(Ok(self.gathered.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.gathered.is_empty() || self.is_due {
            return self.poll_gathered(context);
        }
        self.is_due = true;
        context.waker().wake_by_ref();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_gathered(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
