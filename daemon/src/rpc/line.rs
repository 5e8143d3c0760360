//! A connection as HTTP/2 is served over it: what comes is mended and noted, and what goes is
//! gathered, so that a call's answer is one write.
//!
//! h2 flushes the message of an answer before it looks at the trailers, and each write wakes the
//! client. So what is flushed is kept until all is read that the client has said: by then the
//! trailers are there, and the answers to other calls.

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

/// How often more is read before what was flushed is written: a client that goes on and on has
/// its answers all the same.
const MOST_READS: u32 = 8;

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
    /// How often more was read since it was flushed, if it was.
    due: Option<u32>,
}

impl<S> Line<S> {
    pub(super) fn new(stream: S, usage: Arc<Usage>) -> Self {
        let (frames, gathered) = (Some(Frames::default()), Zeroizing::default());
        Self { stream, usage, frames, gathered, due: None }
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
        self.due = None;
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
        let known = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        let reads = this.due.as_mut().map(|reads| std::mem::replace(reads, *reads + 1));
        let is_silent = read.is_pending() || buffer.filled().len() == known;
        // A client that doesn't take it is heard when it does.
        if reads.is_some_and(|reads| is_silent || reads >= MOST_READS)
            && let Poll::Ready(written) = this.poll_gathered(context)
        {
            written?;
        }
        ready!(read)?;
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
        if self.gathered.is_empty() || self.gathered.len() >= MOST {
            return self.poll_gathered(context);
        }
        if self.due.is_none() {
            self.due = Some(0);
            context.waker().wake_by_ref();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_gathered(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
