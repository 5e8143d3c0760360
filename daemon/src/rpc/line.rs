//! A connection as HTTP/2 is served over it: what comes is mended and noted, and what goes is
//! gathered, so that a call's answer is one write.
//!
//! h2 flushes the message of an answer before it looks at the trailers, and each write wakes the
//! client. So what is flushed is kept, and written by whoever has h2 look at the connection, once
//! it has nothing else to do for now: by then the trailers are there, and the answers to other
//! calls.

#[cfg(test)]
mod tests;

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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

/// A connection. What shares it writes what the other has gathered.
#[derive(Debug)]
pub(super) struct Line<S>(Arc<Mutex<Ends<S>>>);

#[derive(Debug)]
struct Ends<S> {
    stream: S,
    usage: Arc<Usage>,
    /// None as soon as the client is known to name a valid authority.
    frames: Option<Frames>,
    /// What is to be written. It goes as soon as it is written, since a connection that is
    /// silent is to take no room, and since tokens are in it.
    gathered: Zeroizing<Vec<u8>>,
}

impl<S> Line<S> {
    /// Takes a connection of which nothing has been read yet.
    pub(super) fn new(stream: S, usage: Arc<Usage>) -> Self {
        let (frames, gathered) = (Some(Frames::default()), Zeroizing::default());
        Self(Arc::new(Mutex::new(Ends { stream, usage, frames, gathered })))
    }

    /// Returns the same connection once more.
    pub(super) fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    fn ends(&self) -> MutexGuard<'_, Ends<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncWrite + Unpin> Line<S> {
    /// Writes what was gathered.
    pub(super) fn poll_written(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ends().poll_gathered(context)
    }
}

impl<S: AsyncWrite + Unpin> Ends<S> {
    fn poll_gathered(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.gathered.is_empty() {
            return Poll::Ready(Ok(()));
        }
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
        Pin::new(&mut self.stream).poll_flush(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Line<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut ends = self.ends();
        let known = buffer.filled().len();
        ready!(Pin::new(&mut ends.stream).poll_read(context, buffer))?;
        let read = &mut buffer.filled_mut()[known..];
        ends.usage.hear(read.len());
        if let Some(frames) = &mut ends.frames
            && frames.mend(read) == Outlook::Fine
        {
            ends.frames = None;
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
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut ends = self.ends();
        if ends.gathered.len() >= MOST {
            ready!(ends.poll_gathered(context))?;
        }
        let before = ends.gathered.len();
        // Made large enough at once: what is moved elsewhere leaves a copy behind.
        let length = slices.iter().map(|slice| slice.len()).sum::<usize>().min(MOST);
        ends.gathered.reserve(length);
        for slice in slices {
            let room = MOST - (ends.gathered.len() - before);
            ends.gathered.extend_from_slice(&slice[..slice.len().min(room)]);
        }
        Poll::Ready(Ok(ends.gathered.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut ends = self.ends();
        if ends.gathered.len() < MOST {
            return Poll::Ready(Ok(()));
        }
        ends.poll_gathered(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut ends = self.ends();
        ready!(ends.poll_gathered(context))?;
        Pin::new(&mut ends.stream).poll_shutdown(context)
    }
}
